"""Submitting, asking and reading, with an executor that starts nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.support import Config, roomy
from workbench.artifacts import ArtifactStore, read_json, write_json_atomic
from workbench.errors import NotFoundError, ResourceError, StateError
from workbench.jobs import FakeExecutor, JobFolder, JobStore
from workbench.jobs.machine import GIB, Memory
from workbench.paths import Workspace
from workbench.schemas.job import JobRecord, JobStatus

Submit = Callable[..., JobRecord]


class Clock:
    """A clock that goes on a second with every look, and further when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def executor() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
def environ() -> dict[str, str]:
    return {"PATH": "/usr/bin", "OTHER_API_KEY": "not for everyone"}


@pytest.fixture
def store(workspace: Workspace, executor: FakeExecutor, environ: dict[str, str], clock: Clock) -> JobStore:
    return JobStore(workspace, executor=executor, environ=environ, memory=roomy(), clock=clock)


def _claim(record: JobRecord, executor: FakeExecutor, **changes: Any) -> JobFolder:
    """What the worker would write when it takes its job."""
    folder = JobFolder(Path(record.folder))
    pid = next(call.pid for call in reversed(executor.started) if call.folder.name == record.spec.id)
    values = {"state": "running", "updated_at": 1.0, "started_at": 1.0, "heartbeat": 1.0, **changes}
    folder.write_status(JobStatus(pid=pid, pid_started_at=float(pid), **values))
    return folder


def test_a_submitted_job_is_written_down_and_started(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "my run", Config(steps=3), parent="recipe-1")
    assert executor.started_jobs == [record.spec.id]
    assert record.status.state == "queued"
    assert record.spec.config == {"steps": 3}
    assert (record.spec.title, record.spec.parent) == ("my run", "recipe-1")
    folder = Path(record.folder)
    assert read_json(folder / "spec.json")["kind"] == "train"
    assert (folder / "work").is_dir()
    assert store.get(record.spec.id).spec == record.spec


def test_a_started_job_is_not_started_again(store: JobStore, executor: FakeExecutor) -> None:
    store.submit("train", "a", Config())
    store.dispatch()
    store.dispatch()
    assert len(executor.started) == 1


def test_the_same_request_starts_once_even_after_a_restart(
    store: JobStore, workspace: Workspace, executor: FakeExecutor
) -> None:
    first = store.submit("train", "a", Config(), request_id="click-1")
    again = JobStore(workspace, executor=executor, memory=roomy()).submit(
        "train", "a", Config(), request_id="click-1"
    )
    other = store.submit("train", "a", Config(), request_id="click-2")
    assert again.spec.id == first.spec.id
    assert other.spec.id != first.spec.id
    assert len(executor.started) == 2


def test_a_request_whose_job_was_deleted_starts_anew(store: JobStore, executor: FakeExecutor) -> None:
    first = store.submit(
        "train", "a", Config(), request_id="click-1", memory_bytes=0, secret_names=("NO_KEY",)
    )
    store.control(first.spec.id, "cancel")
    store.delete(first.spec.id)
    assert store.submit("train", "a", Config(), request_id="click-1").spec.id != first.spec.id


def test_only_named_secrets_reach_the_worker(store: JobStore, executor: FakeExecutor) -> None:
    store.submit("train", "without", Config())
    store.submit("train", "with", Config(), secret_names=("OTHER_API_KEY",))
    assert "OTHER_API_KEY" not in executor.started[0].env
    assert executor.started[1].env["OTHER_API_KEY"] == "not for everyone"
    assert executor.started[0].env["PATH"] == "/usr/bin"


def test_no_secret_is_written_into_the_job_folder(store: JobStore, workspace: Workspace) -> None:
    store.submit("train", "with", Config(), secret_names=("OTHER_API_KEY",))
    for path in workspace.root.rglob("*"):
        assert path.is_dir() or b"not for everyone" not in path.read_bytes()


