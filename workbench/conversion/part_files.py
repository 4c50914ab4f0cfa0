"""Output files that grow under the name `<name>.part` and get their own name when they are whole and on the disk."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from workbench.errors import InternalError

PART = ".part"
MODE = 0o644
"""Readable for a server that runs as another user."""
SENT_BYTES = 32 << 20
"""After so many bytes the disk is told to begin with them."""
AHEAD = 4
"""Blocks that are made before the disk has taken the one before them."""

Block = bytes | memoryview
Written = Callable[[int], None]
"""Told the bytes of every block that was written."""


class LaidOut(Protocol):
    """A file whose size and header are known before a weight is read."""

    @property
    def name(self) -> str:
        """Name in its folder."""
        ...

    @property
    def header(self) -> bytes:
        """Everything before the first weight."""
        ...

    @property
    def bytes(self) -> int:
        """Size on disk."""
        ...


@dataclass(frozen=True)
class Piece:
    """One tensor on its way into a file."""

    name: str
    blocks: Iterator[Block]
    bytes: int
    """What the blocks must come to."""
    padding: int = 0
    """Zeros behind it."""


def write_pieces(file: LaidOut, pieces: Iterable[Piece], folder: Path, written: Written) -> Path:
    """Write the header and then each piece; afterwards the file is whole and on the disk.

    Args:
        file: What to write.
        pieces: Its tensors in their order; each is opened when its turn comes.
        folder: Where to.
        written: Told of every block; may raise to stop, and then only the `.part` file is left.

    Raises:
        InputError: The source is damaged.
        InternalError: `conversion_wrong_size`.
        OSError: The disk is full or cannot be written.
    """
    path, part = folder / file.name, folder / f"{file.name}{PART}"
    with part.open("wb") as handle, closing(read_ahead(_lay_out(pieces))) as blocks:
        handle.write(file.header)
        written(len(file.header))
        sent = 0
        for block in blocks:
            handle.write(block)
            written(len(block))
            if handle.tell() - sent >= SENT_BYTES:
                sent = _send_to_disk(handle, sent)
    finish(part, path)
    return path


def _send_to_disk(handle: BinaryIO, since: int) -> int:
    """Let the disk begin with what was written; without this it idles until the end, and then all is waited for.

    Args:
        handle: The file.
        since: Where what was not yet sent begins.

    Returns:
        Where it ends.
    """
    handle.flush()
    end = handle.tell()
    # on Linux this starts writing, waits for nothing, and drops no page that is not on the disk yet
    os.posix_fadvise(handle.fileno(), since, end - since, os.POSIX_FADV_DONTNEED)
    return end


def _lay_out(pieces: Iterable[Piece]) -> Iterator[Block]:
    for piece in pieces:
        size = 0
        for block in piece.blocks:
            size += len(block)
            yield block
        if size != piece.bytes:
            raise InternalError("conversion_wrong_size", name=piece.name)
        if piece.padding:
            yield bytes(piece.padding)


def read_ahead(blocks: Iterator[Block], count: int = AHEAD) -> Generator[Block]:
    """The same blocks, made by a thread up to `count` ahead of who takes them: a disk is waited for meanwhile."""
    pool = ThreadPoolExecutor(1, "blocks")
    try:
        coming = deque(pool.submit(next, blocks, None) for _ in range(count))
        while (block := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, blocks, None))
            yield block
    finally:
        pool.shutdown(cancel_futures=True)


def finish(part: Path, path: Path) -> None:
    """Give a whole file its name once the disk holds it."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
        os.fchmod(handle.fileno(), MODE)
    part.rename(path)


def is_written(file: LaidOut, folder: Path) -> bool:
    """Whether an earlier attempt finished this very file: its size and header are the same."""
    path = folder / file.name
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as handle:
        return handle.read(len(file.header)) == file.header
