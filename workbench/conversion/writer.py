"""Writes safetensors files tensor by tensor: sizes are known before the first weight is read.

A conversion that was cut off goes on with the first file that is not there yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.conversion.casting import FLOATS, cast_blocks
from workbench.conversion.part_files import Piece, Written, write_pieces
from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo, TensorSource

_ALIGNMENT = 8


@dataclass(frozen=True)
class OutputTensor:
    """A tensor as it will be written."""

    info: TensorInfo
    dtype: str

    @property
    def bytes(self) -> int:
        """Size in the file."""
        return self.info.count * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class OutputFile:
    """A file as it will be written."""

    name: str
    tensors: tuple[OutputTensor, ...]
    header: bytes
    """With its length in front."""

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return len(self.header) + sum(tensor.bytes for tensor in self.tensors)


def plan_files(infos: Iterable[TensorInfo], dtype: str, shard_bytes: int) -> list[OutputFile]:
    """Lay tensors out in files, in the order in which they come.

    Args:
        infos: The tensors.
        dtype: Wanted dtype of floats, in safetensors' names; empty: each tensor's own.
        shard_bytes: Largest size of a file; a tensor larger than that gets a file of its own.
    """
    tensors = [OutputTensor(info, dtype if dtype and info.dtype in FLOATS else info.dtype) for info in infos]
    shards: list[list[OutputTensor]] = [[]]
    size = 0
    for tensor in tensors:
        if shards[-1] and size + tensor.bytes > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.bytes
    if len(shards) == 1:
        return [_plan_file("model.safetensors", shards[0])]
    return [
        _plan_file(f"model-{number:05d}-of-{len(shards):05d}.safetensors", shard)
        for number, shard in enumerate(shards, 1)
    ]


def _plan_file(name: str, tensors: Sequence[OutputTensor]) -> OutputFile:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        header[tensor.info.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.info.shape),
            "data_offsets": [offset, offset + tensor.bytes],
        }
        offset += tensor.bytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return OutputFile(name, tuple(tensors), len(text).to_bytes(8, "little") + text)


def build_index(files: Sequence[OutputFile]) -> bytes:
    """The index of several files, as transformers reads it."""
    weight_map = {tensor.info.name: file.name for file in files for tensor in file.tensors}
    total = sum(tensor.bytes for file in files for tensor in file.tensors)
    content = {"metadata": {"total_size": total}, "weight_map": weight_map}
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def write_file(file: OutputFile, source: TensorSource, folder: Path, written: Written) -> Path:
    """Write one file; see `write_pieces`."""
    pieces = (
        Piece(
            tensor.info.name,
            cast_blocks(source.read_blocks(tensor.info.name), tensor.info.dtype, tensor.dtype),
            tensor.bytes,
        )
        for tensor in file.tensors
    )
    return write_pieces(file, pieces, folder, written)
