"""Train the starter model from random weights: `python -m build.train --out model` (from assets/starter)."""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn import functional
from transformers import GenerationConfig, LlamaForCausalLM

from build.batches import PAD, Batch, collate
from build.muon import BFLOAT16, Muon
from build.reader import Prediction, Reader, make_model, predict
from build.start import set_copying
from build.state import restore_state, save_state
from build.tasks import make_contexts
from build.tokenizer import save_tokenizer

LOGGER = logging.getLogger("starter")
SAVE_EVERY = 200
"""Steps between two looks at the probe, each of which leaves model and state on disk."""


@dataclass(frozen=True)
class Settings:
    """All that decides the result."""

    steps: int = 5300
    rate: float = 0.001
    matrix_rate: float = 0.002
    warmup: int = 50
    cooldown: float = 0.5
    turning_weight: float = 4.0
    belonging_weight: float = 0.2
    finding_weight: float = 0.3
    copying_weight: float = 1.0
    seed: int = 7


def count_exact(found: Prediction, batch: Batch) -> dict[str, list[float]]:
    """For each kind, the share of right tokens of every answer (1.0: greedy decoding would reproduce it)."""
    right = (found.logits.argmax(-1) == found.targets).float()
    marks = batch.branches[found.where[:, 0], found.where[:, 1] + 1]
    shares: dict[str, list[float]] = defaultdict(list)
    for row, kinds in enumerate(batch.kinds):
        for number, kind in enumerate(kinds, 1):
            shares[kind].append(right[(found.where[:, 0] == row) & (marks == number)].mean().item())
    return shares


def describe(shares: dict[str, list[float]]) -> str:
    """For each kind: exact answers / right tokens, in per cent."""
    return " ".join(
        f"{kind} {100 * sum(v == 1 for v in found) / len(found):.0f}/{100 * sum(found) / len(found):.0f}"
        for kind, found in sorted(shares.items())
    )


def measure_kinds(model: LlamaForCausalLM, reader: nn.Module, batches: Iterable[Batch]) -> str:
    """Describe how the model does on batches it does not learn from."""
    total: dict[str, list[float]] = defaultdict(list)
    model.eval()
    with torch.no_grad():
        for batch in batches:
            for kind, shares in count_exact(predict(model, reader, batch), batch).items():
                total[kind] += shares
    model.train()
    return describe(total)


def rate_at(settings: Settings, step: int) -> float:
    """Warm up, hold, then fall linearly to zero."""
    left = (settings.steps - step) / (settings.steps * settings.cooldown)
    return min(1.0, (step + 1) / settings.warmup, left)


def save_model(model: LlamaForCausalLM, folder: Path) -> None:
    """Write the weights as float16; the tied head is not stored twice."""
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=128,
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    half = LlamaForCausalLM(model.config).half()
    half.load_state_dict({name: value.half() for name, value in model.state_dict().items()})
    half.generation_config = model.generation_config
    half.save_pretrained(folder)


def train(settings: Settings, out: Path, compiled: bool, state: Path | None = None) -> None:
    """Train from nothing and leave a usable model in `out` all along.

    Args:
        settings: All that decides the result.
        out: Folder of the model.
        compiled: Let torch compile the layers.
        state: File that keeps the training; where it exists, the training in it goes on as if it had never stopped.

    Raises:
        ValueError: The training in `state` has other settings.
    """
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    tokenizer = save_tokenizer(out)
    model = make_model(tokenizer)
    set_copying(model, settings.seed)
    plain = reader = cast("nn.Module", Reader(model))
    parameters = list(reader.parameters())
    LOGGER.info(
        "%s; %d parameters; bfloat16 %s", settings, sum(p.numel() for p in model.parameters()), BFLOAT16
    )
    if compiled:
        reader = cast("nn.Module", torch.compile(reader, dynamic=True))
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    others = [weight for weight in parameters if not any(weight is matrix for matrix in matrices)]
    optimizers = (
        Muon(matrices, settings.matrix_rate),
        torch.optim.AdamW(others, settings.rate, betas=(0.9, 0.98), weight_decay=0.01, foreach=True),
    )
    rates = (settings.matrix_rate, settings.rate)
    probe_rng = random.Random(settings.seed + 1)
    probe = [collate(tokenizer, make_contexts(probe_rng, 1.0), settings.turning_weight) for _ in range(6)]
    begin = 0
    if state is not None and state.is_file():
        begin = restore_state(state, asdict(settings), plain, optimizers, rng)
        LOGGER.info("going on with step %d", begin)
    started, tokens = time.monotonic(), 0
    for step in range(begin, settings.steps):
        batch = collate(tokenizer, make_contexts(rng, step / settings.steps), settings.turning_weight)
        found = predict(model, reader, batch)
        losses = functional.cross_entropy(found.logits, found.targets, reduction="none")
        loss = (losses * found.weights).sum() / found.weights.sum()
        side_loss = (
            settings.belonging_weight * found.belonging_loss
            + settings.finding_weight * found.finding_loss
            + settings.copying_weight * found.copying_loss
        )
        (loss + side_loss).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for rate, optimizer in zip(rates, optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = rate * rate_at(settings, step)
            optimizer.step()
            optimizer.zero_grad()
        tokens += int((batch.branches != PAD).sum())
        if step % 20 == 0:
            LOGGER.info(
                "step %d loss %.3f belonging %.3f finding %.3f (%.0f %%) copying %.3f (%.0f %%) tokens %d seconds %d %s",
                step,
                loss.item(),
                found.belonging_loss.item(),
                found.finding_loss.item(),
                100 * found.found.item(),
                found.copying_loss.item(),
                100 * found.copied.item(),
                tokens,
                time.monotonic() - started,
                describe(count_exact(found, batch)),
            )
        if step % SAVE_EVERY == SAVE_EVERY - 1 or step == settings.steps - 1:
            LOGGER.info("probe %d %s", step, measure_kinds(model, reader, probe))
            save_model(model, out)
            if state is not None:
                save_state(state, step + 1, asdict(settings), plain, optimizers, rng)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "model")
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--matrix-rate", type=float, default=Settings().matrix_rate)
    parser.add_argument("--compile", action="store_true", help="much faster, where a C++ compiler is at hand")
    parser.add_argument(
        "--state", type=Path, help="file that keeps the training; an existing one is gone on with exactly"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings(steps=arguments.steps, matrix_rate=arguments.matrix_rate)
    train(settings, arguments.out, arguments.compile, arguments.state)


if __name__ == "__main__":
    main()
