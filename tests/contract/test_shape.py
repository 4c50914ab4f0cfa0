"""The tree stays readable: sizes, prints, broad excepts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 500
FUNCTION_LINES = 120
USUAL_FUNCTION_LINES = 60
PARAMETERS = 9


def _sources(repo_root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted((repo_root / "workbench").rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")


def _functions(repo_root: Path) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, text in _sources(repo_root):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def test_no_module_is_too_long(repo_root: Path) -> None:
    lengths = {path.name: text.count("\n") for path, text in _sources(repo_root)}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_functions_are_short(repo_root: Path) -> None:
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for _, node in _functions(repo_root)]
    assert max(lengths) <= FUNCTION_LINES
    usual = sum(length <= USUAL_FUNCTION_LINES for length in lengths)
    assert usual / len(lengths) >= 0.95


def test_functions_take_few_parameters(repo_root: Path) -> None:
    many = [
        f"{path.name}:{node.name}"
        for path, node in _functions(repo_root)
        if len(node.args.args)
        + len(node.args.kwonlyargs)
        - (node.args.args[:1] != [] and node.args.args[0].arg == "self")
        > PARAMETERS
    ]
    assert many == []


def test_broad_excepts_are_rare(repo_root: Path) -> None:
    lines = broad = 0
    for _, text in _sources(repo_root):
        lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler):
                broad += node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
    assert broad / lines * 1000 < 1.5


def test_every_module_says_what_it_is(repo_root: Path) -> None:
    silent = [str(path) for path, text in _sources(repo_root) if not ast.get_docstring(ast.parse(text))]
    assert silent == []
