from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from workbench.errors import ConfigError, InputError, NotFoundError
from workbench.ui.context import UiContext
from workbench.ui.tabs import evaluate_tasks as page

TASK_FILE = """
version: 1
name: mine
title: {ja: 自分の課題}
protocol: exact_match_ja
"""


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "1+1?", "answer": "2"}\n', encoding="utf-8")
    return path


def add(ctx: UiContext, rows: list[dict[str, Any]] | None = None, **values: Any) -> list[dict[str, Any]]:
    plain = {"task": "gsm8k", "file": "", "data": "", "upload": None, "limit": 5, "shots": ""}
    return page.add_task(ctx, rows or [], **{**plain, **values})[0]


def test_a_task_is_put_on_the_list_with_its_file(ctx: UiContext, questions: Path) -> None:
    rows = add(ctx, data=str(questions), shots="2")
    assert rows == [{"task": "gsm8k", "data": str(questions), "limit": 5, "shots": 2}]
    assert "GSM8K" in json.loads(page.show_choices(ctx, rows))["rows"][0]["cells"][0]


def test_a_dropped_file_is_kept_where_jobs_find_it_again(ctx: UiContext, questions: Path) -> None:
    kept = Path(add(ctx, upload=str(questions))[0]["data"])
    assert kept.is_relative_to(ctx.workspace.uploads)
    assert kept.read_bytes() == questions.read_bytes()


def test_a_task_file_of_ones_own_can_be_used(ctx: UiContext, questions: Path, tmp_path: Path) -> None:
    task = tmp_path / "mine.yaml"
    task.write_text(TASK_FILE, encoding="utf-8")
    rows = add(ctx, task=page.OWN, file=str(task), data=str(questions))
    assert rows[0]["task"] == str(task)


@pytest.mark.parametrize(
    ("values", "error", "code"),
    [
        ({"task": ""}, NotFoundError, "task_unknown"),
        ({"task": "../x"}, NotFoundError, "task_unknown"),
        ({"task": page.OWN, "file": "/etc/passwd"}, InputError, "task_file_not_yaml"),
        ({"task": page.OWN, "file": "/nowhere/x.yaml"}, NotFoundError, "task_file_missing"),
        ({"data": "/nowhere/x.jsonl"}, NotFoundError, "task_path_missing"),
        ({"task": "choice"}, InputError, "task_needs_data"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(
    ctx: UiContext, values: dict[str, Any], error: type[Exception], code: str
) -> None:
    with pytest.raises(error, match=code):
        add(ctx, **values)


@pytest.mark.parametrize("values", [{"limit": -1}, {"shots": "many"}, {"shots": 99}])
def test_numbers_that_are_none_are_refused_with_their_field(
    ctx: UiContext, questions: Path, values: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        add(ctx, data=str(questions), **values)


def test_the_same_task_is_not_asked_twice(ctx: UiContext, questions: Path) -> None:
    rows = add(ctx, data=str(questions))
    with pytest.raises(InputError, match="task_twice"):
        add(ctx, rows, data=str(questions))


def test_a_task_can_be_taken_off_the_list(ctx: UiContext, questions: Path) -> None:
    rows = add(ctx, data=str(questions))
    left, table = page.press_choice(ctx, rows, gr.EventData(None, {"row": "0", "verb": "remove"}))
    assert left == []
    assert json.loads(table)["rows"] == []


def test_what_the_page_sends_back_is_checked() -> None:
    with pytest.raises(ConfigError):
        page.read_choices([{"task": "gsm8k", "surprise": 1}])


def test_a_chosen_task_is_described_and_only_ones_own_asks_for_a_file(ctx: UiContext) -> None:
    said, box = page.choose_task(ctx, "ifeval")
    assert "25 種類" in said
    assert box["visible"] is False
    assert page.choose_task(ctx, page.OWN)[1]["visible"] is True
    assert page.choose_task(ctx, None)[0] == ""


def test_every_task_of_the_catalogue_and_ones_own_can_be_chosen(ctx: UiContext) -> None:
    names = [name for _, name in page.task_choices(ctx)]
    assert {"jcq_chat", "jsquad", "squad_v2", "gsm8k", "ifeval", page.OWN} <= set(names)
