"""A comparison's outcome in a few lines."""

from __future__ import annotations

import pytest

from tests.ui.fakes import metrics
from workbench.ui.headlines import make_headlines, tone_of


def test_a_fall_stands_beside_a_gain_and_is_marked() -> None:
    lines = make_headlines({"baseline": metrics(0.235, 0.62), "finetuned": metrics(0.015, 0.56)}, "ja")
    assert [(line["figure"], line["tone"]) for line in lines] == [
        ("23.5 % → 1.5 %", "good"),
        ("0.62 → 0.56", "warn"),
    ]


def test_what_was_not_measured_on_both_sides_has_no_line() -> None:
    assert make_headlines({"baseline": metrics(0.2, 0.5), "finetuned": {"n": 3}}, "en") == []
    assert make_headlines({}, "en") == []


@pytest.mark.parametrize(
    ("before", "after", "more", "tone"),
    [
        (0.2, 0.5, True, "good"),
        (0.5, 0.2, True, "warn"),
        (0.2, 0.5, False, "warn"),
        (0.5, 0.501, True, "plain"),
    ],
)
def test_the_tone_of_a_change(before: float, after: float, more: bool, tone: str) -> None:
    assert tone_of(before, after, more_is_better=more) == tone


def test_a_gain_within_the_margin_of_error_is_no_good_news_yet() -> None:
    before = {**metrics(0.2, 0.60), "intervals": {"answered_f1": {"low": 0.50, "high": 0.70}}}
    after = {**metrics(0.2, 0.65), "intervals": {"answered_f1": {"low": 0.55, "high": 0.75}}}
    tones = {
        line["figure"]: line["tone"]
        for line in make_headlines({"baseline": before, "finetuned": after}, "en")
    }
    assert tones["0.60 → 0.65"] == "plain"
