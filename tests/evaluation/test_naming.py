"""Figures as people read them."""

from __future__ import annotations

import pytest

from workbench.evaluation.naming import say_bounds
from workbench.i18n import Lang
from workbench.schemas.evaluation import Interval


@pytest.mark.parametrize(("lang", "said"), [("ja", "−1.0〜25.0"), ("en", "−1.0 to 25.0")])
def test_an_interval_is_written_as_the_language_writes_it(lang: Lang, said: str) -> None:
    interval = Interval(value=0.1, low=-0.01, high=0.25, n=9)
    assert say_bounds(interval, lang, rate=True) == said


def test_a_figure_without_an_interval_has_no_bounds() -> None:
    assert say_bounds(Interval(value=0.1, n=1), "ja", rate=True) == ""
