"""Every code that training tells has its sentence, also those chosen at run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from workbench.i18n import load_catalogue
from workbench.training import data, sft


def calls(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Names of called methods with their literal positional arguments."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                yield name, [arg.value for arg in node.args if isinstance(arg, ast.Constant)]


def test_every_event_phase_and_unit_has_its_words(repo_root: Path) -> None:
    catalogue = load_catalogue("ja")
    found = list(calls(repo_root / "workbench" / "training"))
    events = [f"event.{args[0]}" for name, args in found if name in ("event", "_tell_once") and args]
    phases = [f"phase.{args[0]}" for name, args in found if name == "progress" and args]
    units = [f"unit.{args[-1]}" for name, args in found if name == "progress" and len(args) > 1]
    assert len(events) > 12
    assert len(phases) > 5
    assert [key for key in (*events, *phases, *units) if key not in catalogue] == []


def test_codes_that_are_looked_up_have_their_sentences() -> None:
    catalogue = load_catalogue("ja")
    errors = [*data._NONE_USABLE.values(), *sft._MEMORY_FIX.values()]
    keys = [f"error.{code}.{part}" for code in errors for part in ("message", "hint")]
    keys += [f"event.{code}" for code in data._SKIPPED.values()]
    assert [key for key in keys if key not in catalogue] == []
