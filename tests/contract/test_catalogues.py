"""Both languages say the same things, and everything that people see is in them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from workbench.i18n import LANGUAGES, load_catalogue

FIELD_SCHEMAS = {
    "workbench.schemas.training": ["SFTSettings", "LoraSettings", "DownloadConfig"],
}
ERROR_CLASSES = {
    "WorkbenchError",
    "InputError",
    "NotFoundError",
    "StateError",
    "ResourceError",
    "EndpointError",
    "InternalError",
}
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _modules(repo_root: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((repo_root / "workbench").rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_both_languages_have_the_same_keys() -> None:
    assert load_catalogue("ja").keys() == load_catalogue("en").keys()


def test_both_languages_have_the_same_placeholders() -> None:
    ja, en = load_catalogue("ja"), load_catalogue("en")
    differing = [key for key in ja if _placeholders(ja[key]) != _placeholders(en.get(key, ""))]
    assert differing == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_is_empty(lang: str) -> None:
    assert [key for key, text in load_catalogue(lang).items() if not text.strip()] == []  # type: ignore[arg-type]


def test_english_texts_hold_no_japanese() -> None:
    # the names of the two languages stand in their own script everywhere
    allowed = {"日本語"}
    found = {
        key: text
        for key, text in load_catalogue("en").items()
        if JAPANESE.search(text) and not any(word in text for word in allowed)
    }
    # format examples quote Japanese column names and phrases on purpose: they must be inside quotes
    bare = [
        key for key, text in found.items() if JAPANESE.search(re.sub(r"[“\"「『(].*?[”\"」』)]", "", text))
    ]
    assert bare == []


def test_every_error_code_in_the_code_has_message_and_hint(repo_root: Path) -> None:
    catalogue = load_catalogue("ja")
    missing: list[str] = []
    for path, tree in _modules(repo_root):
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if (
                node.func.id in ERROR_CLASSES
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                for part in ("message", "hint"):
                    if f"error.{first.value}.{part}" not in catalogue:
                        missing.append(f"{path.name}:{node.lineno} {first.value}.{part}")
    assert missing == []


def test_every_literal_key_in_the_code_exists(repo_root: Path) -> None:
    catalogue = load_catalogue("ja")
    missing: list[str] = []
    for path, tree in _modules(repo_root):
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            if (
                name in ("t", "text", "say")
                and literal
                and "." in first.value
                and first.value not in catalogue
            ):
                missing.append(f"{path.name}:{node.lineno} {first.value}")
    assert missing == []


def test_every_field_of_a_form_has_label_and_hint() -> None:
    import importlib

    catalogue = load_catalogue("ja")
    missing = [
        f"field.{name}.{field}.{part}"
        for module, names in FIELD_SCHEMAS.items()
        for name in names
        for field in getattr(importlib.import_module(module), name).model_fields
        for part in ("label", "hint")
        if field != "method" and f"field.{name}.{field}.{part}" not in catalogue
    ]
    assert missing == []


def test_catalogue_files_are_sorted_and_flat(repo_root: Path) -> None:
    wrong: list[str] = []
    for path in sorted((repo_root / "workbench" / "i18n").glob("*/*.json")):
        area = json.loads(path.read_text(encoding="utf-8"))
        if list(area) != sorted(area) or any(not isinstance(value, str) for value in area.values()):
            wrong.append(str(path.name))
    assert wrong == []


def test_every_area_exists_in_both_languages(repo_root: Path) -> None:
    folder = repo_root / "workbench" / "i18n"
    assert {p.name for p in (folder / "ja").glob("*.json")} == {
        p.name for p in (folder / "en").glob("*.json")
    }


def test_no_japanese_text_for_people_stands_in_the_faces(repo_root: Path) -> None:
    found: list[str] = []
    for path, tree in _modules(repo_root):
        if path.parts[-2] not in ("ui", "cli", "commands", "tabs", "components", "views"):
            continue
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            literal = (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            )
            if literal and JAPANESE.search(node.value) and node.value != "日本語":
                found.append(f"{path.name}:{node.lineno} {node.value[:30]}")
    assert found == []
