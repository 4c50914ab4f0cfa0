"""Cards of jobs."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from tests.ui.fakes import fail, finish, set_status, submit
from workbench.i18n import has_key
from workbench.schemas.job import JobKind, JobState
from workbench.ui.components.job_card import TONES, actions_for, job_row, jobs_payload, say_progress
from workbench.ui.context import UiContext

NOW = 500.0


@pytest.mark.parametrize(
    ("kind", "state", "verbs"),
    [
        ("train", "queued", ["cancel"]),
        ("train", "running", ["pause", "stop", "cancel"]),
        ("evaluate", "running", ["pause", "stop", "cancel"]),
        ("serve", "running", ["stop", "cancel"]),
        ("train", "paused", ["resume", "cancel"]),
        ("train", "succeeded", ["delete"]),
        ("train", "failed", ["resume", "delete"]),
    ],
)
def test_a_card_offers_what_its_state_allows(
    ctx: UiContext, kind: JobKind, state: JobState, verbs: list[str]
) -> None:
    job = submit(ctx, kind=kind)
    status = job.status.model_copy(update={"state": state})
    record = job.model_copy(update={"status": status, "resumable": state in ("paused", "failed")})
    assert actions_for(record) == verbs


def test_every_button_says_what_it_keeps(ctx: UiContext) -> None:
    row = job_row(submit(ctx), NOW, "ja")
    assert [action["label"] for action in row["actions"]] == ["取り消す"]
    assert all(action["hint"] for action in row["actions"])
    assert row["actions"][0]["careful"]


def test_progress_is_told_with_its_unit_and_bytes_as_sizes(ctx: UiContext) -> None:
    steps = {"phase": "", "done": 3, "total": 9, "unit": "steps"}
    job = set_status(ctx, submit(ctx), "paused", progress=steps)
    assert say_progress(job, "ja").startswith("3 / 9")
    job = set_status(ctx, job, "paused", progress={"done": 2**20, "total": 3 * 2**20, "unit": "bytes"})
    assert say_progress(job, "ja") == "1.0 MB / 3.0 MB"


def test_a_failed_job_tells_message_and_hint(ctx: UiContext) -> None:
    row = job_row(fail(ctx, submit(ctx), "internal"), NOW, "ja")
    assert "x1" in row["error"]["message"]
    assert row["error"]["hint"]
    assert [action["verb"] for action in row["actions"]] == ["resume", "delete"]


def test_a_finished_job_tells_how_long_it_took(ctx: UiContext) -> None:
    row = job_row(finish(ctx, submit(ctx)), NOW, "ja", disk_bytes=2048)
    assert "12 秒" in row["when"]
    assert row["disk"] == "2.0 KB"
    assert row["error"] is None


def test_a_step_of_a_recipe_is_named_in_words(ctx: UiContext) -> None:
    parent = submit(ctx, "p", "recipe")
    row = job_row(submit(ctx, "baseline", "evaluate", parent.spec.id), NOW, "ja")
    assert row["title"] == ctx.t("start.step.evaluate_baseline")
    assert row["child"]


def test_titles_cannot_open_tags(ctx: UiContext) -> None:
    text = jobs_payload([job_row(submit(ctx, "<b>x</b>"), NOW, "ja")])
    assert "<" not in text
    assert json.loads(text)["jobs"][0]["title"] == "<b>x</b>"


def test_every_state_and_kind_has_words() -> None:
    assert set(TONES) == set(get_args(JobState))
    assert all(has_key(f"job.state.{state}") for state in get_args(JobState))
    assert all(has_key(f"job.kind.{kind}") for kind in get_args(JobKind))
