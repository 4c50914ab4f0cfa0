"""Whether a container's user can read what is mounted for it. Pure but for `stat`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.serving.model_files import files_of


@dataclass(frozen=True)
class Reader:
    """Who reads inside the container."""

    uid: int
    gid: int
    overrides: bool
    """Root that has kept its power over permissions."""


@dataclass(frozen=True)
class Unreadable:
    """A file that the container could not open."""

    path: Path
    why: str
    """`mode`: its permissions. `link`: a link that leads out of the folder, and so nowhere inside."""


def choose_reader(user: str, image_user: str, *, drops_all: bool, own: tuple[int, int]) -> Reader:
    """Who the container's program runs as.

    Args:
        user: Of the container; empty: the image's.
        image_user: Of the image; empty: root. A name that only the image knows is taken for somebody without rights.
        drops_all: The container loses every capability, and root with it the power over permissions.
        own: Our own uid and gid.
    """
    chosen = user or image_user or "0"
    uid_text, _, gid_text = chosen.partition(":")
    uid = int(uid_text) if uid_text.isdigit() else 0 if uid_text == "root" else 65534
    # a uid without a group gets group 0, as the engine does it
    gid = int(gid_text) if gid_text.isdigit() else 0
    return Reader(uid, gid, overrides=uid == 0 and not drops_all and own[0] >= 0)


def find_unreadable(path: Path, reader: Reader) -> Unreadable | None:
    """The first file below a mounted path that the reader could not open."""
    root = path.resolve()
    for entry in [root, *_entries(root)]:
        if entry.is_symlink() and not entry.resolve().is_relative_to(root):
            return Unreadable(entry, "link")
        if not can_read(entry, reader):
            return Unreadable(entry, "mode")
    return None


def can_read(path: Path, reader: Reader) -> bool:
    """Whether the reader may open a file, or list and enter a folder."""
    if reader.overrides:
        return True
    facts = path.stat()
    needed = 0o5 if stat.S_ISDIR(facts.st_mode) else 0o4
    if facts.st_uid == reader.uid:
        allowed = facts.st_mode >> 6
    elif facts.st_gid == reader.gid:
        allowed = facts.st_mode >> 3
    else:
        allowed = facts.st_mode
    return allowed & needed == needed


def can_write(folder: Path, reader: Reader) -> bool:
    """Whether the reader may make files in a folder; one that does not exist yet will be ours."""
    home = folder
    while not home.exists():
        home = home.parent
    if home != folder:
        return os.access(home, os.W_OK) and (reader.overrides or reader.uid == os.geteuid())
    facts = folder.stat()
    if reader.overrides:
        return True
    if facts.st_uid == reader.uid:
        return bool(facts.st_mode & 0o200)
    return bool(facts.st_mode & (0o020 if facts.st_gid == reader.gid else 0o002))


def _entries(root: Path) -> Iterable[Path]:
    if root.is_dir():
        folders = {file.parent for file in files_of(root)}
        yield from sorted(folders - {root})
        yield from files_of(root)
