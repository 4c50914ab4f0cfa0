import pytest

from workbench.i18n import translator
from workbench.schemas.evaluation import Interval
from workbench.ui.views.words import cut, say_decimal, say_interval, say_time_left

T = translator("ja")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(720, "残り 10〜14 分"), (61, "残り 1〜2 分"), (30, "残り 1 分以内")]
)
def test_the_remaining_time_is_told_as_a_range(seconds: float, expected: str) -> None:
    assert say_time_left(seconds, T) == expected


def test_an_unknown_remaining_time_is_said_to_be_unknown() -> None:
    assert say_time_left(None, T) == "残り時間を計算中"


def test_a_figure_stands_with_its_interval_and_its_number_of_questions() -> None:
    said = say_interval(Interval(value=0.235, low=0.182, high=0.298, n=200), T)
    assert all(part in said for part in ("18.2 %", "29.8 %", "200 問"))


def test_a_figure_without_data_is_said_not_to_be_measured() -> None:
    assert say_interval(Interval(value=None), T) == T("view.not_measured")
    assert say_interval(None, T) == T("view.not_measured")


def test_a_number_that_is_not_finite_is_a_dash() -> None:
    assert say_decimal(float("nan")) == "–"
    assert say_decimal(None) == "–"


def test_a_cut_text_is_never_longer_than_its_limit() -> None:
    assert cut("あ" * 30, 10) == "あ" * 9 + "…"
    assert cut("短い", 10) == "短い"
