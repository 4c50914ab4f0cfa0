from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gguf.quants import Q8_0

from workbench.conversion.gguf.tensors import quantise

COUNT = 32 * 5000
Values = np.ndarray[Any, np.dtype[Any]]


def draw_halves(rng: np.random.Generator) -> Values:
    """Values that lie between two steps: the largest of a row is 127."""
    values = rng.integers(-254, 255, COUNT) / 2
    values.reshape(-1, 32)[:, 0] = 127
    return values


DRAWN: dict[str, Callable[[np.random.Generator], Values]] = {
    "weights": lambda rng: rng.standard_normal(COUNT) * 0.02,
    "halves": draw_halves,
    "of all sizes": lambda rng: rng.standard_normal(COUNT) * 10.0 ** rng.integers(-44, 38, COUNT),
    "any bits": lambda rng: rng.integers(0, 2**32, COUNT, dtype=np.uint64).astype(np.uint32).view(np.float32),
    "scales beyond float16": lambda rng: rng.standard_normal(COUNT) * 8e6,
    "zeros": lambda rng: np.zeros(COUNT) * rng.choice((1, -1), COUNT),
}


@pytest.mark.parametrize("name", DRAWN)
def test_q8_0_is_bit_for_bit_that_of_the_gguf_package(name: str) -> None:
    with np.errstate(all="ignore"):
        values = DRAWN[name](np.random.default_rng(0)).astype(np.float32)
        wanted: Any = Q8_0.quantize_blocks(values.reshape(-1, 32))  # type: ignore[reportUnknownMemberType]
    assert quantise(values).tobytes() == wanted.tobytes()
