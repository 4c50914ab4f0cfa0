"""Reads a GGUF file again: its settings and its tensors, block by block."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from workbench.conversion.casting import Array
from workbench.conversion.gguf.header import pad
from workbench.conversion.gguf.tensors import PIECE, count_bytes
from workbench.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_SIMPLE = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_TEXT, _ARRAY = 8, 9
_MOST = 10_000_000
"""Longer lists and texts than this are a damaged file's."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file; shape as numpy has it, rows first."""

    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    offset: int
    """Bytes from the file's beginning."""

    @property
    def bytes(self) -> int:
        """Size in the file."""
        return count_bytes(self.shape, self.type)

    @property
    def count(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class StoredFile:
    """What stands before the weights, and where those lie."""

    path: Path
    settings: dict[str, Any]
    tensors: dict[str, StoredTensor]

    def read_bytes(self, name: str) -> Iterator[bytes]:
        """A tensor's bytes in blocks that hold whole groups of a quantised type."""
        tensor = self.tensors[name]
        _, size = GGML_QUANT_SIZES[tensor.type]
        left = tensor.bytes
        with self.path.open("rb") as handle:
            handle.seek(tensor.offset)
            while left > 0:
                block = handle.read(min(PIECE * size // size * size, left))
                if not block:
                    raise InputError("gguf_damaged", path=str(self.path))
                left -= len(block)
                yield block

    def read_floats(self, name: str) -> Iterator[Array]:
        """A tensor's numbers in float32, in blocks."""
        kind = self.tensors[name].type
        _, size = GGML_QUANT_SIZES[kind]
        for block in self.read_bytes(name):
            groups = np.frombuffer(block, np.uint8).reshape(-1, size)
            yield np.asarray(dequantize(groups, kind), np.float32).reshape(-1)


def read_gguf(path: Path) -> StoredFile:
    """Read everything before the weights.

    Raises:
        InputError: `gguf_damaged`.
    """
    try:
        with path.open("rb") as handle:
            return _read(handle, path)
    except (struct.error, ValueError, UnicodeDecodeError, OverflowError, MemoryError, EOFError) as exc:
        raise InputError("gguf_damaged", path=str(path)) from exc


def _read(handle: BinaryIO, path: Path) -> StoredFile:
    version, tensors, settings = 0, 0, 0
    if handle.read(4) == MAGIC:
        version, tensors, settings = struct.unpack("<IQQ", _take(handle, 20))
    if version not in VERSIONS or max(tensors, settings) > _MOST:
        raise ValueError(version)
    found = {_read_text(handle): _read_value(handle, _number(handle, "<I")) for _ in range(settings)}
    table = [_read_tensor(handle) for _ in range(tensors)]
    alignment = int(found.get("general.alignment", 32))
    start = -(-handle.tell() // alignment) * alignment
    placed = {name: StoredTensor(name, shape, kind, start + at) for name, shape, kind, at in table}
    size = path.stat().st_size
    if any(tensor.offset + tensor.bytes > size for tensor in placed.values()):
        raise EOFError(size)
    return StoredFile(path, found, placed)


def _read_tensor(handle: BinaryIO) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
    name = _read_text(handle)
    sides = [_number(handle, "<Q") for _ in range(min(_number(handle, "<I"), 8))]
    kind = GGMLQuantizationType(_number(handle, "<I"))
    return name, tuple(reversed(sides)), kind, _number(handle, "<Q")


def _read_value(handle: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _read_text(handle)
    if kind == _ARRAY:
        inner, count = _number(handle, "<I"), _number(handle, "<Q")
        if count > _MOST:
            raise ValueError(count)
        if inner in _SIMPLE:
            form = f"<{count}{_SIMPLE[inner][1]}"
            return list(struct.unpack(form, _take(handle, struct.calcsize(form))))
        return [_read_value(handle, inner) for _ in range(count)]
    return _number(handle, _SIMPLE[kind]) if kind in _SIMPLE else _fail(kind)


def _fail(kind: int) -> Any:
    raise ValueError(kind)


def _number(handle: BinaryIO, form: str) -> Any:
    return struct.unpack(form, _take(handle, struct.calcsize(form)))[0]


def _read_text(handle: BinaryIO) -> str:
    # a vocabulary may hold a piece of a character
    return _take(handle, _number(handle, "<Q")).decode("utf-8", errors="replace")


def _take(handle: BinaryIO, size: int) -> bytes:
    if size > _MOST * 8:
        raise ValueError(size)
    data = handle.read(size)
    if len(data) < size:
        raise EOFError(size)
    return data


def measure(file: StoredFile) -> int:
    """Bytes of all weights, with what is filled up between them."""
    return sum(pad(tensor.bytes) for tensor in file.tensors.values())
