"""Files that `torch.save` wrote, and distributed checkpoints (DCP) made of them, read without torch.

Such a file is a zip archive with one pickle that describes views of storages, and one uncompressed record per
storage. The pickle is read by `safe_pickle`, the records straight from the file.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from workbench.conversion.safe_pickle import IndexRecord, Record, StorageView, load_pickle
from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo
from workbench.conversion.sources.files import Files, closed_on_error, resolve_inside
from workbench.conversion.sources.pieces import Piece, read_pieces
from workbench.errors import InputError

MAX_PICKLE = 200_000_000
_LOCAL_HEADER = 30


class _Slice:
    """A part of a file that looks like a file of its own."""

    def __init__(self, handle: BinaryIO, start: int, length: int) -> None:
        self._handle, self._start, self._length, self._at = handle, start, length, 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._length)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._length - self._at)
        size = left if size < 0 else min(size, left)
        self._handle.seek(self._start + self._at)
        data = self._handle.read(size)
        self._at += len(data)
        return data


@dataclass(frozen=True)
class Archive:
    """One torch file, or one piece of a distributed checkpoint."""

    content: Any
    """What was saved, tensors as `StorageView`."""
    records: Mapping[str, tuple[int, int]]
    """Storage key -> offset and length in bytes within the file on disk."""


def open_archive(path: Path, files: Files, start: int = 0, length: int | None = None) -> Archive:
    """Read a torch file without its weights.

    Args:
        path: The file.
        files: Keeps it open.
        start: Where the archive begins, in bytes.
        length: Its length; None: to the end of the file.

    Raises:
        InputError: `torch_file_damaged`, `torch_file_old`, `pickle_refused`, `pickle_damaged`.
    """
    handle = files.handle(path)
    size = files.size(path) - start if length is None else length
    if start + size > files.size(path):
        raise InputError("checkpoint_short", path=str(path))
    part = cast("BinaryIO", _Slice(handle, start, size))
    try:
        with zipfile.ZipFile(part) as archive:
            pickles = [info for info in archive.infolist() if info.filename.endswith("data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE:
                raise InputError("torch_file_damaged", path=str(path))
            prefix = pickles[0].filename.removesuffix("data.pkl")
            content = load_pickle(archive.read(pickles[0]), str(path))
            records = {
                info.filename.removeprefix(f"{prefix}data/"): _locate(info, part, start, path)
                for info in archive.infolist()
                if info.filename.startswith(f"{prefix}data/")
            }
    except zipfile.BadZipFile as exc:
        part.seek(0)
        code = "torch_file_old" if part.read(2) == b"\x80\x02" else "torch_file_damaged"
        raise InputError(code, path=str(path)) from exc
    return Archive(content, records)


def _locate(info: zipfile.ZipInfo, part: BinaryIO, start: int, path: Path) -> tuple[int, int]:
    if info.compress_type != zipfile.ZIP_STORED:
        raise InputError("torch_file_damaged", path=str(path))
    part.seek(info.header_offset)
    header = part.read(_LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return start + info.header_offset + _LOCAL_HEADER + name + extra, info.file_size


def read_view(view: StorageView, archive: Archive, path: Path, files: Files) -> Iterator[bytes | memoryview]:
    """The bytes of one tensor of an archive, in row-major order.

    Raises:
        InputError: `torch_file_damaged` where the view reaches beyond its storage.
    """
    size = ITEM_BYTES[view.dtype]
    offset, length = archive.records.get(view.key, (0, -1))
    count = math.prod(view.shape)
    if count == 0:
        return
    reach = (
        view.offset + sum((side - 1) * step for side, step in zip(view.shape, view.stride, strict=True)) + 1
    )
    if min((*view.stride, view.offset, 0)) < 0 or reach * size > length:
        raise InputError("torch_file_damaged", path=str(path))
    if _is_contiguous(view):
        yield from files.read_range(path, offset + view.offset * size, count * size)
        return
    # a transposed or sliced view: the storage is read whole and copied into order
    storage = np.frombuffer(files.read_bytes(path, offset, length), np.uint8).reshape(-1, size)
    strides = (*(step * size for step in view.stride), 1)
    ordered = np.lib.stride_tricks.as_strided(storage[view.offset :], (*view.shape, size), strides)
    yield ordered.tobytes()


def _is_contiguous(view: StorageView) -> bool:
    expected = 1
    for side, step in zip(reversed(view.shape), reversed(view.stride), strict=True):
        if side != 1 and step != expected:
            return False
        expected *= side
    return True


class BinSource:
    """A plain model in `pytorch_model*.bin` files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = Files()
        self._views: dict[str, tuple[StorageView, Archive, Path]] = {}
        with closed_on_error(self._files):
            self._read(paths)

    def _read(self, paths: Sequence[Path]) -> None:
        for path in paths:
            archive = open_archive(path, self._files)
            saved: object = archive.content
            content = cast("dict[Any, Any]", saved) if isinstance(saved, dict) else {}
            for name, value in content.items():
                if isinstance(value, StorageView):
                    self._views[str(name)] = (value, archive, path)
        if not self._views:
            raise InputError("torch_file_not_weights", path=str(paths[0] if paths else ""))

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """See `TensorSource`."""
        return {name: TensorInfo(name, view.dtype, view.shape) for name, (view, _, _) in self._views.items()}

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """See `TensorSource`."""
        view, archive, path = self._views[name]
        yield from read_view(view, archive, path, self._files)

    def close(self) -> None:
        """See `TensorSource`."""
        self._files.close()


