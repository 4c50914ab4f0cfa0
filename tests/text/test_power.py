from __future__ import annotations

import pytest

from workbench.text.power import decisions_needed, wins_needed
from workbench.text.stats import mcnemar_exact


@pytest.mark.parametrize(("n", "wins"), [(20, 15), (30, 21), (50, 33), (100, 61)])
def test_wins_needed_are_those_of_the_tables(n: int, wins: int) -> None:
    assert wins_needed(n) == wins
    assert mcnemar_exact(wins, n - wins) < 0.05 <= mcnemar_exact(wins - 1, n - wins + 1)


def test_five_decisions_settle_nothing_and_six_of_six_do() -> None:
    assert wins_needed(5) is None
    assert wins_needed(6) == 6


@pytest.mark.parametrize(
    ("rate", "about"), [(0.60, 225), (0.65, 90), (0.70, 55), (0.75, 30), (0.80, 20), (0.51, 19_600)]
)
def test_decisions_needed_are_about_those_of_the_normal_formula(rate: float, about: int) -> None:
    needed = decisions_needed(rate)
    assert needed is not None
    assert needed == pytest.approx(about, rel=0.2)
    assert decisions_needed(1 - rate) == needed


def test_no_number_tells_even_from_a_coin() -> None:
    assert decisions_needed(0.5) is None


def test_a_larger_gap_needs_fewer() -> None:
    needed = [decisions_needed(rate / 100) for rate in range(55, 101, 5)]
    assert all(one is not None for one in needed)
    assert needed == sorted(needed, key=lambda one: -(one or 0))
