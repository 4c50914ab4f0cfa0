"""Checks of the weights: nothing missing, nothing broken, the same numbers as the source, not those of the base."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.conversion.casting import FLOATS, cast_blocks, to_float
from workbench.conversion.detect import read_config
from workbench.conversion.sources.base import TensorInfo, TensorSource
from workbench.schemas.conversion import Check

HEADS = frozenset({"lm_head.weight", "score.weight"})


@dataclass(frozen=True)
class Weights:
    """What the checks look at."""

    output: TensorSource
    source: TensorSource | None
    """None: the source cannot be read tensor by tensor."""
    base: TensorSource | None
    folder: Path


def check_keys(weights: Weights) -> Check:
    """The tensors of the base, no more and no less; tied heads may be left out."""
    if weights.base is None:
        return Check(name="keys", state="not checked", reason="no_base")
    have, want = set(weights.output.infos), set(weights.base.infos)
    config = read_config(weights.folder)
    tied = {"lm_head.weight"} if config.get("tie_word_embeddings", True) else set[str]()
    classifies = any("SequenceClassification" in str(name) for name in config.get("architectures") or ())
    free = HEADS if classifies else frozenset(tied)
    pruned = {name for name in want - have if _layer(name) >= int(config.get("num_hidden_layers") or 1 << 30)}
    missing, extra = want - have - free - pruned, have - want - free
    if not missing and not extra:
        return Check(name="keys", state="passed", params={"tensors": len(have)})
    name = next(iter(sorted(missing or extra)))[:200]
    return Check(
        name="keys",
        state="failed",
        reason="differ",
        params={"missing": len(missing), "extra": len(extra), "name": name},
    )


def _layer(name: str) -> int:
    parts = name.split(".")
    return next((int(part) for part in parts if part.isdigit()), -1)


def check_shapes(weights: Weights) -> Check:
    """The shapes of the source, or of the base."""
    other = weights.source or weights.base
    if other is None:
        return Check(name="shapes", state="not checked", reason="no_base")
    mine, theirs = weights.output.infos, other.infos
    wrong = [name for name in mine if name in theirs and mine[name].shape != theirs[name].shape]
    if wrong:
        return Check(
            name="shapes",
            state="failed",
            reason="differ",
            params={"count": len(wrong), "name": wrong[0][:200]},
        )
    return Check(name="shapes", state="passed")


def check_finite(weights: Weights) -> Check:
    """No NaN and no infinity."""
    broken = [
        name
        for name, info in weights.output.infos.items()
        if info.dtype in FLOATS and not _is_finite(weights.output.read_blocks(name), info.dtype)
    ]
    if broken:
        return Check(
            name="finite",
            state="failed",
            reason="found",
            params={"count": len(broken), "name": broken[0][:200]},
        )
    return Check(name="finite", state="passed")


def _is_finite(blocks: Iterable[bytes | memoryview], dtype: str) -> bool:
    return all(bool(np.isfinite(to_float(np.frombuffer(block, np.uint8), dtype)).all()) for block in blocks)


def check_weights(weights: Weights) -> Check:
    """Every number is the source's, cast once."""
    if weights.source is None:
        return Check(name="weights", state="not checked", reason="no_source")
    mine, theirs = weights.output.infos, weights.source.infos
    if mine.keys() != theirs.keys():
        first = min(mine.keys() ^ theirs.keys())[:200]
        return Check(name="weights", state="failed", reason="differ", params={"name": first})
    for name, info in mine.items():
        cast = cast_blocks(weights.source.read_blocks(name), theirs[name].dtype, info.dtype)
        if checksum(cast) != checksum(weights.output.read_blocks(name)):
            return Check(name="weights", state="failed", reason="differ", params={"name": name[:200]})
    return Check(name="weights", state="passed", params={"tensors": len(mine)})


def check_differs(weights: Weights) -> Check:
    """Training changed something: a model equal to its base was never trained, or the wrong one was converted."""
    if weights.base is None:
        return Check(name="differs", state="not checked", reason="no_base")
    mine, theirs = weights.output.infos, weights.base.infos
    shared = [name for name in mine if name in theirs and mine[name].shape == theirs[name].shape]
    changed = sum(not _equal(weights, name, mine[name], theirs[name]) for name in shared)
    params: dict[str, str | int | float] = {"changed": changed, "tensors": len(shared)}
    if shared and not changed:
        return Check(name="differs", state="failed", reason="same", params=params)
    return Check(name="differs", state="passed", params=params)


def _equal(weights: Weights, name: str, mine: TensorInfo, theirs: TensorInfo) -> bool:
    assert weights.base is not None
    cast = cast_blocks(weights.base.read_blocks(name), theirs.dtype, mine.dtype)
    return checksum(cast) == checksum(weights.output.read_blocks(name))


def checksum(blocks: Iterable[bytes | memoryview]) -> tuple[int, int, int]:
    """Two sums and the length: equal for equal bytes however they are cut into blocks."""
    crc, adler, size = 0, 1, 0
    for block in blocks:
        crc, adler, size = zlib.crc32(block, crc), zlib.adler32(block, adler), size + len(block)
    return crc, adler, size


CHECKS: tuple[Callable[[Weights], Check], ...] = (
    check_keys,
    check_shapes,
    check_finite,
    check_weights,
    check_differs,
)
