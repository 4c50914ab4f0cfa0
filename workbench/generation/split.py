"""Splits a FAQ into test and training rows before anything else happens to them.

The unit is the cluster of nearly equal texts: no cluster has rows on both sides. Test sets are filled first,
one row per cluster; training rows come last, and what is missing is missing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

SetName = Literal["test", "unanswerable", "unseen", "extra_unanswerable", "train", "valid"]
TEST_SETS: tuple[SetName, ...] = ("test", "unanswerable", "unseen")


@dataclass(frozen=True)
class SplitRequest:
    """What is to be split. Lists are parallel to the rows."""

    groups: Sequence[str]
    clusters: NDArray[np.int64]
    sizes: Mapping[SetName, int]
    target: str = ""
    """The target group; empty: all rows are one target and no group is unseen."""
    seed: int = 0


@dataclass(frozen=True)
class Split:
    """Row numbers (indices) of each set, and the documents each side may show."""

    sets: Mapping[SetName, tuple[int, ...]]
    train_pool: tuple[int, ...]
    """Documents for training and validation rows, their own included."""
    test_pool: tuple[int, ...]
    """Documents for test rows, their own included; disjoint from `train_pool` cluster by cluster."""


def split_rows(request: SplitRequest) -> Split:
    """Fill the sets in the order test, unanswerable, unseen, extra, train, validation.

    With a target group all sets but `unseen` take rows of that group; where those run out, the unanswerable
    ones take rows of other groups, whose questions nothing in the documents answers either.
    """
    rng = Random(f"{request.seed}/split")
    dealer = _Dealer(request, rng)
    sizes = request.sizes
    sets: dict[SetName, tuple[int, ...]] = {}
    sets["test"] = dealer.take_target(sizes.get("test", 0), side="test")
    sets["unanswerable"] = dealer.take_target(sizes.get("unanswerable", 0), side="test")
    sets["unseen"] = dealer.take_others(sizes.get("unseen", 0), side="test")
    sets["unanswerable"] += dealer.take_others(
        sizes.get("unanswerable", 0) - len(sets["unanswerable"]), "test"
    )
    sets["extra_unanswerable"] = dealer.take_target(sizes.get("extra_unanswerable", 0), side="train")
    train, valid = share_rows(dealer.count_target(), sizes.get("train", 0), sizes.get("valid", 0))
    sets["valid"] = dealer.take_target(valid, side="train", whole=True)
    sets["train"] = dealer.take_target(train, side="train", whole=True)
    missing = sizes.get("extra_unanswerable", 0) - len(sets["extra_unanswerable"])
    sets["extra_unanswerable"] += dealer.take_others(missing, side="train")
    dealer.deal_rest()
    return Split(sets, dealer.pool("train"), dealer.pool("test"))


class TrainShare(NamedTuple):
    """Rows to train on, and rows to watch the loss with."""

    train: int
    valid: int


def share_rows(available: int, train: int, valid: int) -> TrainShare:
    """Training rows that were asked for come first; where they run out anyway, both sets shrink alike."""
    if available >= train:
        return TrainShare(train, min(valid, available - train))
    shrunk = round(available * valid / (train + valid))
    return TrainShare(available - shrunk, shrunk)


class _Dealer:
    """Hands out clusters, each to one side."""

    def __init__(self, request: SplitRequest, rng: Random) -> None:
        self._rng = rng
        self._members: dict[int, list[int]] = {}
        for index, cluster in enumerate(request.clusters.tolist()):
            self._members.setdefault(cluster, []).append(index)
        self._is_target = [not request.target or group == request.target for group in request.groups]
        self._groups = request.groups
        targets = [c for c, rows in self._members.items() if any(self._is_target[row] for row in rows)]
        rng.shuffle(targets)
        self._targets = targets[::-1]
        self._others = self._stratify(set(self._members) - set(targets))[::-1]
        self._sides: dict[str, list[int]] = {"train": [], "test": []}

    def count_target(self) -> int:
        """Rows of the target group that are not dealt yet."""
        return sum(self._is_target[row] for cluster in self._targets for row in self._members[cluster])

    def take_target(self, count: int, side: str, whole: bool = False) -> tuple[int, ...]:
        """Rows of the target group; `whole` takes all rows of a cluster instead of its first."""
        taken: list[int] = []
        while len(taken) < count and self._targets:
            cluster = self._targets.pop()
            self._sides[side].append(cluster)
            rows = [row for row in self._members[cluster] if self._is_target[row]]
            taken.extend(rows[: count - len(taken)] if whole else rows[:1])
        return tuple(taken)

    def take_others(self, count: int, side: str) -> tuple[int, ...]:
        """Rows of other groups, every group in proportion to its size, one row per cluster."""
        taken: list[int] = []
        while len(taken) < count and self._others:
            cluster = self._others.pop()
            self._sides[side].append(cluster)
            taken.append(self._members[cluster][0])
        return tuple(taken)

    def deal_rest(self) -> None:
        """Rows in no set serve as distractors: the target's half and half, all others on the test side.

        The documents of an unseen row's own group must be around it, or its answer is found by its subject.
        """
        for place, cluster in enumerate(self._targets):
            self._sides["train" if place % 2 else "test"].append(cluster)
        self._sides["test"].extend(self._others)
        self._targets, self._others = [], []

    def pool(self, side: str) -> tuple[int, ...]:
        """All rows of a side."""
        return tuple(sorted(row for cluster in self._sides[side] for row in self._members[cluster]))

    def _stratify(self, clusters: set[int]) -> list[int]:
        """An order of which every beginning holds the groups in proportion to their sizes."""
        of_group: dict[str, list[int]] = {}
        for cluster in sorted(clusters):
            of_group.setdefault(self._groups[self._members[cluster][0]], []).append(cluster)
        placed: list[tuple[float, int]] = []
        for members in of_group.values():
            self._rng.shuffle(members)
            placed += [((at + self._rng.random()) / len(members), one) for at, one in enumerate(members)]
        return [cluster for _, cluster in sorted(placed)]
