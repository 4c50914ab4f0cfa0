"""`run_job` in this process, with jobs that an executor pretended to start."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.support import Config, roomy
from tests.jobs.worker_child import ACTIONS, act
from workbench.artifacts import read_jsonl
from workbench.jobs import CancelRequested, FakeExecutor, JobContext, JobFolder, JobStore, run_job, runner
from workbench.jobs.machine import GIB, Memory
from workbench.paths import Workspace
from workbench.schemas.job import JobRecord

Run = Callable[..., JobRecord]


@pytest.fixture
def store(workspace: Workspace) -> JobStore:
    return JobStore(workspace, executor=FakeExecutor(), memory=roomy())


@pytest.fixture
def run(store: JobStore) -> Run:
    def submit_and_run(action: Any = "count", **config: Any) -> JobRecord:
        function = act if isinstance(action, str) else action
        name = action if isinstance(action, str) else ""
        record = store.submit("train", "a", Config(action=name, **config))
        run_job(Path(record.folder), {"train": function}, executor=FakeExecutor())
        return store.get(record.spec.id)

    return submit_and_run


def test_a_job_that_returns_has_succeeded_with_its_result(run: Run, store: JobStore) -> None:
    record = run("count", steps=3)
    assert record.status.state == "succeeded"
    assert record.result == {"steps": 3, "resumed": False}
    assert record.status.progress.done == 3
    assert record.status.ended_at >= record.status.started_at > 0
    folder = JobFolder(Path(record.folder))
    assert [line["step"] for line in read_jsonl(folder.metrics_file)] == [0, 1, 2]
    assert [line["code"] for line in read_jsonl(folder.events_file)] == ["job_started", "counting"]
    assert not folder.ballast_file.exists()
    assert store.memory_holders() == []


@pytest.mark.parametrize(
    ("error", "code", "params"),
    [
        ("ours", "faq_empty", {"path": "/data/faq.csv"}),
        ("memory", "out_of_memory", {}),
    ],
)
def test_a_job_that_raises_has_failed_with_a_sentence(
    run: Run, error: str, code: str, params: dict[str, str]
) -> None:
    record = run("raise", error=error)
    assert record.status.state == "failed"
    assert record.error is not None
    assert (record.error.code, record.error.params) == (code, params)
    assert "raise errors" in record.error.traceback
    assert record.result is None
    assert record.resumable


def test_a_full_disk_names_the_workspace(run: Run, workspace: Workspace) -> None:
    record = run("raise", error="disk")
    assert record.error is not None
    assert (record.error.code, record.error.params) == ("disk_full", {"path": str(workspace.root)})


def test_a_fault_of_ours_has_an_id_that_is_in_the_log(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = run("raise", error="fault")
    assert record.error is not None
    assert record.error.code == "internal"
    logged = capsys.readouterr().err
    assert str(record.error.params["id"]) in logged
    assert "something odd" in logged


def test_a_kind_without_a_function_is_a_fault_and_not_a_hang(store: JobStore) -> None:
    record = store.submit("compare", "a", Config())
    assert run_job(Path(record.folder), {"train": act}, executor=FakeExecutor()) == 1
    error = store.get(record.spec.id).error
    assert error is not None
    assert error.code == "internal"


def test_the_exit_code_tells_whether_the_job_did_what_it_was_asked(workspace: Workspace) -> None:
    executor = FakeExecutor()
    store = JobStore(workspace, executor=executor, memory=roomy())
    good = store.submit("train", "a", Config(action="count", steps=1))
    bad = store.submit("train", "b", Config(action="raise", error="memory"))
    stopped = store.submit("train", "c", Config(action="count", steps=1))
    store.control(stopped.spec.id, "pause")
    codes = [
        run_job(Path(record.folder), {"train": act}, executor=executor) for record in (good, bad, stopped)
    ]
    assert codes == [0, 1, 0]


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_what_was_asked_before_the_worker_came_is_done_without_work(
    store: JobStore, verb: Any, state: str
) -> None:
    record = store.submit("train", "a", Config(action="count", steps=3))
    store.control(record.spec.id, verb)
    run_job(Path(record.folder), {"train": act}, executor=FakeExecutor())
    seen = store.get(record.spec.id)
    assert seen.status.state == state
    assert not (Path(record.folder) / "work" / "steps.jsonl").exists()


def test_a_job_that_is_not_queued_is_left_alone(run: Run) -> None:
    record = run("count", steps=2)
    assert run_job(Path(record.folder), {"train": act}, executor=FakeExecutor()) == 1
    assert len(list(read_jsonl(Path(record.folder) / "work" / "steps.jsonl"))) == 2


def test_an_interrupt_that_a_library_wrapped_is_still_an_interrupt(run: Run) -> None:
    def wrapped(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
        try:
            raise CancelRequested
        except CancelRequested as exc:
            raise RuntimeError("callback failed") from exc

    assert run(wrapped).status.state == "cancelled"


def test_a_secret_that_is_not_there_makes_the_job_wait_for_it(run: Run) -> None:
    record = run("surroundings", secret="MISSING_API_KEY")
    assert (record.status.state, record.status.waiting_for) == ("paused", "secret")
    assert record.status.note == {"missing_secrets": ["MISSING_API_KEY"]}
    assert record.error is None


def test_secrets_in_errors_are_masked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret")

    def leak(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
        raise ValueError("refused: sk-very-secret")

    record = run(leak)
    for path in Path(record.folder).rglob("*"):
        assert path.is_dir() or b"sk-very-secret" not in path.read_bytes()
    assert record.error is not None
    assert "refused: ***" in record.error.traceback


def test_sigterm_ends_the_job_as_cancelled(run: Run) -> None:
    def terminate_then_count(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
        signal.raise_signal(signal.SIGTERM)
        return ACTIONS["count"](config, job)

    before = signal.getsignal(signal.SIGTERM)
    assert run(terminate_then_count, steps=5).status.state == "cancelled"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_job_can_run_outside_of_the_main_thread(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=2))
    thread = threading.Thread(
        target=lambda: run_job(Path(record.folder), {"train": act}, executor=FakeExecutor())
    )
    thread.start()
    thread.join()
    assert store.get(record.spec.id).status.state == "succeeded"


def test_a_disk_that_is_full_to_the_last_block_still_gets_its_reason_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runner.JobFolder.write_error

    def write_only_with_room(self: JobFolder, error: Any) -> None:
        if self.ballast_file.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, error)

    monkeypatch.setattr(runner.JobFolder, "write_error", write_only_with_room)
    record = run("raise", error="disk")
    assert record.error is not None
    assert record.error.code == "disk_full"


def test_a_job_with_a_lease_ends_before_the_machine_runs_dry(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(runner, "read_memory", lambda: Memory(64 * GIB, GIB, 0))
    record = store.submit("train", "a", Config(action="count", steps=100_000, pause=0.001), memory_bytes=GIB)
    run_job(Path(record.folder), {"train": act}, executor=FakeExecutor())
    error = store.get(record.spec.id).error
    assert error is not None
    assert error.code == "memory_low"
    assert error.params["available_mib"] == 1024


def test_a_stopped_server_is_no_longer_ready(store: JobStore) -> None:
    record = store.submit("serve", "a", Config(action="serve"))
    store.control(record.spec.id, "stop")
    run_job(Path(record.folder), {"serve": act}, executor=FakeExecutor())
    status = store.get(record.spec.id).status
    assert (status.state, status.ready, status.endpoint) == ("succeeded", False, "")
