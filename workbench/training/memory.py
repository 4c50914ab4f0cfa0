"""How many bytes a training run needs, part by part. Pure arithmetic; sizes in bytes, T = tokens in one
forward pass.

Source of the formulas: the tables of adapters trained with Adam (fp32 adapter: 4 bytes of weight, 4 of
gradient, 8 of moments for each trained number), activations of a transformer block of about T(34 H + 6 I)
bytes in 16-bit, one block at a time with checkpointing and all of them without. TRL computes the loss of
SFT in chunks, so that the logits (T x vocabulary) never stand in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Device = Literal["cpu", "cuda"]
Part = Literal["weights", "gradients", "optimizer", "activations", "logits", "overhead"]

# the process itself: libraries, allocator, on a GPU also its context; measured 0.53 GB on a CPU
_OVERHEAD: dict[Device, int] = {"cpu": 700_000_000, "cuda": 1_500_000_000}
# resident peak over the formula's activations, measured on a CPU with the starter model, 16 rows of 259 tokens and
# LoRA on every linear layer: dropout keeps a copy of each input, and the C library keeps what was freed
_ACTIVATION_SLACK: dict[Device, float] = {"cpu": 2.7, "cuda": 1.0}
# tokens of a chunk of the loss, and how many fp32 copies of its logits live at the same time
_LOGIT_CHUNK = 256
_LOGIT_COPIES = 4


@dataclass(frozen=True)
class Shape:
    """Sizes of a model that memory depends on."""

    parameters: int
    adapter: int
    """Numbers that are trained."""
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int


@dataclass(frozen=True)
class Load:
    """What one forward pass holds."""

    batch: int
    """Rows."""
    length: int
    """Tokens of the longest row."""
    checkpointing: bool
    device: Device
    bytes_per_weight: int
    """2 for bf16, 4 for fp32."""

    @property
    def tokens(self) -> int:
        return self.batch * self.length


def estimate_parts(shape: Shape, load: Load) -> dict[Part, int]:
    """Bytes by part."""
    return {
        "weights": shape.parameters * load.bytes_per_weight + 4 * shape.adapter,
        "gradients": 4 * shape.adapter,
        "optimizer": 8 * shape.adapter,
        "activations": _activations(shape, load),
        "logits": min(load.tokens, _LOGIT_CHUNK) * shape.vocabulary * 4 * _LOGIT_COPIES,
        "overhead": _OVERHEAD[load.device],
    }


def _activations(shape: Shape, load: Load) -> int:
    block = load.tokens * (34 * shape.hidden + 6 * shape.intermediate)
    inputs = 2 * load.tokens * shape.layers * shape.hidden
    in_16_bit = inputs + block if load.checkpointing else shape.layers * block
    return int(in_16_bit * load.bytes_per_weight / 2 * _ACTIVATION_SLACK[load.device])


def total(parts: dict[Part, int]) -> int:
    """Bytes of all parts."""
    return sum(parts.values())


@dataclass(frozen=True)
class Fix:
    """The changes of settings that make a run fit, or the best advice where none do."""

    code: Literal["batch", "checkpointing", "length", "smaller_model"]
    """The change that costs most."""
    changes: Mapping[str, int | str] = field(default_factory=dict[str, int | str])
    """New values by the name of the training setting; empty for a smaller model."""
    saved: int = 0
    """Bytes."""


def find_fix(shape: Shape, load: Load, accumulation: int, budget: int) -> Fix | None:
    """The cheapest change that makes a run fit a budget; None where it fits as it is.

    Order: fewer rows per pass with more accumulation (same result, somewhat slower), then checkpointing
    (same result, a third slower), then both, then shorter rows (changes what is learned).
    """
    needed = total(estimate_parts(shape, load))
    if needed <= budget:
        return None
    for lesser in _list_lesser(load):
        needs = total(estimate_parts(shape, lesser))
        if needs <= budget:
            return _make_fix(load, lesser, accumulation, needed - needs)
    return Fix("smaller_model")


def suggest_fix(load: Load, accumulation: int) -> Fix:
    """The cheapest change after a run did run out of memory, when estimates have proved wrong."""
    if load.batch > 1:
        return _make_fix(load, replace(load, batch=load.batch // 2), accumulation)
    if not load.checkpointing:
        return _make_fix(load, replace(load, checkpointing=True), accumulation)
    if load.length > 512:
        return _make_fix(load, replace(load, length=load.length // 2), accumulation)
    return Fix("smaller_model")


def _list_lesser(load: Load) -> Iterator[Load]:
    """What needs less memory, the cheapest change first."""
    batches = [load.batch >> halvings for halvings in range(load.batch.bit_length())]
    for checkpointing in dict.fromkeys((load.checkpointing, True)):
        for batch in batches:
            yield replace(load, batch=batch, checkpointing=checkpointing)
    length = load.length
    while length > 256:
        length = length // 2
        yield replace(load, batch=1, checkpointing=True, length=length)


def _make_fix(load: Load, lesser: Load, accumulation: int, saved: int = 0) -> Fix:
    changes: dict[str, int | str] = {}
    code: Literal["batch", "checkpointing", "length"] = "batch"
    if lesser.batch != load.batch:
        # as many rows per step as before, so that what is learned stays the same
        changes["per_device_train_batch_size"] = lesser.batch
        changes["gradient_accumulation_steps"] = -(-load.batch * accumulation // lesser.batch)
    if lesser.checkpointing != load.checkpointing:
        code = "checkpointing"
        changes["gradient_checkpointing"] = "on"
    if lesser.length != load.length:
        code = "length"
        changes["max_length"] = lesser.length
    return Fix(code, changes, saved)
