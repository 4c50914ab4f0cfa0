"""Rows of training files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.training.rows import RowProblem, TrainingRow, group_problems, parse_row, shorten

USER = {"role": "user", "content": "質問"}
ANSWER = {"role": "assistant", "content": "答え"}


def parse(value: Any) -> TrainingRow | RowProblem:
    return parse_row(7, value if isinstance(value, str) else json.dumps(value))


def test_messages_become_prompt_and_last_answer() -> None:
    row = parse(
        {"messages": [USER, ANSWER, USER, {"role": "assistant", "content": "二つ目"}], "metadata": {"id": 1}}
    )
    assert isinstance(row, TrainingRow)
    assert row.prompt == [USER, ANSWER, USER]
    assert row.completion == [{"role": "assistant", "content": "二つ目"}]


def test_text_sides_stay_text() -> None:
    row = parse({"prompt": "質問:", "completion": " 答え"})
    assert row == TrainingRow(7, "質問:", " 答え")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "not_json"),
        ("[1]", "not_json"),
        ({"text": "x"}, "no_fields"),
        ({"prompt": "x"}, "no_fields"),
        ({"messages": {"role": "user"}}, "bad_messages"),
        ({"messages": ["x"]}, "bad_messages"),
        ({"messages": [{"role": "user", "content": None}]}, "bad_messages"),
        ({"prompt": "x", "completion": [ANSWER]}, "bad_messages"),
        ({"messages": []}, "no_answer"),
        ({"messages": [USER]}, "no_answer"),
        ({"messages": [ANSWER]}, "no_prompt"),
        ({"messages": [USER, {"role": "assistant", "content": " \n"}]}, "empty_answer"),
    ],
)
def test_rows_that_cannot_be_used_have_a_reason(value: Any, reason: str) -> None:
    assert parse(value) == RowProblem(7, reason)  # type: ignore[arg-type]


def test_problems_are_grouped_with_their_first_lines() -> None:
    problems = [RowProblem(n, "no_answer") for n in range(1, 13)] + [RowProblem(20, "not_json")]
    first, second = group_problems(problems)
    assert (first.reason, first.count, first.rows) == ("no_answer", 12, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …")
    assert (second.count, second.rows) == (1, "20")


def test_short_lists_are_told_whole() -> None:
    assert shorten([3, 5]) == "3, 5"