@dataclass(frozen=True)
class _Chunk:
    path: Path
    offset: int
    length: int
    offsets: tuple[int, ...]
    shape: tuple[int, ...]


class DcpSource:
    """A distributed checkpoint: `.metadata` and `*.distcp` files.

    Args:
        folder: The folder with `.metadata`.

    The attribute `wrapped` tells whether all keys stand under `model.` (NeMo RL's first format); names are
    given without it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = Files()
        self._infos: dict[str, TensorInfo] = {}
        self._chunks: dict[str, list[_Chunk]] = {}
        with closed_on_error(self._files):
            self.wrapped = self._read(folder / ".metadata")

    def _read(self, path: Path) -> bool:
        metadata = load_pickle(self._files.read_bytes(path, 0, self._files.size(path)), str(path))
        if not isinstance(metadata, Record):
            raise InputError("pickle_damaged", path=str(path))
        states = _as_dict(metadata.get("state_dict_metadata"), path)
        planned = cast("dict[Any, Any]", metadata.get("planner_data") or {})
        names = [name for name, state in states.items() if _is_tensor(state)]
        wrapped = bool(names) and all(_first(planned.get(name)) == "model" for name in names)
        storage = _index_storage(_as_dict(metadata.get("storage_data"), path), path)
        for name in names:
            shown = name.removeprefix("model.") if wrapped else name
            self._infos[shown] = _tensor_info(shown, states[name], path)
            self._chunks[shown] = [
                self._chunk(name, chunk, storage, path) for chunk in states[name].get("chunks") or ()
            ]
        return wrapped

    def _chunk(self, name: str, chunk: Record, storage: Mapping[Any, Record], path: Path) -> _Chunk:
        try:
            offsets = tuple(int(value) for value in chunk.get("offsets"))
            shape = tuple(int(value) for value in chunk.get("sizes"))
            record = storage[(name, offsets)]
            where = resolve_inside(self._folder, str(record.get("relative_path")))
            return _Chunk(where, int(record.get("offset")), int(record.get("length")), offsets, shape)
        except (KeyError, TypeError, ValueError) as exc:
            raise InputError("pickle_damaged", path=str(path)) from exc

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """See `TensorSource`."""
        return self._infos

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """See `TensorSource`."""
        info, chunks = self._infos[name], self._chunks[name]
        opened = [self._open(info, chunk) for chunk in chunks]
        if all(piece is not None for piece, _, _ in opened):
            yield from read_pieces(info, [cast("Piece", piece) for piece, _, _ in opened], self._files)
            return
        if len(chunks) != 1:
            raise InputError("torch_file_damaged", path=str(chunks[0].path))
        _, view, archive = opened[0]
        yield from read_view(view, archive, chunks[0].path, self._files)

    def _open(self, info: TensorInfo, chunk: _Chunk) -> tuple[Piece | None, StorageView, Archive]:
        """A chunk as a piece of the file; None where it is not contiguous there."""
        archive = open_archive(chunk.path, self._files, chunk.offset, chunk.length)
        view = archive.content
        if not isinstance(view, StorageView) or view.shape != chunk.shape or view.dtype != info.dtype:
            raise InputError("torch_file_damaged", path=str(chunk.path))
        offset, length = archive.records.get(view.key, (0, -1))
        size = ITEM_BYTES[view.dtype]
        inside = view.offset >= 0 and (view.offset + math.prod(view.shape)) * size <= length
        if not _is_contiguous(view) or not inside:
            return None, view, archive
        return Piece(chunk.path, offset + view.offset * size, chunk.offsets, chunk.shape), view, archive

    def close(self) -> None:
        """See `TensorSource`."""
        self._files.close()


def _as_dict(value: Any, path: Path) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InputError("pickle_damaged", path=str(path))
    return cast("dict[Any, Any]", value)


def _is_tensor(state: Any) -> bool:
    return isinstance(state, Record) and state.get("chunks") is not None


def _first(plan: Any) -> Any:
    return cast("tuple[Any, ...]", plan)[0] if isinstance(plan, tuple) and plan else None


def _index_storage(storage: Mapping[Any, Any], path: Path) -> dict[Any, Record]:
    """(name, offsets) -> where it lies."""
    found: dict[Any, Record] = {}
    for index, record in storage.items():
        if not isinstance(index, IndexRecord) or not isinstance(record, Record):
            raise InputError("pickle_damaged", path=str(path))
        offsets = index.get("offset")
        found[(index.get("fqn"), None if offsets is None else tuple(int(v) for v in offsets))] = record
    return found


def _tensor_info(name: str, state: Record, path: Path) -> TensorInfo:
    properties: object = state.get("properties")
    # the properties are pickled as (dtype, layout, …)
    dtype = _first(properties.state if isinstance(properties, Record) else None)
    size: object = state.get("size")
    if dtype not in ITEM_BYTES or not isinstance(size, tuple):
        raise InputError("pickle_damaged", path=str(path))
    return TensorInfo(name, str(dtype), tuple(int(side) for side in cast("tuple[Any, ...]", size)))
