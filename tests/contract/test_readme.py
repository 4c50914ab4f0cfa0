"""The README says the same in both languages, and what it says is there."""

from __future__ import annotations

import re
from pathlib import Path


def _halves(repo_root: Path) -> tuple[str, str]:
    japanese, english = (repo_root / "README.md").read_text(encoding="utf-8").split('<a id="english"></a>')
    return japanese, english


def test_both_halves_have_the_same_number_of_headings_tables_and_commands(repo_root: Path) -> None:
    japanese, english = _halves(repo_root)
    for pattern in (r"^## ", r"^\|", r"^python ", r"^!\[", r"^- "):
        counts = [len(re.findall(pattern, half, re.MULTILINE)) for half in (japanese, english)]
        assert counts[0] == counts[1], pattern


def test_every_picture_and_linked_file_exists(repo_root: Path) -> None:
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#][^)]*)\)", text)
    assert targets
    assert [target for target in targets if not (repo_root / target).exists()] == []


def test_every_folder_of_the_tree_exists(repo_root: Path) -> None:
    for half in _halves(repo_root):
        tree = half.split("```\nlaunch.py")[1].split("```")[0]
        rooms = re.findall(r"^  (\w+)/(?: (\w+)/)?", tree, re.MULTILINE)
        names = [name for pair in rooms for name in pair if name]
        assert len(names) >= 14
        assert [name for name in names if not (repo_root / "workbench" / name).is_dir()] == []
