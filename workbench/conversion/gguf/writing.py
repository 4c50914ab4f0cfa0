"""Writes a GGUF file tensor by tensor; its size is known before the first weight is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.conversion.gguf.header import pad
from workbench.conversion.gguf.tensors import OutTensor
from workbench.conversion.writer import MODE, PART
from workbench.errors import InternalError

Written = Callable[[int], None]


@dataclass(frozen=True)
class GgufFile:
    """A file as it will be written."""

    name: str
    header: bytes
    tensors: tuple[OutTensor, ...]

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return len(self.header) + sum(pad(tensor.bytes) for tensor in self.tensors)

    @property
    def largest(self) -> int:
        """Elements of the largest tensor that is read whole at most."""
        return max((tensor.bytes for tensor in self.tensors), default=0)


def write_gguf(file: GgufFile, folder: Path, written: Written) -> Path:
    """Write the file; afterwards it is whole and on the disk.

    Args:
        file: What to write.
        folder: Where to.
        written: Told of every block; may raise to stop, and then only the `.part` file is left.

    Raises:
        InputError: The source is damaged.
        OSError: The disk is full or cannot be written.
    """
    path, part = folder / file.name, folder / f"{file.name}{PART}"
    with part.open("wb") as handle:
        handle.write(file.header)
        written(len(file.header))
        for tensor in file.tensors:
            size = 0
            for block in tensor.blocks():
                handle.write(block)
                size += len(block)
                written(len(block))
            if size != tensor.bytes:
                raise InternalError("conversion_wrong_size", name=tensor.name)
            handle.write(bytes(pad(size) - size))
            written(pad(size) - size)
    finish(part, path)
    return path


def finish(part: Path, path: Path) -> None:
    """Give a whole file its name once the disk holds it."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
        os.fchmod(handle.fileno(), MODE)
    part.rename(path)


def is_whole(file: GgufFile, folder: Path) -> bool:
    """Whether an earlier attempt finished this very file: its size and header are the same."""
    path = folder / file.name
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as handle:
        return handle.read(len(file.header)) == file.header
