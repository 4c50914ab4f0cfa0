"""Content hashes: equal content, equal hash, wherever it lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from workbench.errors import NotFoundError
from workbench.schemas.artifact import ArtifactRef, FileEntry

MANIFEST = "artifact.json"


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def hash_entries(entries: Iterable[FileEntry]) -> str:
    """One hash over file entries: their relative paths, sizes and hashes, in the order of the paths."""
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda item: item.path):
        digest.update(f"{entry.path}\0{entry.bytes}\0{entry.sha256}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def list_entries(folder: Path) -> list[FileEntry]:
    """Every file of a folder with its size and hash, sorted by path.

    Left out are the manifest itself and whatever is hidden: hubs keep their book-keeping in such folders, and
    it differs between two downloads of the same model.
    """
    return [
        FileEntry(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=hash_file(path))
        for path in sorted(_walk(folder))
    ]


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(root, name)
            is_manifest = path.parent == folder and name == MANIFEST
            if not name.startswith(".") and not is_manifest and path.is_file():
                yield path


def hash_folder(path: Path) -> str:
    """One hash over the content of a folder; the same as the artifact's hash if the folder is one."""
    return hash_entries(list_entries(path))


def ref_path(path: Path) -> ArtifactRef:
    """A reference to an outside file or folder by its absolute path and content.

    Raises:
        NotFoundError: `path_missing`.
    """
    absolute = path.expanduser().absolute()
    if absolute.is_dir():
        return ArtifactRef(id=str(absolute), sha256=hash_folder(absolute))
    if absolute.is_file():
        return ArtifactRef(id=str(absolute), sha256=hash_file(absolute))
    raise NotFoundError("path_missing", path=str(absolute))


def folder_bytes(path: Path) -> int:
    """Bytes of all files under a folder, hidden ones included; links count as nothing."""
    total = 0
    for root, _, names in os.walk(path):
        for name in names:
            try:
                total += Path(root, name).lstat().st_size
            except FileNotFoundError:  # replaced or deleted while we look
                continue
    return total
