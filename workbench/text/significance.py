"""Paired comparisons that must decide something: tests, ratios, many at once, and how many more would decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.schemas.evaluation import Interval
from workbench.text.stats import Z95, draw_means, wilson_bounds

MIN_CLUSTERS = 10
"""Fewer groups than this say nothing about the spread between groups; questions are drawn singly then."""
_MOST_PAIRS = 10_000_000

Bounds = Callable[[int], tuple[float, float]]
"""The interval that so many questions would have if everything else stayed as it was seen."""


class Tested(NamedTuple):
    """A mean difference with its interval, and how likely one at least so large is by chance."""

    difference: Interval
    p: float


def paired_test(
    before: Sequence[float],
    after: Sequence[float],
    *,
    groups: Sequence[Hashable] = (),
    draws: int = 10_000,
    seed: int = 0,
) -> Tested:
    """The paired bootstrap of a mean difference, as an interval and as a two-sided test of the same draws.

    Args:
        before: One value per question.
        after: The same questions, in the same order.
        groups: What each question belongs to (its documents): questions of one group are drawn together,
            because they rise and fall together. Empty, or fewer than ten groups: singly.
        draws: Bootstrap draws.
        seed: Of those draws.

    Raises:
        ValueError: The two are not equally long.
    """
    changes = np.asarray([b - a for a, b in zip(before, after, strict=True)], dtype=np.float64)
    n = len(changes)
    if n < 2:
        return Tested(Interval(value=float(changes[0]) if n else None, n=n), 1.0)
    means = _draw_in_groups(changes, groups, draws, seed)
    low, high = np.percentile(means, [2.5, 97.5])
    one_side = (1 + min(int((means <= 0).sum()), int((means >= 0).sum()))) / (draws + 1)
    found = Interval(value=float(changes.mean()), low=float(low), high=float(high), n=n)
    return Tested(found, min(1.0, 2 * one_side))


def _draw_in_groups(
    changes: NDArray[np.float64], groups: Sequence[Hashable], draws: int, seed: int
) -> NDArray[np.float64]:
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if not MIN_CLUSTERS <= len(numbers) < len(changes):
        return draw_means(changes, draws=draws, seed=seed)
    sums = np.zeros((len(numbers), 2))
    for group, change in zip(groups, changes, strict=True):
        sums[numbers[group]] += (change, 1.0)
    drawn = draw_means(sums, draws=draws, seed=seed)
    return drawn[:, 0] / drawn[:, 1]


def paired_ratio(
    before: Sequence[float], after: Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> Interval:
    """Mean after over mean before with its bootstrap interval; no value where the mean before is not above 0."""
    data = np.asarray([before, after], dtype=np.float64).T
    n = len(data)
    if n == 0 or data[:, 0].mean() <= 0:
        return Interval(value=None, n=n)
    value = float(data[:, 1].mean() / data[:, 0].mean())
    if n == 1:
        return Interval(value=value, n=1)
    drawn = draw_means(data, draws=draws, seed=seed)
    kept = drawn[drawn[:, 0] > 0]
    low, high = np.percentile(kept[:, 1] / kept[:, 0], [2.5, 97.5])
    return Interval(value=value, low=float(low), high=float(high), n=n)


def flip_bounds(gained: float, lost: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Interval of the difference of two shares over the same n questions (Bonett and Price, 2012).

    Adds one flip each way, so that a handful of questions without a flip does not count as certainty. With many
    questions it is the usual `Δ ± 1.96·√((d − Δ²)/n)`.
    """
    size = n + 2
    delta, flips = (gained - lost) / size, (gained + lost + 2) / size
    half = z * math.sqrt(max(0.0, flips - delta * delta) / size)
    return max(-1.0, delta - half), min(1.0, delta + half)


def flip_ratio(both: int, gained: int, lost: int, z: float = Z95) -> Interval:
    """Share after over share before, both over the same questions, with its interval on the logarithm's scale.

    The variance is `(gained + lost) / (right before · right after)` (Nam and Blackwelder, 2002), with one flip
    added each way.

    Args:
        both: Questions right on both sides.
        gained: Right only after.
        lost: Right only before.
        z: Of the interval.
    """
    before, after = both + lost, both + gained
    if before == 0:
        return Interval(value=None)
    value = after / before
    spread = math.sqrt((gained + lost + 2) / ((before + 1) * (after + 1)))
    centre = math.log((after + 1) / (before + 1))
    return Interval(value=value, low=math.exp(centre - z * spread), high=math.exp(centre + z * spread))


def wilson_at(share: float | None) -> Bounds:
    """Wilson's interval of a share that stays as it was seen."""
    return lambda n: wilson_bounds(share or 0.0, n)


def narrow(interval: Interval) -> Bounds:
    """How an interval shrinks with more questions: with the root of their number, around the same value."""
    value = interval.value or 0.0
    below = value - (interval.low if interval.low is not None else value)
    above = (interval.high if interval.high is not None else value) - value

    def bounds(n: int) -> tuple[float, float]:
        scale = math.sqrt(interval.n / n)
        return value - below * scale, value + above * scale

    return bounds


def count_needed(bounds: Bounds, limit: float, n: int) -> int | None:
    """The fewest questions, more than n, whose interval leaves the limit on one side.

    Returns:
        None where ten million would not do: the value lies on the limit.
    """
    few, many = n, max(2 * n, 2)
    while not _is_clear(bounds(many), limit):
        few, many = many, 2 * many
        if many > _MOST_PAIRS:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _is_clear(bounds(middle), limit) else (middle, many)
    return many


def _is_clear(bounds: tuple[float, float], limit: float) -> bool:
    low, high = bounds
    return low >= limit or high < limit


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the chance of even one false finding among all stays below 5 %."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
