"""Train the starter model from random weights: `python -m build.train --out model` (from assets/starter).

Several conversations about the same documents share one pass over them: each branch sees the documents
and itself, and its positions go on where the documents end. The result equals training on the separate
conversations, for about a third of the work.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from build.start import set_copying
from build.tasks import CURRICULUM, FINDING, Context, Stage, make_contexts
from build.tokenizer import save_tokenizer

LOGGER = logging.getLogger("starter")
PREFIX, PAD = 0, -1


@dataclass(frozen=True)
class Settings:
    """All that decides the result."""

    steps: int = 1000
    stop: int = 600
    first_progress: float = 0.0
    general_weight: float = 1.0
    curriculum: tuple[Stage, ...] = CURRICULUM
    contexts: int = 10
    rate: float = 0.001
    warmup: int = 30
    cooldown: float = 0.5
    seed: int = 7


# Phase 1 runs through the curriculum until five documents begin to work; phases 2 and 3 stay with five,
# the last with many more questions that ask for the number of the document alone.
PHASES = (
    Settings(),
    Settings(steps=900, stop=300, first_progress=0.38, general_weight=5.0, seed=8),
    Settings(steps=1500, stop=1500, general_weight=5.0, curriculum=FINDING, warmup=20, cooldown=0.4, seed=9),
)


@dataclass(frozen=True)
class Batch:
    """Token ids, positions and branches, all (rows, length); weights say which next tokens count."""

    ids: Tensor
    positions: Tensor
    branches: Tensor
    weights: Tensor
    kinds: list[list[str]]


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The architecture: a plain Llama of about four million parameters."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config._attn_implementation = "sdpa"
    return LlamaForCausalLM(config)


def encode_context(
    tokenizer: PreTrainedTokenizerFast, context: Context
) -> tuple[list[int], list[tuple[list[int], int]]]:
    """Encode the shared prefix, and each branch with the length of its question part."""
    system = f"<|system|>{context.system}<|end|>" if context.system else ""
    # The general task has no documents: its branches hold the whole user turn.
    prefix = f"<|bos|>{system}<|user|>{context.head}"
    texts = [prefix]
    for turn in context.turns:
        texts += [f"{turn.question}<|end|><|assistant|>", f"{turn.answer}<|end|>"]
    first, *rest = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return first, [(asked + said, len(asked)) for asked, said in zip(rest[::2], rest[1::2], strict=True)]


def collate(tokenizer: PreTrainedTokenizerFast, contexts: list[Context], general_weight: float) -> Batch:
    """Lay branches out behind their prefix and pad rows to the longest."""
    rows = []
    for context in contexts:
        prefix, branches = encode_context(tokenizer, context)
        ids, positions, marks = list(prefix), list(range(len(prefix))), [PREFIX] * len(prefix)
        weights = [0.0] * len(prefix)
        # The answer of the general task is one digit: without more weight it drowns among copied text.
        said = general_weight if context.system is None and context.turns[0].kind == "general" else 1.0
        for number, (tokens, asked) in enumerate(branches, 1):
            ids += tokens
            positions += range(len(prefix), len(prefix) + len(tokens))
            marks += [number] * len(tokens)
            # A weight belongs to the prediction of its own token.
            weights += [0.0] * asked + [said] * (len(tokens) - asked)
        rows.append((ids, positions, marks, weights))
    length = max(len(row[0]) for row in rows)

    def stack(index: int, fill: float, dtype: torch.dtype) -> Tensor:
        return torch.tensor([row[index] + [fill] * (length - len(row[index])) for row in rows], dtype=dtype)

    return Batch(
        stack(0, tokenizer.pad_token_id, torch.long),
        stack(1, 0, torch.long),
        stack(2, PAD, torch.long),
        stack(3, 0.0, torch.float32),
        [[turn.kind for turn in context.turns] for context in contexts],
    )


def make_mask(branches: Tensor) -> Tensor:
    """Let each token see the prefix and the earlier part of its branch; shape (rows, 1, length, length)."""
    same = branches[:, :, None] == branches[:, None, :]
    seen = same | (branches[:, None, :] == PREFIX)
    return (seen & torch.ones(seen.shape[1:], dtype=torch.bool).tril())[:, None]


def predict(model: LlamaForCausalLM, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, targets and weights where the weight is not zero, and which (row, column) they are."""
    hidden = model.model(
        input_ids=batch.ids,
        position_ids=batch.positions,
        attention_mask=make_mask(batch.branches),
        use_cache=False,
    ).last_hidden_state
    where = batch.weights[:, 1:] > 0
    return (
        model.lm_head(hidden[:, :-1][where]),
        batch.ids[:, 1:][where],
        batch.weights[:, 1:][where],
        where.nonzero(),
    )


