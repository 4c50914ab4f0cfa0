"""Intervals and tests for figures of an evaluation. Exact or by bootstrap; numpy is all they need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from workbench.schemas.evaluation import Interval
from workbench.startup import later

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = later("numpy")

Verdict = Literal["improved", "worse", "no_difference", "too_few"]

Z95 = 1.959963984540054
MIN_PAIRS = 20
"""Fewer questions than this decide nothing, whatever they say."""
_BLOCK = 2_000_000
"""Drawn indices held in memory at a time."""


def wilson(successes: int, n: int, z: float = Z95) -> Interval:
    """A share with its Wilson score interval (E. B. Wilson, 1927): sound near 0 and 1 and for small n."""
    if n == 0:
        return Interval(value=None, n=0)
    low, high = wilson_bounds(successes / n, n, z)
    # the formula gives these ends too, but for rounding
    low, high = (0.0 if successes == 0 else low), (1.0 if successes == n else high)
    return Interval(value=successes / n, low=low, high=high, n=n)


def wilson_bounds(share: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval for a share seen over n questions; both may be what a larger test would show."""
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_mean(values: Sequence[float], *, draws: int = 10_000, seed: int = 0) -> Interval:
    """A mean with its percentile bootstrap interval; no interval for fewer than two values."""
    n = len(values)
    if n == 0:
        return Interval(value=None, n=0)
    if n == 1:
        return Interval(value=float(values[0]), n=1)
    data = np.asarray(values, dtype=np.float64)
    low, high = np.percentile(draw_means(data, draws=draws, seed=seed), [2.5, 97.5])
    return Interval(value=float(data.mean()), low=float(low), high=float(high), n=n)


def draw_means(data: NDArray[np.float64], *, draws: int, seed: int) -> NDArray[np.float64]:
    """Means of samples drawn with replacement, one row per draw; rows of a table are drawn together."""
    n = len(data)
    generator = np.random.default_rng(seed)
    means = np.empty((draws, *data.shape[1:]))
    step = max(1, _BLOCK // n)
    for first in range(0, draws, step):
        count = min(step, draws - first)
        means[first : first + count] = data[generator.integers(0, n, size=(count, n))].mean(axis=1)
    return means


def paired_bootstrap(
    before: Sequence[float], after: Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> Interval:
    """The mean of after minus before over the same questions, with its interval.

    Raises:
        ValueError: The two are not equally long.
    """
    return bootstrap_mean([b - a for a, b in zip(before, after, strict=True)], draws=draws, seed=seed)


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test: how likely so uneven a split of the flips is by chance."""
    flips = gained + lost
    if flips == 0:
        return 1.0
    fewer = min(gained, lost)
    tail = sum(math.comb(flips, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**flips)


def flip_difference(gained: int, lost: int, n: int, z: float = Z95) -> Interval:
    """Difference of two shares over the same n questions, with its Wald interval for paired shares."""
    if n == 0:
        return Interval(value=None, n=0)
    delta, flips = (gained - lost) / n, (gained + lost) / n
    half = z * math.sqrt(max(0.0, flips - delta * delta) / n)
    return Interval(value=delta, low=max(-1.0, delta - half), high=min(1.0, delta + half), n=n)


def judge_interval(difference: Interval, *, higher_is_better: bool = True) -> Verdict:
    """What a difference with its interval says in words."""
    low, high = difference.low, difference.high
    if difference.n < MIN_PAIRS or low is None or high is None:
        return "too_few"
    if low > 0:
        return "improved" if higher_is_better else "worse"
    if high < 0:
        return "worse" if higher_is_better else "improved"
    return "no_difference"


def judge_flips(
    gained: int, lost: int, n: int, *, higher_is_better: bool = True, alpha: float = 0.05
) -> Verdict:
    """What flips between yes and no say in words, by McNemar's exact test."""
    if n < MIN_PAIRS:
        return "too_few"
    if mcnemar_exact(gained, lost) >= alpha:
        return "no_difference"
    return "improved" if (gained > lost) == higher_is_better else "worse"
