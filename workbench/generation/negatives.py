"""Chooses the documents that stand beside the answering one (distractors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from random import Random
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.text.bm25 import BigramIndex, rank

NegativeKind = Literal["bm25", "same_group", "random"]
TOP_K = 50
"""Most documents of a ranking among which BM25 distractors are drawn."""


class Negatives(NamedTuple):
    """Distractors in the order in which they were chosen."""

    docs: tuple[int, ...]
    kinds: tuple[NegativeKind, ...]
    max_ratio: float | None
    """BM25 score of the best distractor over that of the oracle; None where the oracle's score is 0."""


@dataclass(frozen=True)
class Pool:
    """The documents of one side, in the numbering of the index."""

    docs: NDArray[np.int64]
    spare: NDArray[np.int64]
    """Documents of the other side, used only where the pool alone cannot fill a row."""


@dataclass(frozen=True)
class NegativeSampler:
    """Draws distractors.

    Attributes:
        index: Index over all documents.
        clusters: Cluster of each document; none of the oracle's own is drawn.
        groups: Group of each document; empty strings where there are no groups.
        mix: Shares of the kinds.
        ratio_max: A document that scores above this share of the oracle's score could answer too.
    """

    index: BigramIndex
    clusters: NDArray[np.int64]
    groups: NDArray[np.int64]
    mix: Mapping[NegativeKind, float]
    ratio_max: float
    has_groups: bool

    def draw(self, question: str, oracle: int, count: int, pool: Pool, rng: Random) -> Negatives | None:
        """`count` different documents, or None where the pools do not hold as many."""
        scores = self.index.scores(question)
        limit = float(scores[oracle]) * self.ratio_max if scores[oracle] > 0 else np.inf
        allowed = self._allowed(pool.docs, oracle, scores, limit)
        if len(allowed) < count:
            spare = self._allowed(pool.spare, oracle, scores, limit)
            allowed = np.unique(np.concatenate([allowed, spare]))
        if len(allowed) < count:
            # the oracle shares next to nothing with its question: the documents least like it fill up
            others = self._allowed(np.union1d(pool.docs, pool.spare), oracle, scores, np.inf)
            allowed = others[np.argsort(scores[others], kind="stable")][:count]
        if len(allowed) < count:
            return None
        chosen = _Chosen(rng)
        quotas = self._quotas(count, rng)
        near = np.zeros_like(scores)
        near[allowed] = scores[allowed]
        chosen.add("bm25", rank(near, _depth(len(allowed), quotas["bm25"])), quotas["bm25"])
        same = allowed[self.groups[allowed] == self.groups[oracle]]
        chosen.add("same_group", same, quotas["same_group"])
        chosen.add("random", allowed, count - len(chosen.docs))
        best = max(float(scores[doc]) for doc in chosen.docs)
        ratio = best / float(scores[oracle]) if scores[oracle] > 0 else None
        return Negatives(tuple(chosen.docs), tuple(chosen.kinds), ratio)

    def _allowed(
        self, docs: NDArray[np.int64], oracle: int, scores: NDArray[np.float32], limit: float
    ) -> NDArray[np.int64]:
        fits = (self.clusters[docs] != self.clusters[oracle]) & (scores[docs] < limit)
        return docs[fits]

    def _quotas(self, count: int, rng: Random) -> dict[NegativeKind, int]:
        mix: dict[NegativeKind, float] = dict(self.mix)
        if not self.has_groups:
            # without groups every document would be of the same one: that is a random choice
            mix["random"] = mix.get("random", 0.0) + mix.pop("same_group", 0.0)
        return share_out(count, mix, rng)


def _depth(documents: int, quota: int) -> int:
    """How far down the ranking distractors are drawn: the best tenth of a small pool, 50 of a large one."""
    return min(TOP_K, max(2 * quota, documents // 10))


def share_out(count: int, mix: Mapping[NegativeKind, float], rng: Random) -> dict[NegativeKind, int]:
    """Whole numbers that sum to `count` in the proportions of the mix.

    What is left after rounding down is drawn by the remainders, so that the mix holds over many rows.
    """
    kinds: tuple[NegativeKind, ...] = ("bm25", "same_group", "random")
    total = sum(mix.values()) or 1.0
    exact: dict[NegativeKind, float] = {kind: count * mix.get(kind, 0.0) / total for kind in kinds}
    shares: dict[NegativeKind, int] = {kind: floor(value + 1e-9) for kind, value in exact.items()}
    while sum(shares.values()) < count:
        rest = [max(exact[kind] - shares[kind], 0.0) for kind in kinds]
        drawn: NegativeKind = rng.choices(kinds, weights=rest)[0] if any(rest) else "random"
        shares[drawn] += 1
    return shares


class _Chosen:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.docs: list[int] = []
        self.kinds: list[NegativeKind] = []

    def add(self, kind: NegativeKind, candidates: NDArray[np.int64], count: int) -> None:
        """Up to `count` further documents of the candidates."""
        if count <= 0:
            return
        # a few more than needed stand in for those that are chosen already
        drawn = self._rng.sample(range(len(candidates)), min(count + len(self.docs), len(candidates)))
        fresh = [doc for doc in (int(candidates[place]) for place in drawn) if doc not in self.docs]
        self.docs.extend(fresh[:count])
        self.kinds.extend(kind for _ in fresh[:count])


def is_top_of_own_set(question: str, documents: Sequence[str], oracle: int) -> bool:
    """Whether BM25 over these documents alone puts the oracle (an index) first."""
    scores = BigramIndex(documents).scores(question)
    return bool(np.argmax(scores) == oracle)
