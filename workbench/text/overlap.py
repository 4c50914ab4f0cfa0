"""Scores of word-for-word overlap with a reference answer, and what they are worth by chance.

Every such score is far from 0 for unrelated Japanese texts; it is shown only beside its chance level.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.startup import later
from workbench.text.normalise import norm_ja

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rapidfuzz import distance
else:
    np = later("numpy")
    distance = later("rapidfuzz.distance")

_SEED_TRAILING = "。．.、，,"
_SEED_DROPPED = re.compile(r"[。．.、，,\s]")


def char_f1(prediction: str, target: str) -> float:
    """F1 over the multisets of characters after `norm_ja`; 1 where both are empty."""
    said, wanted = _plain(prediction), _plain(target)
    return _f1(_in_common(_points(said), _points(wanted)), len(said), len(wanted))


def char_bigram_f1(prediction: str, target: str) -> float:
    """F1 over the multisets of neighbouring characters after `norm_ja`: nearer to 0 by chance than `char_f1`.

    A text of one character has no neighbours and is compared as it is.
    """
    said, wanted = _plain(prediction), _plain(target)
    if min(len(said), len(wanted)) < 2:
        return float(said == wanted)
    common = _in_common(_join_neighbours(_points(said)), _join_neighbours(_points(wanted)))
    return _f1(common, len(said) - 1, len(wanted) - 1)


def rouge_l_char(prediction: str, target: str) -> float:
    """ROUGE-L over characters after `norm_ja`: 2·LCS/(m+n), LCS the longest common subsequence."""
    said, wanted = _plain(prediction), _plain(target)
    return _f1(distance.LCSseq.similarity(said, wanted), len(said), len(wanted))


def char_set_f1_seed001(prediction: str, target: str) -> float:
    """F1 over the sets of distinct characters, as the seed article computed its "token F1".

    Only to reproduce the article: how often a character occurs does not count, so that answers to other
    questions score 0.35.
    """
    said, wanted = _seed_characters(prediction), _seed_characters(target)
    return _f1(len(said & wanted), len(said), len(wanted))


def chance_level(
    predictions: Sequence[str],
    targets: Sequence[str],
    seed: int,
    score: Callable[[str, str], float] = char_f1,
) -> float | None:
    """Mean score of the predictions against the references of other questions.

    Args:
        predictions: Answers.
        targets: Reference answers in the same order.
        seed: Decides which other question each answer meets.
        score: The score whose floor is wanted.

    Returns:
        None with fewer than two questions: there is no other one.
    """
    count = len(predictions)
    if count < 2:
        return None
    # a cycle through a random order: every answer meets another question's reference, every reference once
    shuffled = [int(index) for index in np.random.default_rng(seed).permutation(count)]
    scores = [score(predictions[a], targets[b]) for a, b in pairwise([*shuffled, shuffled[0]])]
    return sum(scores) / count


@lru_cache(maxsize=64)
def _plain(text: str) -> str:
    """`norm_ja`, kept for the next score of the same answer."""
    return norm_ja(text)


def _seed_characters(text: str) -> set[str]:
    return set(_SEED_DROPPED.sub("", text.strip().rstrip(_SEED_TRAILING)))


def _points(text: str) -> NDArray[np.uint64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)


def _join_neighbours(points: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return points[:-1] << np.uint64(32) | points[1:]


def _in_common(said: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> int:
    """Size of the intersection of two multisets; a quarter of the time of two counters and their `&`."""
    said, wanted = np.sort(said), np.sort(wanted)
    # the n-th of equal ones is in common where the other side has more than n of them
    earlier = np.arange(len(said)) - said.searchsorted(said)
    counts = wanted.searchsorted(said, "right") - wanted.searchsorted(said)
    return int((earlier < counts).sum())


def _f1(common: int, said: int, wanted: int) -> float:
    """F1 of a number in common; two empty texts agree."""
    if said == 0 or wanted == 0:
        return 1.0 if said == wanted else 0.0
    return 2 * common / (said + wanted)
