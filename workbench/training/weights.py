"""What safetensors files hold, read from their headers alone: names, shapes, types, sizes.

The format: 8 bytes of header length (little endian), a JSON header, then the data. A 100 GB model is
described in milliseconds, and a file that was cut off is noticed without reading it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, cast

from workbench.errors import InputError

INDEX_FILE = "model.safetensors.index.json"
SINGLE_FILE = "model.safetensors"
_MAX_HEADER = 100_000_000
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """As the format writes it: F32, BF16, F16, I8 ..."""
    bytes: int

    @property
    def numel(self) -> int:
        return prod(self.shape)


def read_header(path: Path) -> list[TensorInfo]:
    """The tensors of one file.

    Raises:
        InputError: `model_weights_broken` where it is no safetensors file, or its end is missing.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            (length,) = struct.unpack("<Q", handle.read(_LENGTH_BYTES))
            if length > min(_MAX_HEADER, size - _LENGTH_BYTES):
                raise ValueError("header longer than the file")
            header: dict[str, Any] = json.loads(handle.read(length))
        tensors = [_tensor(name, entry) for name, entry in header.items() if name != "__metadata__"]
        needed = sum(tensor.bytes for tensor in tensors)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError("model_weights_broken", file=path.name) from exc
    if size < _LENGTH_BYTES + length + needed:
        raise InputError("model_weights_broken", file=path.name)
    return tensors


def _tensor(name: str, entry: Mapping[str, Any]) -> TensorInfo:
    start, end = entry["data_offsets"]
    return TensorInfo(name, tuple(entry["shape"]), str(entry["dtype"]), int(end) - int(start))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up the model of a folder; empty where there are none.

    Raises:
        InputError: `model_shard_missing` where the index names a file that is not there.
    """
    index = folder / INDEX_FILE
    if index.is_file():
        shards = _shards(index)
        for name in shards:
            if not (folder / name).is_file():
                raise InputError("model_shard_missing", file=name)
        return [folder / name for name in shards]
    if (folder / SINGLE_FILE).is_file():
        return [folder / SINGLE_FILE]
    # some publishers add a second copy of all weights under this name
    return sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("consolidated"))


def _shards(index: Path) -> list[str]:
    try:
        weight_map = cast("dict[str, str]", json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        names = sorted(set(weight_map.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError("model_weights_broken", file=index.name) from exc
    if any(Path(name).name != name for name in names):
        raise InputError("model_weights_broken", file=index.name)
    return names


def read_tensors(folder: Path) -> list[TensorInfo]:
    """All tensors of a model folder."""
    return [tensor for path in weight_files(folder) for tensor in read_header(path)]
