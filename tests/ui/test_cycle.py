"""A run as the start page tells it."""

from __future__ import annotations

from tests.ui.fakes import fail, finish, metrics, set_status, submit
from workbench.ui.context import UiContext
from workbench.ui.cycle import tell_cycle

NOW = 200.0


def test_before_it_begins_the_planned_steps_are_shown_without_the_server(ctx: UiContext) -> None:
    told = tell_cycle(ctx.run_sample("r"), [], NOW, "ja")
    assert [step["state"] for step in told["steps"]] == ["waiting"] * 4
    assert [step["name"] for step in told["steps"]][:2] == [
        ctx.t("start.step.generate_raft"),
        ctx.t("start.step.train"),
    ]
    assert told["stay"]
    assert not told["resume"]


def test_a_running_step_shows_its_jobs_progress_and_time_left(ctx: UiContext) -> None:
    job = ctx.run_sample("r")
    child = submit(ctx, "train", "train", job.spec.id)
    progress = {"phase": "train", "done": 30, "total": 120, "unit": "steps"}
    child = child.model_copy(
        update={
            "status": child.status.model_validate(
                {**child.status.model_dump(), "progress": progress, "eta_seconds": 90}
            )
        }
    )
    notes = [
        {"name": "data", "kind": "generate_raft", "state": "succeeded", "seconds": 12},
        {"name": "train", "kind": "train", "state": "running", "job": child.spec.id},
    ]
    running = job.model_copy(
        update={"status": job.status.model_copy(update={"state": "running", "note": {"steps": notes}})}
    )
    steps = tell_cycle(running, [child], NOW, "ja")["steps"]
    assert steps[0]["time"] == "12 秒"
    assert (steps[1]["share"], steps[1]["time"]) == (0.25, "残り 約 2 分")
    assert "30 / 120" in steps[1]["detail"]


def test_a_failed_run_tells_the_steps_own_reason_and_offers_to_go_on(ctx: UiContext) -> None:
    job = ctx.run_sample("r")
    child = fail(ctx, submit(ctx, "train", "train", job.spec.id), "internal")
    notes = [{"name": "train", "kind": "train", "state": "running", "job": child.spec.id}]
    job = fail(ctx, job, "config_invalid", note={"steps": notes})
    told = tell_cycle(job, [child], NOW, "ja")
    assert told["steps"][0]["state"] == "failed"
    assert "x1" in told["error"]["message"]
    assert told["resume"] == ctx.t("start.resume")


def test_a_finished_run_gives_its_figures_and_leads_to_the_answers(ctx: UiContext) -> None:
    sides = {"baseline": metrics(0.25, 0.6), "finetuned": metrics(0.02, 0.55)}
    notes = [{"name": "data", "kind": "generate_raft", "state": "succeeded", "seconds": 3, "cached": True}]
    job = finish(ctx, ctx.run_sample("r"), {"metrics": sides}, note={"steps": notes})
    told = tell_cycle(job, [], NOW, "en")
    assert told["steps"][0]["time"] == "reused"
    assert [line["tone"] for line in told["headlines"]] == ["good", "warn"]
    assert told["compare"]
    assert not told["stay"]


def test_a_paused_run_shows_its_step_as_paused(ctx: UiContext) -> None:
    job = ctx.run_sample("r")
    notes = [{"name": "data", "kind": "generate_raft", "state": "running"}]
    job = set_status(ctx, job, "paused", note={"steps": notes})
    told = tell_cycle(job, [], NOW, "ja")
    assert told["steps"][0]["state"] == "paused"
    assert told["resume"]
