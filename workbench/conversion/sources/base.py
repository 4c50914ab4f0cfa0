"""What a converter knows of where weights come from.

Tensors are handed on in blocks, so that memory does not grow with the size of a tensor. Blocks are bytes in
row-major order in the source's own dtype; casting is the writer's business.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

BLOCK_BYTES = 4 << 20
"""Of one block at most. Larger ones cost twice the processor time: their memory is asked of the system anew each time."""

ITEM_BYTES: Mapping[str, int] = {
    "F64": 8,
    "I64": 8,
    "F32": 4,
    "I32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
}
"""Bytes of one element, by safetensors' names of dtypes."""


@dataclass(frozen=True)
class TensorInfo:
    """Name, dtype (in safetensors' names) and shape of a tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in its own dtype."""
        return self.count * ITEM_BYTES[self.dtype]


class TensorSource(Protocol):
    """Weights of one layout."""

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """All tensors by name, without reading a weight."""
        ...

    def read_blocks(self, name: str) -> Iterator[bytes | memoryview]:
        """The bytes of a tensor in row-major order; each block holds whole elements.

        Raises:
            InputError: The file is damaged or shorter than it says.
        """
        ...

    def close(self) -> None:
        """Close the files."""
        ...
