"""The jobs page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.ui.fakes import fail, finish, make_artifact, submit
from workbench.errors import NotFoundError, StateError
from workbench.ui.context import UiContext
from workbench.ui.tabs.jobs import (
    Sizes,
    arrange,
    press_artifact,
    press_job,
    read_artifacts,
    read_disk,
    read_jobs,
    read_log,
)

NOW = 1000.0


def pressed(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def titles(text: str) -> list[str]:
    return [job["title"] for job in json.loads(text)["jobs"]]


def test_steps_stand_below_their_recipe_in_the_order_they_ran(ctx: UiContext) -> None:
    recipe = ctx.run_sample("r")
    first, second = (
        submit(ctx, "one", "download", recipe.spec.id),
        submit(ctx, "two", "download", recipe.spec.id),
    )
    newest = submit(ctx, "newest")
    ordered = [job.spec.id for job in arrange(ctx.jobs.list())]
    assert ordered[0] == newest.spec.id
    place = ordered.index(recipe.spec.id)
    assert set(ordered[place + 1 :]) == {first.spec.id, second.spec.id}


def test_a_step_whose_recipe_was_deleted_is_still_listed(ctx: UiContext) -> None:
    orphan = submit(ctx, "orphan", "download", "gone")
    assert [job.spec.id for job in arrange(ctx.jobs.list())] == [orphan.spec.id]


def test_the_filter_keeps_what_was_asked_for(ctx: UiContext) -> None:
    finish(ctx, submit(ctx, "done"))
    fail(ctx, submit(ctx, "broken"), "internal")
    submit(ctx, "waiting")
    assert titles(read_jobs(ctx, "failed", "", Sizes(), NOW)) == ["broken"]
    assert titles(read_jobs(ctx, "active", "", Sizes(), NOW)) == ["waiting"]
    assert set(titles(read_jobs(ctx, "ended", "", Sizes(), NOW))) == {"done", "broken"}
    assert len(titles(read_jobs(ctx, "nonsense", "", Sizes(), NOW))) == 3


def test_cancel_and_delete_do_what_they_say(ctx: UiContext) -> None:
    job = finish(ctx, submit(ctx))
    assert press_job(ctx, pressed(job=job.spec.id, verb="delete"), job.spec.id) == ""
    assert not Path(job.folder).exists()


def test_an_impossible_request_is_told(ctx: UiContext) -> None:
    job = submit(ctx)
    with pytest.raises(StateError):
        press_job(ctx, pressed(job=job.spec.id, verb="delete"), "")
    with pytest.raises(NotFoundError):
        press_job(ctx, pressed(job="../../etc", verb="log"), "")


def test_a_title_opens_its_log_and_closes_it_again(ctx: UiContext) -> None:
    job = submit(ctx)
    (Path(job.folder) / "log.txt").write_text("hello\n", encoding="utf-8")
    chosen = press_job(ctx, pressed(job=job.spec.id, verb="log"), "")
    assert json.loads(read_log(ctx, chosen))["text"] == "hello\n"
    assert press_job(ctx, pressed(job=job.spec.id, verb="log"), chosen) == ""
    assert json.loads(read_log(ctx, "gone"))["text"] == ""


def test_a_result_that_others_need_has_no_delete_button(ctx: UiContext) -> None:
    data = make_artifact(ctx, "dataset", "d")
    adapter = make_artifact(ctx, "adapter", "a", made_from=data.id)
    rows = {row["id"]: row["actions"] for row in json.loads(read_artifacts(ctx, Sizes(), NOW))["rows"]}
    assert rows[data.id] == []
    assert [action["verb"] for action in rows[adapter.id]] == ["delete"]
    with pytest.raises(StateError):
        press_artifact(ctx, pressed(row=data.id, verb="delete"))
    press_artifact(ctx, pressed(row=adapter.id, verb="delete"))
    assert [artifact.id for artifact in ctx.artifacts.list()] == [data.id]


def test_the_disk_line_names_all_four_sizes(ctx: UiContext) -> None:
    make_artifact(ctx, "dataset", "d", {"data.txt": "x" * 5000})
    assert "KB" in read_disk(ctx, Sizes())
