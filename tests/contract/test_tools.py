"""The checks that hold the whole tree: types, lint, layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def _run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_ruff_finds_nothing(repo_root: Path) -> None:
    done = _run(["ruff", "check", "workbench", "tests", "launch.py", "assets", "benchmarks"], repo_root)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_code_is_formatted(repo_root: Path) -> None:
    done = _run(
        ["ruff", "format", "--check", "workbench", "tests", "launch.py", "assets", "benchmarks"], repo_root
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.slow
def test_pyright_strict_finds_nothing(repo_root: Path) -> None:
    # the environment that runs the tests is the one whose packages are looked at
    done = _run(["pyright", "--pythonpath", sys.executable], repo_root)
    assert done.returncode == 0, done.stdout[-4000:]


def test_imports_follow_the_layers(repo_root: Path) -> None:
    # in a process of its own: the tool reconfigures logging for everybody in its process
    code = "import sys, importlinter.cli as c; sys.exit(c.lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("package", ["schemas", "i18n", "jobs", "inference", "pipeline", "cli.main"])
def test_light_packages_bring_no_heavy_library(package: str, repo_root: Path) -> None:
    heavy = ["torch", "transformers", "trl", "peft", "gradio", "docker", "openai"]
    code = f"import sys, workbench.{package}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
