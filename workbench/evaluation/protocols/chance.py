"""What a score is worth by chance: the figure that answers get which know nothing of the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.evaluation.protocols.base import Given
from workbench.startup import later
from workbench.text.matching import Score, best_of

if TYPE_CHECKING:
    import numpy as np
else:
    np = later("numpy")

_SEED = 0

Chance = Callable[[Sequence[Given]], float | None]


def chance_by_shuffling(score: Score) -> Chance:
    """The mean score of the answers against the references of other questions, in one shuffled pass.

    None with fewer than two questions: there is no other one.
    """

    def measure(given: Sequence[Given]) -> float | None:
        if len(given) < 2:
            return None
        # a cycle through a random order: every answer meets another question's references, every one once
        order = [int(index) for index in np.random.default_rng(_SEED).permutation(len(given))]
        met = ((given[a].prediction, given[b].accepted) for a, b in pairwise([*order, order[0]]))
        return sum(best_of(score, prediction, accepted) for prediction, accepted in met) / len(given)

    return measure


def chance_of_labels(labels: int) -> Chance:
    """One in so many labels."""
    return lambda given: 1 / labels


def chance_of_seen_labels(given: Sequence[Given]) -> float | None:
    """One in as many labels as the references name: 4 is the fifth of 0, 1, 2, 3, 4."""
    labels = [int(one.expected) for one in given if one.expected.isdecimal()]
    return 1 / (max(labels) + 1) if labels and max(labels) else None
