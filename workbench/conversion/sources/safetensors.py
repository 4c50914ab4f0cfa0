"""Safetensors files: plain models with or without an index, and the shards of a distributed run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo
from workbench.conversion.sources.files import Files, closed_on_error, resolve_inside
from workbench.conversion.sources.pieces import Piece, read_pieces
from workbench.errors import InputError

MAX_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself."""
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Entry:
    """One tensor in one file; offset in bytes from the file's beginning."""

    info: TensorInfo
    path: Path
    offset: int


def read_header(path: Path, files: Files) -> tuple[list[Entry], Mapping[str, str]]:
    """The tensors of a file and its metadata.

    Raises:
        InputError: `safetensors_damaged`, `checkpoint_short`, `dtype_unknown`.
    """
    size = files.size(path)
    length = int.from_bytes(files.read_bytes(path, 0, 8), "little") if size >= 8 else 0
    if not 2 <= length <= min(MAX_HEADER, size - 8):
        raise InputError("safetensors_damaged", path=str(path))
    try:
        header: object = json.loads(files.read_bytes(path, 8, length))
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise InputError("safetensors_damaged", path=str(path)) from exc
    if not isinstance(header, dict):
        raise InputError("safetensors_damaged", path=str(path))
    fields = cast("dict[str, Any]", header)
    metadata = cast("dict[str, str]", fields.pop("__metadata__", None) or {})
    return [_read_entry(path, name, fields[name], 8 + length, size) for name in fields], metadata


def _read_entry(path: Path, name: str, field: Any, start: int, size: int) -> Entry:
    try:
        dtype = str(field["dtype"])
        shape = tuple(int(side) for side in field["shape"])
        begin, end = (int(offset) for offset in field["data_offsets"])
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError("safetensors_damaged", path=str(path)) from exc
    if dtype not in ITEM_BYTES:
        raise InputError("dtype_unknown", path=str(path), name=name[:200], dtype=dtype[:40])
    info = TensorInfo(name, dtype, shape)
    if begin < 0 or end - begin != info.bytes or min((*shape, 0)) < 0:
        raise InputError("safetensors_damaged", path=str(path))
    if start + end > size:
        raise InputError("checkpoint_short", path=str(path))
    return Entry(info, path, start + begin)


class SafetensorsSource:
    """A model in safetensors files.

    Args:
        files: Paths of the files; with an index only what it names is taken.
        index: The index file's `weight_map`, name -> file name.
    """

    def __init__(self, paths: Sequence[Path], index: Mapping[str, str] | None = None) -> None:
        self._files = Files()
        self._entries: dict[str, Entry] = {}
        with closed_on_error(self._files):
            self._read(paths, index)

    def _read(self, paths: Sequence[Path], index: Mapping[str, str] | None) -> None:
        for path in paths:
            entries, _ = read_header(path, self._files)
            for entry in entries:
                if index is None or index.get(entry.info.name) == path.name:
                    self._entries[entry.info.name] = entry
        missing = sorted(set(index or ()) - self._entries.keys())
        if missing:
            raise InputError("tensors_missing", count=len(missing), name=missing[0][:200])

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """See `TensorSource`."""
        return {name: entry.info for name, entry in self._entries.items()}

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """See `TensorSource`."""
        entry = self._entries[name]
        yield from self._files.read_range(entry.path, entry.offset, entry.info.bytes)

    def close(self) -> None:
        """See `TensorSource`."""
        self._files.close()


class ShardedSource:
    """Shards of a distributed run: each file holds pieces, their places in `__metadata__["DCP_SHARDING_INFO"]`."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = Files()
        self._pieces: dict[str, list[Piece]] = {}
        with closed_on_error(self._files):
            self._infos = self._read(paths)

    def _read(self, paths: Sequence[Path]) -> dict[str, TensorInfo]:
        dtypes: dict[str, str] = {}
        for path in paths:
            entries, metadata = read_header(path, self._files)
            places = _read_places(path, metadata)
            for entry in entries:
                name = entry.info.name
                dtypes[name] = entry.info.dtype
                offsets = places.get(name) or (0,) * len(entry.info.shape)
                if len(offsets) != len(entry.info.shape):
                    raise InputError("safetensors_damaged", path=str(path))
                self._pieces.setdefault(name, []).append(Piece(path, entry.offset, offsets, entry.info.shape))
        return {
            name: TensorInfo(name, dtypes[name], _whole_shape(pieces))
            for name, pieces in self._pieces.items()
        }

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """See `TensorSource`."""
        return self._infos

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """See `TensorSource`."""
        yield from read_pieces(self._infos[name], self._pieces[name], self._files)

    def close(self) -> None:
        """See `TensorSource`."""
        self._files.close()


def _read_places(path: Path, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    try:
        info = json.loads(metadata.get("DCP_SHARDING_INFO", "{}"))
        return {name: tuple(int(offset) for offset in place["saved_offsets"]) for name, place in info.items()}
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as exc:
        raise InputError("safetensors_damaged", path=str(path)) from exc


def _whole_shape(pieces: Sequence[Piece]) -> tuple[int, ...]:
    """The smallest shape that holds all pieces."""
    rank = len(pieces[0].shape)
    return tuple(max(piece.offsets[d] + piece.shape[d] for piece in pieces) for d in range(rank))


def open_model(folder: Path) -> SafetensorsSource:
    """The safetensors model of a folder.

    Raises:
        InputError: `index_damaged`, `path_leaves_folder`, `checkpoint_file_missing`.
    """
    index = folder / INDEX
    if not index.is_file():
        return SafetensorsSource(sorted(folder.glob("*.safetensors")))
    try:
        content: object = json.loads(index.read_bytes())
        weight_map = cast("dict[str, str]", cast("dict[str, Any]", content)["weight_map"])
        names = sorted({str(name) for name in weight_map.values()})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise InputError("index_damaged", path=str(index)) from exc
    return SafetensorsSource([resolve_inside(folder, name) for name in names], weight_map)
