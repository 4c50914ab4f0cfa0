"""What a run will need, before it starts: memory by part, disk, steps, tokens, and what the adapter reaches.

Everything is read from config.json, safetensors headers and a sample of the rows: no torch, well under a
second.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tokenizers

from workbench.jobs.machine import read_gpu
from workbench.schemas.training import TrainSettings
from workbench.training.coverage import Coverage, is_hybrid, measure_coverage
from workbench.training.memory import Device, Fix, Load, Part, Shape, estimate_parts, find_fix, total
from workbench.training.models import ModelInfo, describe_model
from workbench.training.rows import RowProblem, TrainingRow, iter_lines, parse_row

# untyped library
TOKENIZERS: Any = tokenizers
logger = logging.getLogger(__name__)

SAMPLED_ROWS = 200
# what a chat template adds to each turn
_TURN_TOKENS = 5
_TIGHT = 0.75

Verdict = Literal["fits", "tight", "too_big", "unknown"]


@dataclass(frozen=True)
class RowStats:
    """Length of the rows in tokens, from a sample; the longest row is always in the sample."""

    rows: int
    mean: float
    longest: int
    too_long: float
    """Share of sampled rows that are cut at `max_length`."""

    def beside(self, other: RowStats) -> RowStats:
        """Of the rows of two files together."""
        rows = self.rows + other.rows
        share = self.rows / rows if rows else 0.0
        return RowStats(
            rows,
            self.mean * share + other.mean * (1 - share),
            max(self.longest, other.longest),
            self.too_long * share + other.too_long * (1 - share),
        )


@dataclass(frozen=True)
class MemoryPlan:
    """The outlook on a run. Sizes in bytes; everything is an estimate until the run has measured it."""

    parts: dict[Part, int]
    device: Device
    precision: Literal["bf16", "fp32"]
    checkpointing: bool
    packing: bool
    """Off on hybrids, whatever the settings say."""
    budget: int
    """0: not known."""
    fix: Fix | None
    """What makes it fit; None where it fits or the budget is not known."""
    coverage: Coverage
    rows: RowStats
    eval_rows: int
    steps: int
    """Optimizer steps."""
    tokens: int
    """Tokens trained on over all epochs."""
    disk_bytes: int
    """Checkpoints and adapter together."""
    adapter_bytes: int

    @property
    def total(self) -> int:
        return total(self.parts)

    @property
    def verdict(self) -> Verdict:
        if not self.budget:
            return "unknown"
        if self.total > self.budget:
            return "too_big"
        return "tight" if self.total > _TIGHT * self.budget else "fits"


class Compute(NamedTuple):
    """How numbers are computed."""

    device: Device
    precision: Literal["bf16", "fp32"]
    checkpointing: bool


def training_bytes(settings: TrainSettings) -> int:
    """Bytes to reserve while the run goes on."""
    return plan_training(settings).total


def plan_training(settings: TrainSettings, *, budget: int = 0, device: Device | None = None) -> MemoryPlan:
    """Estimate a run.

    Args:
        settings: What will be trained.
        budget: Bytes that the run may take; 0 where not known.
        device: Where it will run; None looks at this machine.

    Raises:
        NotFoundError: The model folder or the training file does not exist.
        InputError: One of them cannot be used.
    """
    info = describe_model(Path(settings.model))
    coverage = measure_coverage(info.tensors, info.model_type, settings.lora)
    rows = measure_rows(Path(settings.train_file), info, settings.max_length)
    if settings.rehearsal_file:
        rows = rows.beside(measure_rows(Path(settings.rehearsal_file), info, settings.max_length))
    compute = choose_compute(settings, device or find_device())
    packing = settings.packing and not is_hybrid(info.model_type)
    shape, load = _shape(info, coverage), _load(settings, compute, rows, packing)
    adapter_bytes = 4 * coverage.adapter + _tokenizer_bytes(info.path)
    return MemoryPlan(
        parts=estimate_parts(shape, load),
        device=compute.device,
        precision=compute.precision,
        checkpointing=compute.checkpointing,
        packing=packing,
        budget=budget,
        fix=find_fix(shape, load, settings.gradient_accumulation_steps, budget) if budget else None,
        coverage=coverage,
        rows=rows,
        eval_rows=sum(1 for _ in iter_lines(Path(settings.eval_file))) if settings.eval_file else 0,
        steps=count_steps(settings, rows, packing),
        tokens=_count_tokens(settings, rows, packing),
        # one more than the limit for a moment, each with the adapter and twice its size for the optimizer
        disk_bytes=(settings.save_total_limit + 1) * (adapter_bytes + 8 * coverage.adapter) + adapter_bytes,
        adapter_bytes=adapter_bytes,
    )


def choose_compute(settings: TrainSettings, device: Device) -> Compute:
    """Precision and checkpointing as `auto` decides them.

    On a CPU bf16 with checkpointing is 1.7 times slower than fp32 without, so that neither is chosen there.
    """
    on_gpu = device == "cuda"
    precision, wish = settings.precision, settings.gradient_checkpointing
    return Compute(
        device,
        precision=("bf16" if on_gpu else "fp32") if precision == "auto" else precision,
        checkpointing=on_gpu if wish == "auto" else wish == "on",
    )


@lru_cache(maxsize=1)
def find_device() -> Device:
    """Where training will run on this machine, found without importing torch."""
    try:
        cpu_build = metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        cpu_build = True
    return "cpu" if cpu_build or read_gpu() is None else "cuda"


def count_steps(settings: TrainSettings, rows: RowStats, packing: bool) -> int:
    """Optimizer steps as transformers counts them: the last step of an epoch may be smaller."""
    if settings.max_steps > 0:
        return settings.max_steps
    sequences = _sequences(settings, rows, packing)
    batches = math.ceil(sequences / settings.per_device_train_batch_size)
    per_epoch = max(1, math.ceil(batches / settings.gradient_accumulation_steps))
    return math.ceil(settings.num_train_epochs * per_epoch)


def _sequences(settings: TrainSettings, rows: RowStats, packing: bool) -> int:
    if not packing:
        return rows.rows
    return max(1, math.ceil(rows.rows * min(rows.mean, settings.max_length) / settings.max_length))


def _count_tokens(settings: TrainSettings, rows: RowStats, packing: bool) -> int:
    epoch = rows.rows * min(rows.mean, settings.max_length)
    if settings.max_steps <= 0:
        return int(epoch * settings.num_train_epochs)
    per_step = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    return int(epoch * settings.max_steps * per_step / max(1, _sequences(settings, rows, packing)))


def _shape(info: ModelInfo, coverage: Coverage) -> Shape:
    return Shape(
        parameters=info.parameters,
        adapter=coverage.adapter,
        layers=info.layers,
        hidden=info.hidden,
        intermediate=info.intermediate,
        vocabulary=info.vocabulary,
    )


def _load(settings: TrainSettings, compute: Compute, rows: RowStats, packing: bool) -> Load:
    # packed sequences are always full
    length = settings.max_length if packing else min(settings.max_length, rows.longest)
    return Load(
        batch=min(settings.per_device_train_batch_size, max(1, rows.rows)),
        length=max(1, length),
        checkpointing=compute.checkpointing,
        device=compute.device,
        bytes_per_weight=2 if compute.precision == "bf16" else 4,
    )


def _tokenizer_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("token*") if path.is_file())


def measure_rows(path: Path, info: ModelInfo, max_length: int) -> RowStats:
    """Lengths of the rows of a training file in tokens of a model, from a sample of the usable rows."""
    lines = [(number, line) for number, line in iter_lines(path)]
    step = max(1, len(lines) // SAMPLED_ROWS)
    sampled = lines[::step]
    if lines:
        sampled = [*sampled, max(lines, key=lambda item: len(item[1]))]
    parsed = [parse_row(number, line) for number, line in sampled]
    rows = [row for row in parsed if not isinstance(row, RowProblem)]
    if not rows:
        return RowStats(0, 0.0, 0, 0.0)
    lengths = _token_counts(rows, info.path)
    # the longest row was added to the sample: it counts for the maximum, not for the mean
    plain = lengths[:-1] or lengths
    usable = round(len(lines) * len(rows) / len(parsed))
    cut = sum(length > max_length for length in plain)
    return RowStats(usable, sum(plain) / len(plain), max(lengths), cut / len(plain))


def _token_counts(rows: Sequence[TrainingRow], folder: Path) -> list[int]:
    turns = [_TURN_TOKENS * (len(row.prompt) + 1 if row.is_conversation else 0) for row in rows]
    path = folder / "tokenizer.json"
    if not path.is_file():
        # Japanese takes about one token per character, other languages fewer
        return [len(row.text) + extra for row, extra in zip(rows, turns, strict=True)]
    tokenizer = _load_tokenizer(path, path.stat().st_mtime_ns)
    encoded = tokenizer.encode_batch([row.text for row in rows], add_special_tokens=False)
    return [len(item.ids) + extra for item, extra in zip(encoded, turns, strict=True)]


@lru_cache(maxsize=2)
def _load_tokenizer(path: Path, _modified_ns: int) -> Any:
    tokenizer = TOKENIZERS.Tokenizer.from_str(json.dumps(json.loads(path.read_text(encoding="utf-8"))))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
