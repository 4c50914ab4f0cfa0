import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import fail, finish, make_artifact, set_status
from workbench.errors import StateError
from workbench.jobs import JobFolder
from workbench.jobs.folder import Control
from workbench.schemas.job import JobRecord
from workbench.schemas.training import SFTSettings
from workbench.ui.context import UiContext
from workbench.ui.models import register_model
from workbench.ui.tabs import train
from workbench.ui.views.run_reader import RunReaders

ROW = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
# positions in what `show_run` returns
RUNS, HEADLINE, PAUSE, RESUME, BODY, CHART, KPIS, NOTICES, NEXT = 0, 1, 2, 5, 6, 7, 8, 9, 10


def submit_run(ctx: UiContext, title: str = "run") -> JobRecord:
    settings = SFTSettings.model_validate({"model": "/m", "train_file": "/t.jsonl"})
    return ctx.jobs.submit("train", title, settings)


def show(ctx: UiContext, chosen: str = "") -> list[Any]:
    return train.show_run(ctx, RunReaders(), chosen)


@pytest.fixture
def running(ctx: UiContext) -> JobRecord:
    """A run whose worker lives."""
    job = submit_run(ctx)
    pid = 1_000_000_000
    return set_status(ctx, job, "running", pid=pid, pid_started_at=float(pid), started_at=1.0)


def test_without_a_run_only_the_invitation_is_shown(ctx: UiContext) -> None:
    shown = show(ctx)
    assert "新しい学習" in shown[HEADLINE]
    assert shown[PAUSE]["visible"] is False
    assert shown[BODY]["visible"] is False


def test_a_running_run_offers_three_verbs_and_no_resume(ctx: UiContext, running: JobRecord) -> None:
    shown = show(ctx)
    assert [update["visible"] for update in shown[PAUSE : PAUSE + 3]] == [True, True, True]
    assert shown[RESUME]["visible"] is False
    assert shown[BODY]["visible"] is True


def test_a_verb_that_was_asked_for_is_not_offered_again(ctx: UiContext, running: JobRecord) -> None:
    train.ask_run(ctx, RunReaders(), "stop", "")
    shown = show(ctx)
    assert shown[PAUSE]["visible"] is False
    assert "終了を頼みました" in shown[HEADLINE]
    assert JobFolder(Path(running.folder)).read_control() is not None


def test_a_failed_run_shows_its_reason_and_can_be_resumed(ctx: UiContext) -> None:
    fail(ctx, submit_run(ctx), "internal")
    shown = show(ctx)
    assert shown[RESUME]["visible"] is True
    assert "wv-box bad" in shown[HEADLINE]
    train.ask_run(ctx, RunReaders(), "resume", "")
    assert ctx.jobs.list(kind="train")[0].status.state in ("queued", "running")


def test_a_finished_run_leads_to_the_next_step(ctx: UiContext) -> None:
    finish(ctx, submit_run(ctx), {"artifact": "a"})
    shown = show(ctx)
    assert shown[NEXT]["visible"] is True
    assert shown[RESUME]["visible"] is False


def test_a_reopened_page_shows_the_whole_curve(ctx: UiContext, running: JobRecord) -> None:
    folder = JobFolder(Path(running.folder))
    lines = [
        json.dumps({"step": step, "loss": 1 / step, "tokens_per_second": 1412.0}) for step in range(1, 101)
    ]
    folder.metrics_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for _ in range(2):  # a second window, or the page after a restart, starts with readers of its own
        shown = show(ctx)
        loss = next(panel for panel in json.loads(shown[CHART])["panels"] if panel["name"] == "loss")
        assert loss["raw"]["x"][0] == 1
        assert loss["raw"]["x"][-1] == 100
        assert "1,412" in shown[KPIS]


def test_an_earlier_run_can_be_looked_at(ctx: UiContext) -> None:
    old = submit_run(ctx, "古い学習")
    finish(ctx, old)
    submit_run(ctx, "新しい方")
    assert "古い学習" in show(ctx, old.spec.id)[HEADLINE]
    assert "新しい方" in show(ctx)[HEADLINE]


def test_a_verb_without_a_run_is_refused_with_a_sentence(ctx: UiContext) -> None:
    with pytest.raises(StateError, match="train_no_run"):
        train.ask_run(ctx, RunReaders(), "pause", "")


def test_the_request_of_a_running_job_is_read_from_its_folder(ctx: UiContext, running: JobRecord) -> None:
    assert train.asked_of(running) == ""
    JobFolder(Path(running.folder)).write_control(Control(verb="pause", at=1.0))
    assert train.asked_of(running) == "pause"


def test_starting_reserves_memory_and_a_double_click_starts_once(ctx: UiContext, tiny_model: Path) -> None:
    model = register_model(ctx.workspace, str(tiny_model)).path
    dataset = make_artifact(ctx, "dataset", "d", {"train.jsonl": f"{ROW}\n" * 8}).id
    values = {"dataset": dataset, "model": model, "name": "一回目", "consent": False, "token": "t"}
    for _ in range(2):
        assert train.start_training(ctx, **values) == ""
    jobs = ctx.jobs.list(kind="train")
    assert len(jobs) == 1
    assert jobs[0].spec.title == "一回目"
    assert jobs[0].spec.memory_bytes > 0
