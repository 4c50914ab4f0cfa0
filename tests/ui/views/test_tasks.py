from __future__ import annotations

from typing import Any

import pytest

from workbench.evaluation.tasks import list_tasks, load_task
from workbench.i18n import LANGUAGES, has_key
from workbench.schemas.evaluation import Interval, TaskChoice, TaskFigures
from workbench.ui.views.tasks import (
    describe_task,
    list_choices,
    render_figures,
    say_own,
    say_score,
    say_title,
)


def figures(**values: Any) -> TaskFigures:
    plain: dict[str, Any] = {
        "task": "jcq_chat",
        "protocol": "jcq_chat@1",
        "primary": "correct",
        "n": 20,
        "errors": 1,
        "truncated": 2,
        "metrics": {
            "correct": Interval(value=0.45, low=0.26, high=0.66, n=19),
            "parsed": Interval(value=0.8, low=0.5, high=0.9, n=20),
        },
        "chance": 0.2,
    }
    return TaskFigures.model_validate({**plain, **values})


def render(**values: Any) -> str:
    return render_figures([figures(**values)], {"jcq_chat": "常識の五択"}, "ja")


def test_a_result_tells_score_interval_chance_counts_and_protocol() -> None:
    html = render()
    for text in (
        "常識の五択",
        "正解率 45.0 %",
        "26.0 %",
        "66.0 %",
        "偶然の値 20.0 %",
        "20 問",
        "エラー 1",
        "途中で切れた 2",
    ):
        assert text in html
    assert "読み取れず 4" in html
    assert "jcq_chat@1" in html


def test_few_questions_are_pointed_out() -> None:
    assert "幅が広く" in render()
    assert "幅が広く" not in render(n=500)


def test_a_score_no_better_than_chance_is_called_so() -> None:
    assert "偶然の値と変わりません" not in render()
    assert "偶然の値と変わりません" in render(chance=0.3)


def test_a_mean_is_no_share() -> None:
    own = {"char_f1": Interval(value=0.45, low=0.4, high=0.5, n=20)}
    said = say_own(figures(protocol="jsquad@1", primary="char_f1", metrics=own))
    assert said == "0.45"
    assert say_own(figures()) == "45.0 %"


def test_nothing_measured_is_a_dash() -> None:
    assert say_own(figures(metrics={})) == "–"


def test_fields_are_told_apart_and_escaped() -> None:
    html = render(genres={"<i>算数</i>": Interval(value=0.5, low=0.1, high=0.9, n=4)})
    assert "分野ごと（1）" in html
    assert "<i>" not in html


def test_every_task_can_be_described_in_both_languages() -> None:
    for task in list_tasks():
        for lang in LANGUAGES:
            assert say_title(task, lang)
            assert task.protocol.label in describe_task(task, has_data=False, lang=lang)


def test_the_own_score_of_every_task_has_words() -> None:
    for task in list_tasks():
        for lang in LANGUAGES:
            assert has_key(f"evaluate_tab.score.{task.protocol.primary}", lang)
    assert say_score("my_score", "ja") == "my_score"


def test_chosen_tasks_stand_in_a_table_with_a_button_each() -> None:
    task = load_task("gsm8k")
    table = list_choices(
        [TaskChoice(task="gsm8k", data="/d/x.jsonl", limit=5)], [say_title(task, "ja")], "ja"
    )
    assert table["rows"][0]["cells"] == [say_title(task, "ja"), "/d/x.jsonl", "5", "課題のとおり"]
    assert table["rows"][0]["actions"][0]["verb"] == "remove"


@pytest.mark.parametrize("shots", [0, 4])
def test_the_number_of_examples_is_told_where_it_was_chosen(shots: int) -> None:
    assert list_choices([TaskChoice(task="gsm8k", shots=shots)], ["x"], "ja")["rows"][0]["cells"][3] == str(
        shots
    )
