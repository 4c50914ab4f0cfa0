"""Keeps files that people dropped into the page under the hash of their content."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from workbench.artifacts import hash_file
from workbench.errors import InputError
from workbench.paths import Workspace

HASH_LENGTH = 16
_UNSAFE = re.compile(r"[\x00-\x1f/\\:*?\"<>|]+")


def keep_upload(workspace: Workspace, dropped: Path) -> Path:
    """Copy a dropped file to `uploads/<hash>/<name>`; the same content lands in the same place.

    Raises:
        InputError: The file is gone (the browser sent it, but the temporary copy was cleared).
    """
    if not dropped.is_file():
        raise InputError("upload_gone", name=dropped.name)
    name = _UNSAFE.sub("_", dropped.name).lstrip(".") or "faq"
    folder = workspace.uploads / hash_file(dropped)[:HASH_LENGTH]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    if not target.exists():
        part = folder / f".{name}.part"
        shutil.copyfile(dropped, part)
        part.replace(target)
    return target


def is_known_source(workspace: Workspace, path: str, sample: Path) -> bool:
    """Whether a page may name this file: something uploaded here, or the sample.

    The page sends the path back with every event, so a forged one must not open any file of the machine.
    """
    given = Path(path)
    return given.resolve() == sample.resolve() or given.resolve().is_relative_to(workspace.uploads.resolve())
