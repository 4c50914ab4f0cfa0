from __future__ import annotations

import math

import pytest

from workbench.schemas.evaluation import Interval
from workbench.text.stats import (
    bootstrap_mean,
    flip_difference,
    judge_flips,
    judge_interval,
    mcnemar_exact,
    paired_bootstrap,
    wilson,
)


def test_wilson_gives_the_published_interval_of_the_article() -> None:
    before, after = wilson(47, 200), wilson(3, 200)
    assert (before.value, before.low, before.high) == pytest.approx((0.235, 0.182, 0.298), abs=5e-4)
    assert (after.value, after.low, after.high) == pytest.approx((0.015, 0.005, 0.043), abs=5e-4)


def test_wilson_stays_within_zero_and_one() -> None:
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=1e-3)
    assert wilson(0, 0) == Interval(value=None, n=0)


def test_mcnemar_of_forty_four_to_nothing_is_certain() -> None:
    assert mcnemar_exact(44, 0) == pytest.approx(2 * 0.5**44)
    assert mcnemar_exact(19, 24) == pytest.approx(0.54, abs=0.005)
    assert mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(0, 0) == 1.0


def test_the_paired_interval_is_that_of_the_differences() -> None:
    before = [0.1 * (index % 7) for index in range(200)]
    after = [value + 0.05 + 0.01 * (index % 3) for index, value in enumerate(before)]
    found = paired_bootstrap(before, after, draws=2000, seed=1)
    assert found.value == pytest.approx(sum(b - a for a, b in zip(before, after, strict=True)) / 200)
    assert found.low is not None
    assert found.high is not None
    # the spread of the answers themselves is far larger: pairing removes it
    assert 0.05 < found.low < found.value < found.high < 0.07


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [math.sin(index) for index in range(50)]
    assert bootstrap_mean(values, draws=500, seed=4) == bootstrap_mean(values, draws=500, seed=4)
    assert bootstrap_mean(values, draws=500, seed=4) != bootstrap_mean(values, draws=500, seed=5)


def test_too_little_data_has_no_interval() -> None:
    assert bootstrap_mean([]) == Interval(value=None, n=0)
    assert bootstrap_mean([0.5]) == Interval(value=0.5, n=1)
    with pytest.raises(ValueError, match="argument"):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_the_flip_interval_is_the_one_of_the_published_general_task() -> None:
    found = flip_difference(19, 24, 1119)
    assert (found.value, found.low, found.high) == pytest.approx((-0.0045, -0.0161, 0.0071), abs=2e-4)


@pytest.mark.parametrize(
    ("low", "high", "n", "expected"),
    [
        (0.01, 0.1, 100, "improved"),
        (-0.1, -0.01, 100, "worse"),
        (-0.1, 0.1, 100, "no_difference"),
        (0.01, 0.1, 5, "too_few"),
        (None, None, 100, "too_few"),
    ],
)
def test_an_interval_becomes_a_word(low: float | None, high: float | None, n: int, expected: str) -> None:
    assert judge_interval(Interval(value=0.0, low=low, high=high, n=n)) == expected


def test_fewer_refusals_are_an_improvement_where_low_is_good() -> None:
    assert judge_flips(0, 44, 200, higher_is_better=False) == "improved"
    assert judge_flips(44, 0, 200, higher_is_better=False) == "worse"
    assert judge_flips(3, 1, 200) == "no_difference"
    assert judge_flips(10, 0, 12) == "too_few"
    assert (
        judge_interval(Interval(value=-0.1, low=-0.2, high=-0.1, n=50), higher_is_better=False) == "improved"
    )
