"""Tensors on their way into a GGUF file: their type there, and their bytes in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import Q8_0
from numpy.typing import NDArray

from workbench.conversion.casting import FLOATS, Array, cast_blocks, to_float
from workbench.conversion.sources.base import ITEM_BYTES, TensorInfo, TensorSource
from workbench.errors import InputError

Block = bytes | memoryview
Rows = NDArray[np.intp]
"""Order in which rows are taken."""

F32, Q8 = GGMLQuantizationType.F32, GGMLQuantizationType.Q8_0
PLAIN: dict[GGMLQuantizationType, str] = {
    GGMLQuantizationType.F32: "F32",
    GGMLQuantizationType.F16: "F16",
    GGMLQuantizationType.BF16: "BF16",
}
"""Types that are a plain cast, with their names in safetensors."""
TYPES: dict[str, GGMLQuantizationType] = {
    "f32": GGMLQuantizationType.F32,
    "f16": GGMLQuantizationType.F16,
    "bf16": GGMLQuantizationType.BF16,
    "q8_0": GGMLQuantizationType.Q8_0,
}
"""Our option's values that are written here; K-quants are made from such a file."""
PIECE = 1 << 20
"""Elements that are cast or quantised at once: small enough to stay in a processor's cache."""

_ROW = 32
"""Values that share a scale in Q8_0."""
_CACHED = (1 << 16) // _ROW
"""Rows that are quantised at once: with what is computed of them they stay in a processor core's own cache."""
_SIGN, _BELOW_HALF = np.uint32(0x8000_0000), np.uint32(0x3EFF_FFFF)
"""The sign bit of a float32, and the bits of the largest one below 0.5."""


@dataclass(frozen=True)
class Recipe:
    """How a tensor of a model becomes one of a GGUF file."""

    name: str
    """As the name map of the gguf package knows it, suffix included."""
    rows: Rows | None = None
    change: Callable[[Array], Array] | None = None
    """Computes values and shape from the whole tensor in float32; small tensors only."""
    full: bool = False
    """Always float32."""


@dataclass(frozen=True)
class OutTensor:
    """A tensor as it will be written; shape as numpy has it, rows first."""

    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    blocks: Callable[[], Iterator[Block]]

    @property
    def bytes(self) -> int:
        """Size in the file, without padding."""
        return count_bytes(self.shape, self.type)


def count_bytes(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    """Bytes of a tensor of a type."""
    items, size = GGML_QUANT_SIZES[kind]
    count = 1
    for side in shape:
        count *= side
    return count // items * size


def choose_type(
    name: str, shape: tuple[int, ...], wanted: GGMLQuantizationType, *, full: bool
) -> GGMLQuantizationType:
    """The type of a tensor: vectors and norms stay float32, as llama.cpp wants them.

    Rows that a quantised type cannot hold become float16.
    """
    if full or len(shape) <= 1 or name.endswith("_norm.weight") or not name.endswith(_WEIGHTS):
        return F32
    if wanted not in PLAIN and shape[-1] % GGML_QUANT_SIZES[wanted][0]:
        return GGMLQuantizationType.F16
    return wanted


_WEIGHTS = (".weight", ".lora_a", ".lora_b")


def read_whole(source: TensorSource, info: TensorInfo) -> Array:
    """A tensor in float32.

    Raises:
        InputError: `gguf_dtype` where its dtype is no float.
    """
    if info.dtype not in FLOATS:
        raise InputError("gguf_dtype", name=info.name[:200], dtype=info.dtype)
    values = np.empty(info.count, np.float32)
    at = 0
    for block in source.read_blocks(info.name):
        count = len(block) // ITEM_BYTES[info.dtype]
        values[at : at + count] = to_float(np.frombuffer(block, np.uint8), info.dtype)
        at += count
    return values.reshape(info.shape)


def stream_tensor(
    source: TensorSource, info: TensorInfo, recipe: Recipe, kind: GGMLQuantizationType
) -> Iterator[Block]:
    """The bytes of a tensor in its new type.

    Only tensors whose rows move or whose values are computed are read whole; embeddings never are.
    """
    if info.dtype not in FLOATS:
        raise InputError("gguf_dtype", name=info.name[:200], dtype=info.dtype)
    if recipe.rows is None and recipe.change is None:
        yield from encode(source.read_blocks(info.name), info.dtype, kind)
        return
    values = read_whole(source, info)
    if recipe.rows is not None:
        values = values[recipe.rows]
    if recipe.change is not None:
        values = np.ascontiguousarray(recipe.change(values), np.float32)
    yield from encode_array(values, kind)


def encode_array(values: Array, kind: GGMLQuantizationType) -> Iterator[Block]:
    """The bytes of an array in a type."""
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    pieces = (flat[at : at + PIECE] for at in range(0, flat.size, PIECE))
    yield from encode((piece.data.cast("B") for piece in pieces), "F32", kind)


def encode(blocks: Iterable[Block], dtype: str, kind: GGMLQuantizationType) -> Iterator[Block]:
    """Blocks of floats in a type; each block holds whole elements."""
    if kind in PLAIN:
        yield from cast_blocks(blocks, dtype, PLAIN[kind])
        return
    for piece in regroup(blocks, ITEM_BYTES[dtype] * PIECE):
        values = to_float(np.frombuffer(piece, np.uint8), dtype).astype(np.float32, copy=False)
        yield quantise(values).data.cast("B")


def quantise(values: Array) -> NDArray[np.uint8]:
    """Q8_0 of float32, bit for bit what llama.cpp computes; the length is a multiple of 32.

    The gguf package's own code takes eight times as long; a test holds the two together.
    """
    rows = values.reshape(-1, _ROW)
    written = np.empty((len(rows), 2 + _ROW), np.uint8)
    for at in range(0, len(rows), _CACHED):
        _quantise_rows(rows[at : at + _CACHED], written[at : at + _CACHED])
    return written


def _quantise_rows(rows: Array, written: NDArray[np.uint8]) -> None:
    """For each row of 32: its scale as float16, then its values as multiples of it."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # many short rows: `max` along an axis takes twice as long
        largest = np.maximum.reduceat(np.abs(rows).reshape(-1), np.arange(0, rows.size, _ROW))
        scale = largest / np.float32(127)
        inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale)
        if not (np.isfinite(scale) & np.isfinite(inverse)).all():
            # values beyond what floats can divide by: rare, and the package knows what llama.cpp makes of them
            quants: Any = Q8_0
            written[...] = quants.quantize_blocks(rows)
            return
        written[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    steps = rows * inverse[:, None]
    # halves go away from zero, as with C's roundf: what is cut off after adding all but a half of the last place
    half = (steps.view(np.uint32) & _SIGN) | _BELOW_HALF
    steps += half.view(np.float32)
    written[:, 2:].view(np.int8)[...] = steps


def regroup(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """The same bytes in blocks of a size; only the last one may be shorter."""
    rest = b""
    for block in blocks:
        view = memoryview(block).cast("B")
        if rest:
            head, view = view[: size - len(rest)], view[size - len(rest) :]
            rest += head
            if len(rest) < size:
                continue
            yield rest
            rest = b""
        whole = len(view) // size * size
        for at in range(0, whole, size):
            yield view[at : at + size]
        rest = bytes(view[whole:])
    if rest:
        yield rest
