from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.support import Config, roomy
from workbench.artifacts import read_json, read_jsonl
from workbench.errors import ResourceError, StateError
from workbench.jobs import CancelRequested, FakeExecutor, JobContext, JobFolder, JobStore, PauseRequested
from workbench.jobs.context import ControlWatch, StatusBoard
from workbench.jobs.folder import Control
from workbench.paths import Workspace
from workbench.schemas.job import ControlVerb, JobStatus


class Steady:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def folder(workspace: Workspace) -> JobFolder:
    store = JobStore(workspace, executor=FakeExecutor(), memory=roomy())
    return JobFolder(Path(store.submit("train", "a", Config(steps=3)).folder))


@pytest.fixture
def board(folder: JobFolder, steady: Steady) -> StatusBoard:
    return StatusBoard(
        folder, JobStatus(state="running", updated_at=0.0), lambda: 1000.0 + steady.now, steady
    )


@pytest.fixture
def watch(folder: JobFolder) -> ControlWatch:
    return ControlWatch(folder)


@pytest.fixture
def job(
    folder: JobFolder, workspace: Workspace, board: StatusBoard, watch: ControlWatch, steady: Steady
) -> Iterator[JobContext]:
    context = JobContext(
        folder,
        board=board,
        watch=watch,
        workspace=workspace,
        environ={"MY_API_KEY": "here"},
        clock=lambda: 1000.0 + steady.now,
        steady=steady,
    )
    yield context
    context.close()


def _status(folder: JobFolder) -> JobStatus:
    status = folder.read_status()
    assert status is not None
    return status


def test_progress_reaches_the_disk_a_few_times_a_second_at_most(
    folder: JobFolder, job: JobContext, steady: Steady
) -> None:
    job.progress("training", 0, 100, "steps")
    job.progress("training", 1, 100, "steps")
    assert _status(folder).progress.done == 0
    steady.now = 1.0
    job.progress("training", 2, 100, "steps")
    assert _status(folder).progress.done == 2
    assert _status(folder).eta_seconds == pytest.approx(49.0)


def test_a_new_phase_and_the_end_of_one_are_written_at_once(folder: JobFolder, job: JobContext) -> None:
    job.progress("loading")
    job.progress("training", 0, 5)
    assert _status(folder).progress.phase == "training"
    job.progress("training", 3, 5)
    job.progress("training", 5, 5)
    assert _status(folder).progress.done == 5


def test_a_heartbeat_writes_what_was_held_back(
    folder: JobFolder, job: JobContext, board: StatusBoard, steady: Steady
) -> None:
    job.progress("training", 0, 5)
    job.progress("training", 1, 5)
    steady.now = 0.1
    board.beat()
    assert _status(folder).progress.done == 1
    assert _status(folder).heartbeat == 1000.1


def test_nothing_is_written_after_the_end(folder: JobFolder, job: JobContext, board: StatusBoard) -> None:
    board.finish(JobStatus(state="succeeded", updated_at=1.0))
    job.progress("left behind", 1, 1)
    board.beat()
    assert _status(folder).state == "succeeded"
    assert _status(folder).progress.phase == ""


def test_a_full_disk_does_not_stop_a_status_from_being_skipped(
    folder: JobFolder, job: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    job.progress("training", 0, 5)
    monkeypatch.setattr("workbench.jobs.folder.write_json_atomic", refuse)
    job.progress("training", 5, 5)
    assert _status(folder).progress.done == 0


def test_metrics_and_events_are_lines_with_their_time(folder: JobFolder, job: JobContext) -> None:
    job.metric(step=1, loss=2.5, note=None)
    job.event("row_skipped", row=3)
    assert list(read_jsonl(folder.metrics_file)) == [{"step": 1, "loss": 2.5, "note": None, "at": 1000.0}]
    assert list(read_jsonl(folder.events_file)) == [
        {"at": 1000.0, "code": "row_skipped", "params": {"row": 3}}
    ]


def test_nothing_asked_means_go_on(job: JobContext) -> None:
    assert job.check() is False
    assert job.requested is None


@pytest.mark.parametrize(("verb", "raised"), [("pause", PauseRequested), ("cancel", CancelRequested)])
def test_pause_and_cancel_interrupt_at_the_next_check(
    folder: JobFolder, job: JobContext, verb: ControlVerb, raised: type[Exception]
) -> None:
    job.check()
    folder.write_control(Control(verb=verb, at=1.0))
    assert job.requested == verb
    with pytest.raises(raised):
        job.check()


def test_stop_is_told_and_does_not_interrupt(folder: JobFolder, job: JobContext) -> None:
    folder.write_control(Control(verb="stop", at=1.0))
    assert job.check() is True
    job.mark_stopped_early()
    assert _status(folder).stopped_early


def test_a_later_request_wins(folder: JobFolder, job: JobContext) -> None:
    folder.write_control(Control(verb="stop", at=1.0))
    assert job.check() is True
    folder.write_control(Control(verb="cancel", at=2.0))
    with pytest.raises(CancelRequested):
        job.check()


def test_sigterm_counts_as_a_cancellation(job: JobContext, watch: ControlWatch) -> None:
    watch.terminate()
    with pytest.raises(CancelRequested):
        job.check()


def test_a_limit_of_the_machine_ends_the_job_at_its_next_check(job: JobContext, watch: ControlWatch) -> None:
    watch.fail_with(ResourceError("memory_low", available_mib=100))
    with pytest.raises(ResourceError):
        job.check()


def test_a_server_tells_where_it_answers(folder: JobFolder, job: JobContext) -> None:
    job.server_ready("http://127.0.0.1:9000/v1", models=["base", "mine"])
    job.note(requests=4)
    status = _status(folder)
    assert (status.ready, status.endpoint) == (True, "http://127.0.0.1:9000/v1")
    assert status.note == {"models": ["base", "mine"], "requests": 4}


def test_a_secret_comes_from_the_environment_or_is_named_as_missing(job: JobContext) -> None:
    assert job.secret("MY_API_KEY") == "here"
    with pytest.raises(StateError) as caught:
        job.secret("OTHER_KEY")
    assert caught.value.code == "secret_missing"
    assert caught.value.params["name"] == "OTHER_KEY"


def test_the_work_folder_is_there(folder: JobFolder, job: JobContext) -> None:
    assert job.work_dir == folder.root / "work"
    assert job.work_dir.is_dir()
    assert read_json(job.folder / "spec.json")["config"] == job.spec.config
