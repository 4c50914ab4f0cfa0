"""Reading files in blocks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

from workbench.conversion.sources.base import BLOCK_BYTES
from workbench.errors import InputError


class Files:
    """Files that are opened when first read and closed together."""

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}

    def read_range(self, path: Path, offset: int, length: int) -> Iterator[bytes]:
        """A range of a file in blocks.

        Raises:
            InputError: `checkpoint_short` where the file ends before the range does.
        """
        handle = self._handle(path)
        handle.seek(offset)
        while length > 0:
            block = handle.read(min(BLOCK_BYTES, length))
            if not block:
                raise InputError("checkpoint_short", path=str(path))
            length -= len(block)
            yield block

    def read_bytes(self, path: Path, offset: int, length: int) -> bytes:
        """A short range at once."""
        return b"".join(self.read_range(path, offset, length))

    def size(self, path: Path) -> int:
        """Bytes of a file."""
        self._handle(path)
        return path.stat().st_size

    def handle(self, path: Path) -> BinaryIO:
        """The open file, for readers that seek by themselves."""
        return self._handle(path)

    def _handle(self, path: Path) -> BinaryIO:
        if path not in self._open:
            try:
                self._open[path] = path.open("rb", buffering=0)
            except FileNotFoundError as exc:
                raise InputError("checkpoint_file_missing", path=str(path)) from exc
            except OSError as exc:
                raise InputError(
                    "checkpoint_file_unreadable", path=str(path), reason=exc.strerror or ""
                ) from exc
        return self._open[path]

    def close(self) -> None:
        """Close all."""
        for handle in self._open.values():
            handle.close()
        self._open.clear()

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Closable(Protocol):
    """Something that holds files."""

    def close(self) -> None: ...


@contextmanager
def closed_on_error(held: Closable) -> Generator[None]:
    """Close what is held where the block raises; otherwise it stays open for its user."""
    with ExitStack() as opened:
        opened.callback(held.close)
        yield
        opened.pop_all()


def resolve_inside(folder: Path, relative: str) -> Path:
    """A file named by a checkpoint; it must lie in the checkpoint's own folder.

    Raises:
        InputError: `path_leaves_folder`.
    """
    path = (folder / relative).resolve()
    if not any(path.is_relative_to(root) for root in _roots(folder)):
        raise InputError("path_leaves_folder", path=relative[:200])
    return path


def _roots(folder: Path) -> list[Path]:
    """Where the files of a folder may really lie: a hub's cache keeps them beside its snapshots."""
    whole = folder.resolve()
    cached = whole.parent.name == "snapshots"
    return [whole, whole.parent.parent / "blobs"] if cached else [whole]


def refuse_links(folder: Path) -> None:
    """A link of a stranger's folder could hand any file of this machine on to a server.

    Raises:
        InputError: `path_leaves_folder` where a link leads out of the folder.
    """
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            resolve_inside(folder, path.name)
