"""Generated documentation is what the schemas say today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from workbench.i18n import LANGUAGES


def test_the_option_tables_are_current(repo_root: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("options", repo_root / "docs" / "options.py")
    assert spec is not None
    assert spec.loader is not None
    options = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(options)
    options.write(tmp_path)
    for lang in LANGUAGES:
        name = f"options.{lang}.md"
        current = (tmp_path / name).read_text(encoding="utf-8")
        assert (repo_root / "docs" / name).read_text(encoding="utf-8") == current, (
            "run: python docs/options.py"
        )