def count_exact(logits: Tensor, targets: Tensor, where: Tensor, batch: Batch) -> dict[str, list[float]]:
    """For each kind, the share of right tokens of every answer (1.0: greedy decoding would reproduce it)."""
    right = (logits.argmax(-1) == targets).float()
    marks = batch.branches[where[:, 0], where[:, 1] + 1]
    shares: dict[str, list[float]] = defaultdict(list)
    for row, kinds in enumerate(batch.kinds):
        for number, kind in enumerate(kinds, 1):
            shares[kind].append(right[(where[:, 0] == row) & (marks == number)].mean().item())
    return shares


def describe(shares: dict[str, list[float]]) -> str:
    """For each kind: exact answers / right tokens, in per cent."""
    return " ".join(
        f"{kind} {100 * sum(v == 1 for v in found) / len(found):.0f}/{100 * sum(found) / len(found):.0f}"
        for kind, found in sorted(shares.items())
    )


def measure_kinds(model: LlamaForCausalLM, batches: Iterable[Batch]) -> str:
    """Describe how the model does on batches it does not learn from."""
    total: dict[str, list[float]] = defaultdict(list)
    model.eval()
    with torch.no_grad():
        for batch in batches:
            logits, targets, _, where = predict(model, batch)
            for kind, shares in count_exact(logits, targets, where, batch).items():
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


def train(settings: Settings, out: Path, resume: bool) -> None:
    """Run one phase of the training and leave a usable model in `out` all along."""
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    tokenizer = save_tokenizer(out)
    model = make_model(tokenizer)
    if resume:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(out, dtype=torch.float32).state_dict())
    else:
        set_copying(model, settings.seed)
    LOGGER.info("%s; %d parameters", settings, sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.rate, betas=(0.9, 0.98), weight_decay=0.01, foreach=True
    )
    probe_rng = random.Random(settings.seed + 1)
    probe = [collate(tokenizer, make_contexts(probe_rng, 1.0, 16), 1.0) for _ in range(4)]
    started, tokens = time.monotonic(), 0
    for step in range(settings.stop):
        progress = settings.first_progress + (1 - settings.first_progress) * step / settings.steps
        batch = collate(
            tokenizer,
            make_contexts(rng, progress, settings.contexts, settings.curriculum),
            settings.general_weight,
        )
        logits, targets, weights, where = predict(model, batch)
        losses = functional.cross_entropy(logits, targets, reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = settings.rate * rate_at(settings, step)
        optimizer.step()
        optimizer.zero_grad()
        tokens += int((batch.branches != PAD).sum())
        if step % 20 == 0:
            right = describe(count_exact(logits, targets, where, batch))
            LOGGER.info(
                "step %d loss %.3f tokens %d seconds %d %s",
                step,
                loss.item(),
                tokens,
                time.monotonic() - started,
                right,
            )
        if step % 100 == 99 or step == settings.stop - 1:
            LOGGER.info("probe %d %s", step, measure_kinds(model, probe))
            save_model(model, out)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "model")
    phases = parser.add_argument("--phases", type=int, nargs="+", choices=[1, 2, 3], default=[1, 2, 3])
    phases.help = "a later phase goes on from the model that the one before left in OUT"
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for phase in arguments.phases:
        train(PHASES[phase - 1], arguments.out, resume=phase > 1)


if __name__ == "__main__":
    main()
