"""Decides one condition from values alone. Pure; knows neither files nor runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.evaluation.measures import is_rate
from workbench.evaluation.paired import Paired, summarise_values
from workbench.schemas.evaluation import Interval
from workbench.schemas.gate import Condition, DecideOn, LimitKind, Outcome
from workbench.text.significance import (
    Bounds,
    count_needed,
    flip_bounds,
    flip_ratio,
    narrow,
    paired_ratio,
    paired_test,
    wilson_at,
)

MIN_PAIRS = 10
"""Fewer questions than this decide nothing."""
DRAWS = 10_000
_EQUAL = 1e-12
AGAINST_BASELINE: frozenset[LimitKind] = frozenset({"min_ratio", "max_drop", "min_delta"})


@dataclass(frozen=True)
class Evidence:
    """What is held against a threshold."""

    statistic: Interval
    n: int
    bounds: Bounds
    """The statistic's interval with another number of questions."""
    rate: bool = False
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class Decision:
    """The outcome of one condition, and why."""

    outcome: Outcome
    reason: str
    needed: int | None = None
    evidence: Evidence = field(default_factory=lambda: NOTHING)


NOTHING = Evidence(Interval(value=None), 0, lambda n: (0.0, 0.0))


def decide_paired(condition: Condition, paired: Paired, seed: int = 0) -> Decision:
    """A condition on what changed between two runs (`min_ratio`, `max_drop` or `min_delta`).

    Args:
        condition: Its limit, and whether the interval or the figure alone decides.
        paired: Both sides' values.
        seed: Of the bootstrap.
    """
    if paired.n < MIN_PAIRS:
        return Decision("inconclusive", "too_few", MIN_PAIRS - paired.n)
    if condition.limit == "min_ratio":
        evidence = _measure_ratio(paired, seed)
        if evidence.statistic.value is None:
            return Decision("inconclusive", "base_zero", None, evidence)
        return decide(evidence, condition.threshold, condition.decide_on)
    # a worsening of at most 0.03 is an improvement of at least -0.03
    least = -condition.threshold if condition.limit == "max_drop" else condition.threshold
    return decide(_measure_gain(paired, seed), least, condition.decide_on)


def decide_value(condition: Condition, values: Sequence[float], seed: int = 0) -> Decision:
    """A condition on one run's figure alone (`min_value`, `max_value`)."""
    if len(values) < MIN_PAIRS:
        return Decision("inconclusive", "too_few", MIN_PAIRS - len(values))
    found, rate = summarise_values(values, draws=DRAWS, seed=seed), is_rate(values)
    bounds = wilson_at(found.value) if rate else narrow(found)
    evidence = Evidence(found, found.n, bounds, rate=rate, after=found.value)
    return decide(evidence, condition.threshold, condition.decide_on, at_most=condition.limit == "max_value")


def decide(evidence: Evidence, threshold: float, decide_on: DecideOn, *, at_most: bool = False) -> Decision:
    """Hold a statistic against a threshold that it must reach, or with `at_most` not exceed."""
    value, low, high = evidence.statistic.value, evidence.statistic.low, evidence.statistic.high
    if value is None:
        return Decision("inconclusive", "too_few", None, evidence)
    if decide_on == "point":
        low = high = value
    if low is None or high is None:
        return Decision("inconclusive", "too_few", None, evidence)
    if at_most:
        low, high, threshold = -high, -low, -threshold
    if low >= threshold - _EQUAL:
        return Decision("pass", "held", 0, evidence)
    if high < threshold - _EQUAL:
        return Decision("fail", "broken", 0, evidence)
    wanted = count_needed(_mirror(evidence.bounds) if at_most else evidence.bounds, threshold, evidence.n)
    return Decision("inconclusive", "straddles", wanted and wanted - evidence.n, evidence)


def _mirror(bounds: Bounds) -> Bounds:
    def mirrored(n: int) -> tuple[float, float]:
        low, high = bounds(n)
        return -high, -low

    return mirrored


def _measure_gain(paired: Paired, seed: int) -> Evidence:
    """How much better the side after is, in the direction in which better lies."""
    sign = 1.0 if paired.higher_is_better else -1.0
    before, after = ([sign * value for value in side] for side in (paired.before, paired.after))
    n = paired.n
    means = (sum(paired.before) / n, sum(paired.after) / n)
    if not paired.rate:
        found = paired_test(before, after, groups=paired.groups, draws=DRAWS, seed=seed).difference
        return Evidence(found, n, narrow(found), before=means[0], after=means[1])
    better, worse = (paired.gained, paired.lost) if sign > 0 else (paired.lost, paired.gained)

    def bounds(size: int) -> tuple[float, float]:
        return flip_bounds(better * size / n, worse * size / n, size)

    low, high = bounds(n)
    found = Interval(value=(better - worse) / n, low=low, high=high, n=n)
    return Evidence(found, n, bounds, rate=True, before=means[0], after=means[1])


def _measure_ratio(paired: Paired, seed: int) -> Evidence:
    n = paired.n
    before, after = sum(paired.before) / n, sum(paired.after) / n
    if paired.rate:
        both = sum(old == new == 1.0 for old, new in zip(paired.before, paired.after, strict=True))
        found = flip_ratio(both, paired.gained, paired.lost).model_copy(update={"n": n})
    else:
        found = paired_ratio(paired.before, paired.after, draws=DRAWS, seed=seed)
    return Evidence(found, n, narrow(found), rate=paired.rate, before=before, after=after)
