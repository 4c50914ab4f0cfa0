"""Casts blocks of bytes between floating dtypes with numpy alone. Rounds to nearest, ties to even, as torch does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
NAMES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}
"""Our option's values in safetensors' names."""


def cast_blocks(
    blocks: Iterable[bytes | memoryview], source: str, target: str
) -> Iterator[bytes | memoryview]:
    """Blocks in another dtype.

    Args:
        blocks: Each holds whole elements.
        source: Dtype in safetensors' names.
        target: Wanted dtype. Integers and other dtypes that are not floats are passed on as they are.
    """
    if source == target or source not in FLOATS or target not in FLOATS:
        yield from blocks
        return
    for block in blocks:
        values = to_float(np.frombuffer(block, np.uint8), source)
        yield from_float(values, target).data.cast("B")


def to_float(data: NDArray[np.uint8], dtype: str) -> Array:
    """Bytes as float32 (or float64 where they are that)."""
    match dtype:
        case "BF16":
            return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        case "F16":
            return data.view(np.float16).astype(np.float32)
        case "F64":
            return data.view(np.float64)
        case _:
            return data.view(np.float32)


def from_float(values: Array, dtype: str) -> Array:
    """Floats in a dtype, as an array of its bit patterns or values."""
    return _CASTS[dtype](values)


def _to_bf16(values: Array) -> Array:
    bits = np.ascontiguousarray(values.astype(np.float32, copy=False)).view(np.uint32)
    # adding half of the last place, less one where the kept part is even, rounds ties to even
    rounded = ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)
    broken = np.isnan(values)
    if broken.any():
        rounded[broken] = 0x7FC0
    return rounded


def _to_f16(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float16)


def _to_f32(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


_CASTS: dict[str, Callable[[Array], Array]] = {
    "BF16": _to_bf16,
    "F16": _to_f16,
    "F32": _to_f32,
    "F64": lambda values: values.astype(np.float64, copy=False),
}
