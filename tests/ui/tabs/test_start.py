"""The start page."""

from __future__ import annotations

import json

from tests.ui.fakes import finish, make_artifact, make_ctx, metrics
from workbench.paths import Workspace
from workbench.ui.context import UiContext
from workbench.ui.tabs.start import is_active, read_cycle, read_last, start_sample

NOW = 1000.0


def test_a_double_click_starts_once(ctx: UiContext) -> None:
    assert start_sample(ctx).spec.id == start_sample(ctx).spec.id
    assert len(ctx.jobs.list(kind="recipe")) == 1


def test_two_browsers_that_press_at_once_start_one_run_and_see_the_same(workspace: Workspace) -> None:
    one, two = make_ctx(workspace), make_ctx(workspace, "en")
    # both looked before either had started: the request id is the same
    first, second = one.run_sample("sample-first"), two.run_sample("sample-first")
    assert first.spec.id == second.spec.id
    assert start_sample(two).spec.id == first.spec.id
    assert json.loads(read_cycle(one, NOW))["job"] == json.loads(read_cycle(two, NOW))["job"]


def test_after_the_end_the_button_starts_a_new_run(ctx: UiContext) -> None:
    first = finish(ctx, start_sample(ctx))
    assert not is_active(first)
    assert start_sample(ctx).spec.id != first.spec.id


def test_nothing_ran_yet(ctx: UiContext) -> None:
    assert json.loads(read_cycle(ctx, NOW)) == {}
    assert json.loads(read_last(ctx, NOW)) == {"empty": True}


def test_the_last_comparison_is_told_with_its_figures(ctx: UiContext) -> None:
    sides = {"metrics": {"baseline": metrics(0.25, 0.6), "finetuned": metrics(0.02, 0.55)}}
    make_artifact(ctx, "comparison", "国税", {"summary.json": json.dumps(sides)})
    told = json.loads(read_last(ctx, NOW))
    assert told["title"] == "国税"
    assert "60" in told["detail"]
    assert len(told["headlines"]) == 2


def test_a_comparison_without_a_readable_summary_is_still_named(ctx: UiContext) -> None:
    make_artifact(ctx, "comparison", "c", {"summary.json": "{broken"})
    told = json.loads(read_last(ctx, NOW))
    assert (told["title"], told["headlines"]) == ("c", [])


def test_figures_that_stand_beside_the_run_are_not_told_twice(ctx: UiContext) -> None:
    sides = {"metrics": {"baseline": metrics(0.25, 0.6), "finetuned": metrics(0.02, 0.55)}}
    made = make_artifact(ctx, "comparison", "c", {"summary.json": json.dumps(sides)})
    finish(ctx, start_sample(ctx), {**sides, "comparison": made.id})
    assert json.loads(read_last(ctx, NOW))["headlines"] == []