def test_a_job_without_its_secret_waits_paused_and_goes_on_when_it_is_there(
    store: JobStore, executor: FakeExecutor, environ: dict[str, str]
) -> None:
    record = store.submit("train", "a", Config(), secret_names=("MY_API_KEY",))
    assert (record.status.state, record.status.waiting_for) == ("paused", "secret")
    assert record.status.note == {"missing_secrets": ["MY_API_KEY"]}
    assert store.resume(record.spec.id).status.waiting_for == "secret"
    assert executor.started == []
    environ["MY_API_KEY"] = "here it is"
    assert store.resume(record.spec.id).status.state == "queued"
    assert executor.started[0].env["MY_API_KEY"] == "here it is"


def test_a_dispatcher_without_the_secret_leaves_the_job_to_one_that_has_it(
    store: JobStore, workspace: Workspace, executor: FakeExecutor, environ: dict[str, str]
) -> None:
    environ["MY_API_KEY"] = "here it is"
    blocked = store.submit("train", "first", Config(), memory_bytes=40 * GIB)
    waiting = store.submit("train", "second", Config(), memory_bytes=40 * GIB, secret_names=("MY_API_KEY",))
    executor.end(executor.started[0].pid)
    bare = JobStore(workspace, executor=executor, environ={}, memory=roomy())
    bare.dispatch()
    assert executor.started_jobs == [blocked.spec.id]
    assert bare.get(waiting.spec.id).status.waiting_for == "secret"
    store.dispatch()
    assert executor.started_jobs == [blocked.spec.id, waiting.spec.id]


def test_a_job_that_does_not_fit_waits_and_small_ones_pass_it(
    store: JobStore, executor: FakeExecutor
) -> None:
    first = store.submit("train", "first", Config(), memory_bytes=30 * GIB)
    second = store.submit("train", "second", Config(), memory_bytes=30 * GIB)
    third = store.submit("train", "third", Config(), memory_bytes=5 * GIB)
    free = store.submit("evaluate", "needs none", Config())
    assert executor.started_jobs == [first.spec.id, free.spec.id]
    assert store.get(second.spec.id).status.waiting_for == "memory"
    # it would fit, but must not overtake one that has waited longer
    assert store.get(third.spec.id).status.waiting_for == "memory"
    assert [holder.job_id for holder in store.memory_holders()] == [first.spec.id]
    assert store.free_memory() == 22 * GIB


def test_the_memory_of_a_dead_worker_goes_to_the_next_in_line(
    store: JobStore, executor: FakeExecutor
) -> None:
    first = store.submit("train", "first", Config(), memory_bytes=30 * GIB)
    second = store.submit("train", "second", Config(), memory_bytes=30 * GIB)
    third = store.submit("train", "third", Config(), memory_bytes=5 * GIB)
    _claim(first, executor)
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert executor.started_jobs == [first.spec.id, second.spec.id, third.spec.id]
    assert store.get(first.spec.id).status.state == "failed"


def test_a_reader_that_sees_memory_freed_starts_the_waiting_job(
    workspace: Workspace, executor: FakeExecutor, clock: Clock
) -> None:
    available = [4 * GIB]
    store = JobStore(
        workspace, executor=executor, memory=lambda: Memory(64 * GIB, available[0], 0), clock=clock
    )
    record = store.submit("train", "a", Config(), memory_bytes=10 * GIB)
    assert record.status.waiting_for == "memory"
    available[0] = 60 * GIB
    clock.now += 60
    store.list()
    assert executor.started_jobs == [record.spec.id]


def test_a_job_larger_than_the_machine_is_refused_with_figures(store: JobStore) -> None:
    with pytest.raises(ResourceError) as caught:
        store.submit("train", "a", Config(), memory_bytes=100 * GIB)
    assert caught.value.code == "memory_never_fits"
    assert caught.value.params == {"need_gib": 100.0, "limit_gib": 56.0}
    assert store.list() == []


