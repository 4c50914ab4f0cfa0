from __future__ import annotations

import pytest

from tests.evaluation.makers import PLAIN, QUOTED, REFUSAL, scored
from workbench.evaluation.summary import summarise

MIXED = [
    scored(QUOTED, "a1"),
    scored(PLAIN, "a2"),
    scored(REFUSAL, "a3"),
    scored(QUOTED, "a4", "unseen"),
    scored("", "a5", state="error"),
    scored(REFUSAL, "u1", "unanswerable"),
    scored(PLAIN, "u2", "unanswerable"),
    scored("1", "g1", "general"),
    scored(REFUSAL, "g2", "general"),
    scored("0", "g3", "general"),
]


def test_each_rate_is_over_its_own_questions() -> None:
    metrics = summarise(MIXED)
    assert (metrics.n, metrics.errors) == (10, 1)
    assert metrics.over_refusal_rate == pytest.approx(1 / 4)
    assert metrics.verbatim_quote_rate == pytest.approx(2 / 4)
    assert metrics.correct_refusal_rate == pytest.approx(1 / 2)
    assert metrics.general_accuracy == pytest.approx(1 / 3)
    assert metrics.answered_f1 == pytest.approx((MIXED[0].scores["char_f1"] * 2 + 1.0) / 3)


def test_every_figure_has_an_interval_with_its_n() -> None:
    intervals = summarise(MIXED).intervals
    assert {name: interval.n for name, interval in intervals.items()} == {
        "over_refusal_rate": 4,
        "correct_refusal_rate": 2,
        "verbatim_quote_rate": 4,
        "general_accuracy": 3,
        "answered_f1": 3,
    }
    for interval in intervals.values():
        assert interval.low is not None
        assert interval.value is not None
        assert interval.high is not None
        assert interval.low <= interval.value <= interval.high


def test_a_partial_answer_counts_as_an_answer_and_is_shown() -> None:
    metrics = summarise([scored(PLAIN + "割引は提供された情報からは回答できません。")])
    assert metrics.over_refusal_rate == 0.0
    assert metrics.by_kind["answerable"]["partial"] == 1.0
    assert metrics.answered_f1 is not None


def test_rambling_and_silence_are_no_merit() -> None:
    metrics = summarise(
        [
            scored(QUOTED, "a1"),
            scored(QUOTED, "a2", state="truncated"),
            scored("", "a3", state="empty"),
            scored("", "u1", "unanswerable", "empty"),
            scored("1 1 1", "g1", "general", "truncated"),
        ]
    )
    assert metrics.verbatim_quote_rate == pytest.approx(1 / 3)
    assert metrics.correct_refusal_rate == 0.0
    assert metrics.general_accuracy == 0.0
    assert metrics.by_kind["answerable"]["truncated"] == 1.0
    assert metrics.by_kind["general"]["unparsed"] == 1.0


def test_refusals_that_leak_into_the_general_task_are_counted() -> None:
    general = summarise(MIXED).by_kind["general"]
    assert (general["refused"], general["unparsed"], general["correct"]) == (1.0, 1.0, 1.0)


def test_what_was_not_asked_has_no_figure() -> None:
    metrics = summarise([scored(PLAIN)])
    assert metrics.correct_refusal_rate is None
    assert metrics.general_accuracy is None
    assert metrics.answered_f1_chance is None
    assert summarise([]).over_refusal_rate is None


def test_errors_alone_give_no_figures() -> None:
    metrics = summarise([scored("", state="error")])
    assert (metrics.errors, metrics.over_refusal_rate, metrics.verbatim_quote_rate) == (1, None, None)
