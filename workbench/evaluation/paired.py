"""One measure on two runs, over the questions that both were asked. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from workbench.evaluation.measures import Measure, is_rate
from workbench.evaluation.pairing import Pair
from workbench.schemas.comparison import Change, ChangeVerdict
from workbench.schemas.evaluation import Interval
from workbench.text.significance import paired_test
from workbench.text.stats import (
    MIN_PAIRS,
    bootstrap_mean,
    flip_difference,
    mcnemar_exact,
    wilson,
)

ALPHA = 0.05


@dataclass(frozen=True)
class Paired:
    """A measure's values on both sides; questions that a side has no value for are left out."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    groups: tuple[Hashable, ...] = ()
    higher_is_better: bool = True

    @property
    def n(self) -> int:
        return len(self.before)

    @property
    def rate(self) -> bool:
        """Every value is 0 or 1, so that flips can be counted."""
        return is_rate([*self.before, *self.after])

    @property
    def gained(self) -> int:
        """Questions whose value rose."""
        return sum(new > old for old, new in zip(self.before, self.after, strict=True))

    @property
    def lost(self) -> int:
        return sum(new < old for old, new in zip(self.before, self.after, strict=True))


def read_pairs(pairs: Sequence[Pair], measure: Measure, *, higher_is_better: bool | None = None) -> Paired:
    """The values of both sides.

    Args:
        pairs: Both answers of each question.
        measure: What to read of them.
        higher_is_better: Where a task says so itself.
    """
    read = [(old, measure.read(old), measure.read(new)) for old, new in pairs]
    kept = [(old, a, b) for old, a, b in read if a is not None and b is not None]
    return Paired(
        before=tuple(a for _, a, _ in kept),
        after=tuple(b for _, _, b in kept),
        # questions on the same documents rise and fall together
        groups=tuple(old.documents for old, _, _ in kept) if all(old.documents for old, _, _ in kept) else (),
        higher_is_better=measure.higher_is_better if higher_is_better is None else higher_is_better,
    )


def summarise_values(values: Sequence[float], *, draws: int = 2_000, seed: int = 0) -> Interval:
    """A mean with its interval: Wilson's for 0 and 1, by bootstrap otherwise."""
    if is_rate(values):
        return wilson(round(sum(values)), len(values))
    return bootstrap_mean(values, draws=draws, seed=seed)


def measure_change(name: str, paired: Paired, *, draws: int, seed: int, task: str = "") -> Change:
    """The change with its interval, its test, and what it means in words.

    Flips between 0 and 1 are tested by McNemar's exact test, other values by the paired bootstrap.
    """
    gained, lost = paired.gained, paired.lost
    if paired.rate:
        difference, p = flip_difference(gained, lost, paired.n), mcnemar_exact(gained, lost)
    else:
        tested = paired_test(paired.before, paired.after, groups=paired.groups, draws=draws, seed=seed)
        difference, p = tested.difference, tested.p
    n = paired.n
    return Change(
        metric=name,
        task=task,
        before=sum(paired.before) / n if n else None,
        after=sum(paired.after) / n if n else None,
        n=n,
        rate=paired.rate,
        difference=difference,
        gained=gained if paired.higher_is_better else lost,
        lost=lost if paired.higher_is_better else gained,
        p=p if n else None,
        verdict=judge_p(p, difference, higher_is_better=paired.higher_is_better),
    )


def judge_p(p: float, difference: Interval, *, higher_is_better: bool) -> ChangeVerdict:
    """What a tested difference says in words."""
    if difference.n < MIN_PAIRS or difference.value is None:
        return "too_few"
    if p >= ALPHA:
        return "no_difference"
    return "improved" if (difference.value > 0) == higher_is_better else "worse"
