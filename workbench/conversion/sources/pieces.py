"""Puts a tensor together from the pieces that several processes wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo
from workbench.conversion.sources.files import Files
from workbench.errors import InputError


@dataclass(frozen=True)
class Piece:
    """A contiguous block of a tensor: where its bytes lie, and where it belongs."""

    path: Path
    offset: int
    """Bytes from the file's beginning."""
    offsets: tuple[int, ...]
    """Place of its first element in the whole tensor."""
    shape: tuple[int, ...]


def read_pieces(info: TensorInfo, pieces: Sequence[Piece], files: Files) -> Iterator[bytes | memoryview]:
    """The whole tensor in row-major order.

    Pieces that are bands of whole rows, as all common runs write them, are passed on one after the other;
    any other cut is put together in memory.

    Raises:
        InputError: `pieces_incomplete` where they do not cover the tensor exactly.
    """
    found = sorted((piece for piece in pieces if math.prod(piece.shape)), key=lambda piece: piece.offsets)
    if sum(math.prod(piece.shape) for piece in found) != info.count:
        raise InputError("pieces_incomplete", name=info.name[:200])
    size = ITEM_BYTES[info.dtype]
    if _are_bands(info, found):
        for piece in found:
            yield from files.read_range(piece.path, piece.offset, math.prod(piece.shape) * size)
        return
    yield _assemble(info, found, files).tobytes()


def _are_bands(info: TensorInfo, pieces: Sequence[Piece]) -> bool:
    row = 0
    for piece in pieces:
        if piece.shape[1:] != info.shape[1:] or (piece.offsets and piece.offsets[0] != row):
            return False
        row += piece.shape[0] if piece.shape else 0
    return True


def _assemble(info: TensorInfo, pieces: Sequence[Piece], files: Files) -> NDArray[np.uint8]:
    size = ITEM_BYTES[info.dtype]
    whole = np.zeros((*info.shape, size), np.uint8)
    covered = np.zeros(info.shape, np.bool_)
    for piece in pieces:
        place = tuple(
            slice(start, start + length) for start, length in zip(piece.offsets, piece.shape, strict=True)
        )
        data = files.read_bytes(piece.path, piece.offset, math.prod(piece.shape) * size)
        try:
            whole[place] = np.frombuffer(data, np.uint8).reshape(*piece.shape, size)
        except ValueError as exc:
            raise InputError("pieces_incomplete", name=info.name[:200]) from exc
        covered[place] = True
    if not covered.all():
        raise InputError("pieces_incomplete", name=info.name[:200])
    return whole.reshape(-1)
