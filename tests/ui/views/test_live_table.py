from __future__ import annotations

from typing import Any

import pytest

from tests.ui.samples import MADE_UP, QUOTED, REFUSAL, SCRIPT, answer
from workbench.ui.views.live_table import FILTERS, SHOWN_ANSWERS, LiveAnswer, own_score, render_answers


def line(**values: Any) -> dict[str, Any]:
    plain = {"kind": "task", "task": "jcq_chat", "question": "山は？", "target": "3", "state": "answered"}
    return {
        **plain,
        "prediction": "答えは 3 です",
        "primary": "correct",
        "scores": {"correct": 1.0},
        **values,
    }


def draw(lines: list[dict[str, Any]], filter_: str = "all") -> str:
    kept = [one for one in lines if FILTERS[filter_](one)]
    counts = {name: sum(map(lets_through, lines)) for name, lets_through in FILTERS.items()}
    return render_answers([LiveAnswer("baseline", one) for one in kept], counts, filter_, "ja")


def raft(number: int, text: str, kind: str = "answerable") -> dict[str, Any]:
    return answer(number, text, kind).model_dump(mode="json")


def test_finished_answers_come_newest_first_and_escaped() -> None:
    html = draw([raft(i, SCRIPT if i == 2 else QUOTED) for i in range(3)])
    assert "<script>" not in html
    assert html.index("2 番の窓口") < html.index("1 番の窓口")
    assert "引用 原文どおり" in html


def test_only_the_newest_answers_are_drawn() -> None:
    assert draw([raft(i, QUOTED) for i in range(50)]).count("<tr>") == SHOWN_ANSWERS + 1


def test_before_the_first_answer_the_page_says_what_will_come() -> None:
    assert "最初の答え" in draw([])


def test_question_expected_answer_what_was_taken_out_and_score_stand_in_a_row() -> None:
    html = draw([line(extracted="3")])
    for text in ("jcq_chat", "山は？", "取り出した答え: 3", "回答", "1.00", "正解率", "学習前"):
        assert text in html


def test_an_answer_that_failed_says_why() -> None:
    html = draw([line(state="error", error_code="answer_timeout", prediction="", scores={})])
    assert "回答が返りませんでした" in html


@pytest.mark.parametrize(
    ("filter_", "kept"),
    [("all", 4), ("failed", 1), ("wrong", 2), ("refused", 1)],
)
def test_the_table_can_be_narrowed(filter_: str, kept: int) -> None:
    lines = [
        line(),
        line(scores={"correct": 0.0}),
        line(state="truncated", scores={}),
        line(state="refused", scores={"correct": 0.0}),
    ]
    html = draw(lines, filter_)
    assert html.count("<tr>") == kept + 1
    assert "答えを得られず 1" in html


def test_a_filter_that_nothing_passes_says_so() -> None:
    assert "当てはまる答えはありません" in draw([line()], "failed")


@pytest.mark.parametrize(
    ("given", "own"),
    [
        (raft(1, REFUSAL, "unanswerable"), ("refused", 1.0)),
        (raft(1, MADE_UP, "unanswerable"), ("refused", 0.0)),
        (line(scores={}), None),
        (line(primary="", scores={}), None),
    ],
)
def test_each_kind_of_question_has_its_own_score(
    given: dict[str, Any], own: tuple[str, float] | None
) -> None:
    assert own_score(given) == own


def test_where_declining_is_right_the_table_says_so() -> None:
    assert "断るのが正解" in draw([raft(1, REFUSAL, "unanswerable")])
