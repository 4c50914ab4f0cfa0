from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.serving.makers import make_model
from workbench.serving.readable import Reader, can_write, choose_reader, find_unreadable

STRANGER = Reader(uid=12345, gid=12345, overrides=False)


def test_a_file_of_mode_600_cannot_be_read_by_another_user(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    tmp_path.chmod(0o755)
    model.chmod(0o755)
    assert find_unreadable(model, STRANGER) is None
    (model / "model.safetensors").chmod(0o600)
    found = find_unreadable(model, STRANGER)
    assert found is not None
    assert (found.path.name, found.why) == ("model.safetensors", "mode")
    owner = Reader(uid=os.getuid(), gid=os.getgid(), overrides=False)
    assert find_unreadable(model, owner) is None


def test_a_folder_that_cannot_be_entered_is_found_too(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    inner = model / "inner"
    inner.mkdir()
    (inner / "x").write_text("x")
    (inner / "x").chmod(0o644)
    model.chmod(0o755)
    inner.chmod(0o700)
    found = find_unreadable(model, STRANGER)
    assert found is not None
    assert found.path == inner


def test_a_link_out_of_the_folder_leads_nowhere_inside_a_container(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_text("w")
    model = make_model(tmp_path / "snapshot")
    (model / "linked.safetensors").symlink_to(blob)
    found = find_unreadable(model, Reader(0, 0, overrides=True))
    assert found is not None
    assert (found.path.name, found.why) == ("linked.safetensors", "link")


def test_a_link_inside_the_folder_is_fine(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    (model / "again.json").symlink_to(model / "config.json")
    assert find_unreadable(model, Reader(0, 0, overrides=True)) is None


@pytest.mark.parametrize(
    ("user", "image_user", "drops_all", "expected"),
    [
        ("1000", "", False, Reader(1000, 0, False)),
        ("1000:1001", "root", True, Reader(1000, 1001, False)),
        ("", "", False, Reader(0, 0, True)),
        ("", "root", True, Reader(0, 0, False)),
        ("", "nvs", False, Reader(65534, 0, False)),
        ("", "1000:100", False, Reader(1000, 100, False)),
    ],
)
def test_who_reads_is_the_container_s_user_or_the_image_s(
    user: str, image_user: str, drops_all: bool, expected: Reader
) -> None:
    assert choose_reader(user, image_user, drops_all=drops_all, own=(1000, 1000)) == expected


def test_a_cache_that_does_not_exist_yet_will_be_ours(tmp_path: Path) -> None:
    mine = Reader(os.geteuid(), os.getegid(), overrides=False)
    assert can_write(tmp_path / "a" / "b", mine)
    tmp_path.chmod(0o755)
    assert not can_write(tmp_path, STRANGER)
