from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from workbench.artifacts.hashing import folder_bytes, hash_file, hash_folder, list_entries, ref_path
from workbench.errors import NotFoundError


def _fill(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    return folder


def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert hash_file(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()


def test_equal_folders_have_equal_hashes_wherever_they_lie(tmp_path: Path) -> None:
    assert hash_folder(_fill(tmp_path / "one")) == hash_folder(_fill(tmp_path / "two"))


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_any_change_changes_the_hash(tmp_path: Path, change: str) -> None:
    folder = _fill(tmp_path / "one")
    before = hash_folder(folder)
    if change == "content":
        (folder / "a.txt").write_text("c")
    elif change == "name":
        (folder / "a.txt").rename(folder / "c.txt")
    else:
        (folder / "more.txt").write_text("")
    assert hash_folder(folder) != before


def test_what_a_hub_hides_and_the_manifest_do_not_count(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "one")
    before = hash_folder(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "etag").write_text("today")
    (folder / ".hidden").write_text("x")
    (folder / "artifact.json").write_text("{}")
    assert hash_folder(folder) == before
    assert [entry.path for entry in list_entries(folder)] == ["a.txt", "sub/b.txt"]


def test_a_linked_file_counts_by_its_content(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "one")
    linked = tmp_path / "two"
    (linked / "sub").mkdir(parents=True)
    (linked / "a.txt").symlink_to(folder / "a.txt")
    (linked / "sub" / "b.txt").symlink_to(folder / "sub" / "b.txt")
    assert hash_folder(linked) == hash_folder(folder)


def test_an_outside_path_is_referred_to_by_place_and_content(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "one")
    assert ref_path(folder).id == str(folder)
    assert ref_path(folder).sha256 == hash_folder(folder)
    assert ref_path(folder / "a.txt").sha256 == hash_file(folder / "a.txt")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        ref_path(tmp_path / "gone")
    assert caught.value.code == "path_missing"
    assert caught.value.params["path"] == str(tmp_path / "gone")


def test_the_size_of_a_folder_counts_every_file(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "one")
    (folder / ".hidden").write_bytes(b"x" * 100)
    assert folder_bytes(folder) == 102
    assert folder_bytes(tmp_path / "gone") == 0