def test_a_full_disk_at_submission_is_said_and_leaves_no_half_job(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("workbench.jobs.store.write_json_atomic", refuse)
    with pytest.raises(ResourceError) as caught:
        store.submit("train", "a", Config())
    assert caught.value.code == "disk_full"
    assert store.list() == []


def test_a_worker_that_cannot_be_started_fails_its_job_with_the_reason(
    workspace: Workspace, clock: Clock
) -> None:
    class Refusing(FakeExecutor):
        def start(self, folder: Path, env: object) -> int:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    store = JobStore(workspace, executor=Refusing(), memory=roomy(), clock=clock)
    record = store.submit("train", "a", Config())
    assert record.status.state == "failed"
    assert record.error is not None
    assert record.error.code == "worker_not_started"
    assert record.error.params["reason"] == "Resource temporarily unavailable"
    assert record.resumable


# ---- reading


def test_a_dead_worker_is_shown_as_failed_before_anyone_writes_it(
    workspace: Workspace, store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(
        record, executor, progress={"phase": "training", "done": 5}, ready=True, endpoint="http://x/v1"
    )
    folder.log_file.write_text("loading\nstep 1\nstep 5: loss 0.7\n")
    executor.end(executor.started[0].pid)
    reader = JobStore(workspace, executor=executor, memory=roomy(), clock=lambda: 0.0)
    seen = reader.get(record.spec.id)
    assert read_json(folder.status_file)["state"] == "running"
    assert seen.status.state == "failed"
    assert (seen.status.ready, seen.status.endpoint) == (False, "")
    assert seen.status.progress.done == 5
    assert seen.error is not None
    assert seen.error.code == "worker_died"
    assert "step 5: loss 0.7" in str(seen.error.params["log"])
    assert seen.resumable
    store.dispatch()
    assert read_json(folder.status_file)["state"] == "failed"
    assert read_json(folder.error_file)["code"] == "worker_died"


def test_a_reader_writes_off_the_dead_and_starts_who_waits(
    store: JobStore, executor: FakeExecutor, clock: Clock
) -> None:
    first = store.submit("train", "first", Config(), memory_bytes=40 * GIB)
    second = store.submit("train", "second", Config(), memory_bytes=40 * GIB)
    folder = _claim(first, executor)
    executor.end(executor.started[0].pid)
    clock.now += 60
    store.list()
    assert read_json(folder.status_file)["state"] == "failed"
    assert executor.started_jobs == [first.spec.id, second.spec.id]


def test_a_worker_that_died_right_after_its_result_has_succeeded(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    write_json_atomic(folder.result_file, {"artifact": "x"})
    executor.end(executor.started[0].pid)
    seen = store.get(record.spec.id)
    assert seen.status.state == "succeeded"
    assert seen.result == {"artifact": "x"}


def test_a_worker_that_died_of_a_full_disk_says_so(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    folder.log_file.write_text("OSError: [Errno 28] No space left on device\n")
    executor.end(executor.started[0].pid)
    error = store.get(record.spec.id).error
    assert error is not None
    assert error.code == "disk_full"


def test_a_status_lost_in_a_power_cut_is_a_failure_that_can_be_resumed(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    folder.status_file.write_bytes(b"")
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert read_json(folder.status_file)["state"] == "failed"
    assert store.resume(record.spec.id).status.state == "queued"
    assert executor.started_jobs == [record.spec.id] * 2


def test_a_worker_that_died_before_it_took_its_job_is_a_failure(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert store.get(record.spec.id).status.state == "failed"
    assert len(executor.started) == 1


def test_a_lost_ledger_is_rebuilt_from_running_jobs(
    store: JobStore, workspace: Workspace, executor: FakeExecutor
) -> None:
    first = store.submit("train", "first", Config(), memory_bytes=30 * GIB)
    _claim(first, executor)
    (workspace.locks / "leases.json").unlink()
    store.submit("train", "second", Config(), memory_bytes=30 * GIB)
    assert [holder.bytes for holder in store.memory_holders()] == [30 * GIB]
    assert executor.started_jobs == [first.spec.id]


def test_the_list_is_newest_first_filtered_and_limited(store: JobStore) -> None:
    ids = [store.submit("train", str(n), Config(), parent="p" if n % 2 else "").spec.id for n in range(4)]
    evaluation = store.submit("evaluate", "e", Config()).spec.id
    assert [record.spec.id for record in store.list()] == [evaluation, *reversed(ids)]
    assert [record.spec.id for record in store.list(kind="train", limit=2)] == [ids[3], ids[2]]
    assert [record.spec.id for record in store.list(parent="p")] == [ids[3], ids[1]]
    assert [record.spec.id for record in store.list(parent="", kind="train")] == [ids[2], ids[0]]


def test_a_folder_that_is_no_job_does_not_break_the_list(store: JobStore, workspace: Workspace) -> None:
    record = store.submit("train", "a", Config())
    (workspace.jobs / "stray").mkdir()
    (workspace.jobs / "broken").mkdir()
    (workspace.jobs / "broken" / "spec.json").write_text("{")
    assert [seen.spec.id for seen in store.list()] == [record.spec.id]


@pytest.mark.parametrize("bad", ["", "..", ".", "a/b", "../artifacts", "nothing", "a\0"])
def test_an_id_that_is_no_job_is_not_found(store: JobStore, bad: str) -> None:
    for call in (store.get, store.resume, store.delete, lambda job_id: store.control(job_id, "cancel")):
        with pytest.raises(NotFoundError) as caught:
            call(bad)
        assert caught.value.code == "job_missing"


def test_a_resumed_job_is_seen_by_a_store_that_saw_its_end(
    store: JobStore, workspace: Workspace, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    executor.end(executor.started[0].pid)
    store.dispatch()
    other = JobStore(workspace, executor=executor, memory=roomy())
    assert other.get(record.spec.id).status.state == "failed"
    store.resume(record.spec.id)
    assert other.get(record.spec.id).status.state == "queued"


# ---- asking


def test_a_queued_job_is_cancelled_at_once_and_never_started(store: JobStore, executor: FakeExecutor) -> None:
    store.submit("train", "first", Config(), memory_bytes=40 * GIB)
    waiting = store.submit("train", "second", Config(), memory_bytes=40 * GIB)
    assert store.control(waiting.spec.id, "cancel").status.state == "cancelled"
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert len(executor.started) == 1


def test_a_queued_job_can_be_paused_and_resumed(store: JobStore, executor: FakeExecutor) -> None:
    store.submit("train", "first", Config(), memory_bytes=40 * GIB)
    waiting = store.submit("train", "second", Config(), memory_bytes=40 * GIB)
    paused = store.control(waiting.spec.id, "pause")
    assert (paused.status.state, paused.status.waiting_for) == ("paused", "user")
    assert store.resume(waiting.spec.id).status.state == "queued"


def test_a_running_job_is_asked_and_not_changed(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    assert store.control(record.spec.id, "stop").status.state == "running"
    control = folder.read_control()
    assert control is not None
    assert control.verb == "stop"


def test_a_job_whose_worker_has_only_just_started_is_asked_through_the_worker(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    store.control(record.spec.id, "cancel")
    control = JobFolder(Path(record.folder)).read_control()
    assert control is not None
    assert control.verb == "cancel"


def test_what_cannot_be_asked_is_refused_with_a_reason(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config(), secret_names=("NO_KEY",))
    store.control(record.spec.id, "cancel")
    with pytest.raises(StateError) as caught:
        store.control(record.spec.id, "pause")
    assert caught.value.code == "job_ended"
    with pytest.raises(StateError) as caught:
        store.resume(record.spec.id)
    assert caught.value.code == "job_not_resumable"


def test_stopping_a_job_that_has_not_begun_cancels_it(store: JobStore) -> None:
    store.submit("train", "first", Config(), memory_bytes=40 * GIB)
    waiting = store.submit("train", "second", Config(), memory_bytes=40 * GIB)
    assert store.control(waiting.spec.id, "stop").status.state == "cancelled"


def test_stopping_a_paused_job_runs_it_once_more_to_keep_what_it_saved(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor, state="paused")
    (folder.work_dir / "checkpoint-5").mkdir()
    executor.end(executor.started[0].pid)
    assert store.control(record.spec.id, "stop").status.state == "queued"
    assert executor.started_jobs == [record.spec.id] * 2
    control = folder.read_control()
    assert control is not None
    assert control.verb == "stop"


def test_a_cancelled_job_with_saved_work_can_be_resumed(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config(), secret_names=("NO_KEY",))
    (Path(record.folder) / "work" / "checkpoint-5").mkdir()
    assert store.control(record.spec.id, "cancel").resumable


def test_a_worker_that_does_not_answer_a_cancellation_is_pressed_harder(
    store: JobStore, executor: FakeExecutor, clock: Clock
) -> None:
    record = store.submit("train", "a", Config())
    _claim(record, executor)
    store.control(record.spec.id, "cancel")
    assert executor.signalled == []
    clock.now += 12
    store.get(record.spec.id)
    assert [call.number for call in executor.signalled] == [15]
    clock.now += 12
    store.list()
    assert executor.signalled[-1].number == 9
    executor.end(executor.started[0].pid)
    assert store.get(record.spec.id).status.state == "cancelled"


def test_a_pause_is_never_enforced(store: JobStore, executor: FakeExecutor, clock: Clock) -> None:
    record = store.submit("train", "a", Config())
    _claim(record, executor)
    store.control(record.spec.id, "pause")
    clock.now += 1000
    store.dispatch()
    assert executor.signalled == []


def test_a_job_resumed_while_its_old_worker_still_ends_is_started_afterwards(
    store: JobStore, executor: FakeExecutor
) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    folder.write_status(JobStatus(state="paused", updated_at=2.0, pid=executor.started[0].pid))
    assert store.resume(record.spec.id).status.state == "queued"
    assert len(executor.started) == 1
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert executor.started_jobs == [record.spec.id] * 2
    assert store.get(record.spec.id).status.state == "queued"


def test_resuming_clears_what_was_asked_and_what_went_wrong(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config())
    folder = _claim(record, executor)
    store.control(record.spec.id, "pause")
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert folder.error_file.exists()
    assert store.resume(record.spec.id).error is None
    assert not folder.control_file.exists()
    assert not folder.error_file.exists()


# ---- deleting


def test_only_ended_jobs_are_deleted(store: JobStore, executor: FakeExecutor) -> None:
    record = store.submit("train", "a", Config())
    _claim(record, executor)
    with pytest.raises(StateError) as caught:
        store.delete(record.spec.id)
    assert caught.value.code == "job_still_active"
    executor.end(executor.started[0].pid)
    (Path(record.folder) / "work" / "checkpoint").write_bytes(b"0" * 10_000)
    assert store.disk_bytes(record.spec.id) > 10_000
    assert store.delete(record.spec.id) > 10_000
    assert store.list() == []
    assert not Path(record.folder).exists()


def test_an_artifact_that_an_unfinished_job_uses_is_not_deleted(
    store: JobStore, workspace: Workspace, executor: FakeExecutor
) -> None:
    artifacts = ArtifactStore(workspace)
    draft = artifacts.begin("dataset", "faq")
    (draft.folder / "train.jsonl").write_text("{}\n")
    made = draft.commit()
    path = str(artifacts.file(made.id, "train.jsonl"))
    job = store.submit("train", "the run", Config(files=[path]))
    with pytest.raises(StateError) as caught:
        store.delete_artifact(made.id)
    assert caught.value.code == "artifact_used_by_job"
    assert caught.value.params["names"] == "the run"
    executor.end(executor.started[0].pid)
    store.dispatch()
    assert store.get(job.spec.id).status.state == "failed"
    assert store.delete_artifact(made.id) > 0
    assert artifacts.list() == []


def test_what_cannot_be_deleted_is_named(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record = store.submit("train", "a", Config(), secret_names=("NO_KEY",))

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path / "root-owned"))

    monkeypatch.setattr("workbench.artifacts.store.shutil.rmtree", refuse)
    with pytest.raises(ResourceError) as caught:
        store.delete(record.spec.id)
    assert caught.value.code == "cannot_delete"
    assert os.path.basename(str(caught.value.params["path"])) == "root-owned"


def test_the_end_of_the_log_is_shown_without_overwritten_progress_bars(store: JobStore) -> None:
    record = store.submit("train", "a", Config())
    log = JobFolder(Path(record.folder)).log_file
    log.write_text("first\n" + "x" * 500_000 + "\n10%\r20%\r30%\n\nlast\n")
    assert store.log_lines(record.spec.id, 2) == ["30%", "last"]
    log.unlink()
    assert store.log_lines(record.spec.id) == []


def test_waiting_returns_after_its_time_and_at_a_pause(store: JobStore) -> None:
    queued = store.submit("train", "a", Config())
    assert store.wait(queued.spec.id, timeout=0.0).status.state == "queued"
    paused = store.submit("train", "b", Config(), secret_names=("NO_KEY",))
    assert store.wait(paused.spec.id).status.state == "paused"
