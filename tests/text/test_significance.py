"""Paired comparisons that must decide something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.schemas.evaluation import Interval
from workbench.text.escape import escape_cell, escape_markdown
from workbench.text.significance import (
    adjust_holm,
    count_needed,
    flip_bounds,
    flip_ratio,
    narrow,
    paired_ratio,
    paired_test,
    wilson_at,
)
from workbench.text.stats import flip_difference, wilson, wilson_bounds


def test_interval_and_test_of_the_same_draws_agree() -> None:
    generator = np.random.default_rng(3)
    for shift in (0.0, 0.01, 0.02, 0.05):
        before = generator.random(80)
        after = before + shift + generator.normal(0, 0.1, 80)
        found = paired_test(before.tolist(), after.tolist(), draws=2000)
        assert found.difference.low is not None
        assert found.difference.high is not None
        assert (found.p < 0.05) == (found.difference.low > 0 or found.difference.high < 0)


def test_nothing_and_one_question_decide_nothing() -> None:
    assert paired_test([], []).difference == Interval(value=None)
    assert paired_test([0.0], [1.0]).p == 1.0
    assert paired_test([0.5] * 30, [0.5] * 30, draws=200).p == 1.0


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument"):
        paired_test([1.0], [])


def test_few_groups_are_no_groups() -> None:
    values = np.random.default_rng(0).random(90).tolist()
    plain = paired_test([0.0] * 90, values, draws=500)
    assert paired_test([0.0] * 90, values, groups=[i // 10 for i in range(90)], draws=500) == plain
    assert paired_test([0.0] * 90, values, groups=[i // 9 for i in range(90)], draws=500) != plain


def test_the_articles_interval_of_flips_is_the_usual_one_when_there_are_many() -> None:
    low, high = flip_bounds(19, 24, 1119)
    usual = flip_difference(19, 24, 1119)
    assert (low, high) == pytest.approx((usual.low, usual.high), abs=4e-4)
    assert flip_bounds(0, 0, 12)[0] < -0.15, "twelve questions without a flip are no certainty"


def test_the_articles_ratio() -> None:
    found = flip_ratio(1005, 19, 24)
    assert found.value == pytest.approx(0.9951, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.983, 1.008), abs=1e-3)
    assert flip_ratio(0, 5, 0).value is None


def test_a_ratio_of_overlap_scores_has_its_interval() -> None:
    before = [0.5, 0.6, 0.7] * 30
    found = paired_ratio(before, [0.9 * value for value in before], draws=500)
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx((0.9, 0.9))
    assert paired_ratio([0.0], [1.0]).value is None
    assert paired_ratio([], []).n == 0


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_at_a_seen_share_is_wilson(successes: int, more: int) -> None:
    n = successes + more
    known = wilson(successes, n)
    assert wilson_bounds(successes / n, n) == pytest.approx((known.low, known.high), abs=1e-9)


def test_the_number_needed_is_the_first_that_decides() -> None:
    bounds = wilson_at(0.0)
    needed = count_needed(lambda n: (-bounds(n)[1], -bounds(n)[0]), -0.005, 100)
    assert needed is not None
    assert wilson_bounds(0.0, needed)[1] <= 0.005 < wilson_bounds(0.0, needed - 1)[1]
    assert 700 < needed < 800
    halved = count_needed(narrow(Interval(value=0.1, low=-0.1, high=0.3, n=50)), 0.0, 50)
    assert halved == 200
    assert count_needed(narrow(Interval(value=0.0, low=-0.1, high=0.1, n=50)), 0.0, 50) is None


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert adjust_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust_holm([]) == []
    assert adjust_holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("text", ["=1+1", " @x", "-2", "＋1", "\tx", "\n=1", "　=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert escape_cell(text).startswith("'")


def test_cells_are_cut_and_cleaned() -> None:
    assert len(escape_cell("あ" * 100_000)) == 32_000
    assert escape_cell("a\x00b\ud800") == "a\ufffdb\ufffd"
    assert escape_cell("普通") == "普通"


def test_markdown_is_text() -> None:
    assert escape_markdown("a|b\n[x](y) <b>") == "a\\|b \\[x\\](y) &lt;b&gt;"
