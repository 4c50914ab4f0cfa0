"""Conversations as rows of tokens: several about the same documents share one pass over them.

Each branch sees the documents and itself, and its positions go on where the documents end. The result equals
training on the separate conversations, for about a third of the work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from build.tasks import CHOICE, NOWHERE, Context, Turn

PREFIX, PAD = 0, -1
SHORTEST_COPY = 3
NUMBERED = re.compile(r"参考文書(?P<document>[1-5]):\n|(?<=\n)(?P<choice>[0-4])\. ")


@dataclass(frozen=True)
class Batch:
    """Token ids, positions and branches, all (rows, length); weights say which next tokens count.

    numbers is the number that a token stands under, of its document or its choice (0: of none); places holds, for
    each row, (column, source) where an answer begins or is decided by something that stands elsewhere (rows,
    most places of a row, 2; column -1: no more places). copies holds the same with the column of the document that a
    token of an answer is copied from in the place of its source.
    """

    ids: Tensor
    positions: Tensor
    branches: Tensor
    weights: Tensor
    numbers: Tensor
    places: Tensor
    copies: Tensor
    kinds: list[list[str]]


@dataclass(frozen=True)
class Piece:
    """Token ids of a text, and what is known of each: its weight and the number it stands under."""

    ids: list[int]
    weights: list[float]
    numbers: list[int]


def encode_texts(
    tokenizer: PreTrainedTokenizerFast, texts: list[str], turns: list[Turn | None], turning_weight: float
) -> list[Piece]:
    """Encode texts; those that are answers (with their turn) count, most where they are decided."""
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    pieces = []
    for text, turn, ids, spans in zip(
        texts, turns, encoded["input_ids"], encoded["offset_mapping"], strict=True
    ):
        heads = [(match.end(), _number(match)) for match in NUMBERED.finditer(text)]
        numbers = [next((number for end, number in reversed(heads) if end <= start), 0) for start, _ in spans]
        weights = [0.0] * len(ids)
        if turn is not None:
            weights = [
                turning_weight if any(start <= at < end for at in turn.turning) else 1.0
                for start, end in spans
            ]
        pieces.append(Piece(ids, weights, numbers if turn is None else [0] * len(ids)))
    return pieces


def _number(match: re.Match[str]) -> int:
    return int(match["document"]) if match["document"] else int(match["choice"]) + CHOICE


def encode_context(
    tokenizer: PreTrainedTokenizerFast, context: Context, turning_weight: float
) -> tuple[Piece, list[tuple[Piece, Piece]]]:
    """Encode the shared prefix, and each branch: its question and its answer."""
    system = f"<|system|>{context.system}<|end|>" if context.system else ""
    # The general task has no documents: its branches hold the whole user turn.
    texts, turns = [f"<|bos|>{system}<|user|>{context.head}"], [None]
    for turn in context.turns:
        texts += [f"{turn.question}<|end|><|assistant|>", f"{turn.answer}<|end|>"]
        turns += [None, turn]
    first, *rest = encode_texts(tokenizer, texts, turns, turning_weight)
    return first, list(zip(rest[::2], rest[1::2], strict=True))


def align_copy(prefix: Piece, source: int, answer: list[int]) -> list[tuple[int, int]]:
    """Which tokens of an answer stand in a document, as (index in the answer, index in the prefix).

    The longest run from each token on counts; shorter runs than SHORTEST_COPY are no copies.
    """
    inside = [index for index, number in enumerate(prefix.numbers) if number == source]
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(answer):
        size, start = max(
            ((_measure_run(prefix.ids, index, answer, at), index) for index in inside), default=(0, 0)
        )
        if size < SHORTEST_COPY:
            at += 1
            continue
        found += [(at + step, start + step) for step in range(size)]
        at += size
    return found


def _measure_run(left: list[int], start: int, right: list[int], at: int) -> int:
    size = 0
    while start + size < len(left) and at + size < len(right) and left[start + size] == right[at + size]:
        size += 1
    return size


def collate(tokenizer: PreTrainedTokenizerFast, contexts: list[Context], turning_weight: float) -> Batch:
    """Lay branches out behind their prefix and pad rows to the longest."""
    rows, places, copies = [], [], []
    for context in contexts:
        prefix, branches = encode_context(tokenizer, context, turning_weight)
        ids, positions, marks = list(prefix.ids), list(range(len(prefix.ids))), [PREFIX] * len(prefix.ids)
        weights, numbers = list(prefix.weights), list(prefix.numbers)
        found: list[tuple[int, int]] = []
        copied: list[tuple[int, int]] = []
        for mark, (turn, (asked, said)) in enumerate(zip(context.turns, branches, strict=True), 1):
            if turn.source is not None:
                # Each prediction is made at the token before.
                begin = len(ids) + len(asked.ids) - 1
                if NOWHERE < turn.source < CHOICE:
                    copied += [(begin + at, index) for at, index in align_copy(prefix, turn.source, said.ids)]
                found += [(begin + at, turn.source) for at, weight in enumerate(said.weights) if weight > 1]
            size = len(asked.ids) + len(said.ids)
            ids += asked.ids + said.ids
            positions += range(len(prefix.ids), len(prefix.ids) + size)
            marks += [mark] * size
            # A weight belongs to the prediction of its own token.
            weights += asked.weights + said.weights
            numbers += asked.numbers + said.numbers
        rows.append((ids, positions, marks, weights, numbers))
        places.append(found)
        copies.append(copied)
    # Few lengths, so that a compiled model is not made anew for each.
    length = -(-max(len(row[0]) for row in rows) // 32) * 32

    def stack(index: int, fill: float, dtype: torch.dtype) -> Tensor:
        return torch.tensor([row[index] + [fill] * (length - len(row[index])) for row in rows], dtype=dtype)

    return Batch(
        stack(0, tokenizer.pad_token_id, torch.long),
        stack(1, 0, torch.long),
        stack(2, PAD, torch.long),
        stack(3, 0.0, torch.float32),
        stack(4, 0, torch.long),
        _stack_pairs(places),
        _stack_pairs(copies),
        [[turn.kind for turn in context.turns] for context in contexts],
    )


def _stack_pairs(rows: list[list[tuple[int, int]]]) -> Tensor:
    most = max(1, *(len(row) for row in rows))
    return torch.tensor([row + [(-1, 0)] * (most - len(row)) for row in rows], dtype=torch.long)


def make_mask(branches: Tensor) -> Tensor:
    """Let each token see the prefix and the earlier part of its branch; shape (rows, 1, length, length)."""
    same = branches[:, :, None] == branches[:, None, :]
    seen = same | (branches[:, None, :] == PREFIX)
    return (seen & torch.ones(seen.shape[1:], dtype=torch.bool).tril())[:, None]
