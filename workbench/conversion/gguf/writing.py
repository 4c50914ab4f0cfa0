"""Writes a GGUF file tensor by tensor; its size is known before the first weight is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.conversion.gguf.header import pad
from workbench.conversion.gguf.tensors import OutTensor
from workbench.conversion.part_files import Piece, Written, write_pieces


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
    """Write the file; see `write_pieces`."""
    pieces = (
        Piece(tensor.name, tensor.blocks(), tensor.bytes, pad(tensor.bytes) - tensor.bytes)
        for tensor in file.tensors
    )
    return write_pieces(file, pieces, folder, written)
