from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_importing_the_package_loads_no_model_library_and_no_openai(repo_root: Path) -> None:
    heavy = ("openai", "torch", "transformers", "peft", "fastapi", "workbench.inference.embedded")
    code = f"import sys, workbench.inference; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
