"""Workers as real processes: killed, orphaned, doubled, paused, starved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.support import Config, roomy, until
from tests.jobs.worker_child import child_executor
from workbench.artifacts import read_json, read_jsonl
from workbench.jobs import FakeExecutor, JobFolder, JobStore, JsonlTail, MetricSeries
from workbench.jobs.afterwards import look_again, look_again_later
from workbench.jobs.machine import GIB, Memory
from workbench.jobs.processes import process_started_at
from workbench.paths import Workspace
from workbench.schemas.job import ENDED, JobRecord

REPO = Path(__file__).resolve().parents[2]
PATIENCE = 120.0


@pytest.fixture
def store(workspace: Workspace) -> Iterator[JobStore]:
    made = JobStore(workspace, executor=child_executor())
    yield made
    for record in made.list():
        if record.status.state == "running" and record.status.pid > 1:
            os.kill(record.status.pid, signal.SIGKILL)
            made.wait(record.spec.id, PATIENCE)


def _steps(record: JobRecord) -> list[int]:
    journal = Path(record.folder) / "work" / "steps.jsonl"
    return [line["step"] for line in read_jsonl(journal)] if journal.exists() else []


def _run_until_step(store: JobStore, record: JobRecord, step: int) -> JobRecord:
    until(lambda: len(_steps(record)) > step)
    return store.get(record.spec.id)


def test_a_job_runs_to_its_end_in_a_process_of_its_own(store: JobStore, workspace: Workspace) -> None:
    names = ["LEFT_BEHIND", "PYTHONPATH"]
    record = store.submit("train", "a", Config(action="surroundings", names=names))
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert done.result == {
        "cwd": str(workspace.empty),
        "files": [],
        "session": True,
        "stdin_empty": True,
        "names": ["PYTHONPATH"],
    }
    assert done.status.pid != os.getpid()


def test_a_killed_worker_is_a_failure_and_the_resumed_run_is_whole(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=40, pause=0.02))
    running = _run_until_step(store, record, 5)
    os.kill(running.status.pid, signal.SIGKILL)
    until(lambda: store.get(record.spec.id).status.state == "failed")
    failed = store.get(record.spec.id)
    assert failed.error is not None
    assert failed.error.code == "worker_died"
    assert failed.resumable
    folder = JobFolder(Path(record.folder))
    with folder.metrics_file.open("ab") as handle:
        handle.write(b'{"step": 6, "lo')  # as if it had died in the middle of a line
    store.resume(record.spec.id)
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert done.result == {"steps": 40, "resumed": True}
    assert done.error is None
    assert _steps(done) == list(range(40))
    series = MetricSeries(folder.metrics_file)
    series.poll()
    assert series.points("loss").x == [float(step) for step in range(40)]
    assert [event["code"] for event in JsonlTail(folder.events_file).read()].count("job_resumed") == 1


def test_a_job_goes_on_when_its_submitter_is_killed(workspace: Workspace) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.jobs.support import Config; from tests.jobs.worker_child import child_executor\n"
        "from workbench.jobs import JobStore; from workbench.paths import Workspace\n"
        "store = JobStore(Workspace(Path(sys.argv[1])), executor=child_executor())\n"
        "store.submit('train', 'a', Config(action='count', steps=30, pause=0.02))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    submitter = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert submitter.returncode == -signal.SIGKILL
    store = JobStore(workspace, executor=child_executor())
    (record,) = store.list()
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert _steps(done) == list(range(30))


def test_many_dispatchers_at_once_start_a_job_once(workspace: Workspace) -> None:
    tight = JobStore(workspace, executor=FakeExecutor(), memory=lambda: Memory(64 * GIB, GIB, 0))
    record = tight.submit("train", "a", Config(action="count", steps=3), memory_bytes=1 << 20)
    assert record.status.waiting_for == "memory"
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.jobs.worker_child import child_executor\n"
        "from workbench.jobs import JobStore; from workbench.paths import Workspace\n"
        "store = JobStore(Workspace(Path(sys.argv[1])), executor=child_executor())\n"
        "sys.stdin.read()\n"
        "store.dispatch()\n"
    )
    dispatchers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(workspace.root)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPO)},
        )
        for _ in range(4)
    ]
    for dispatcher in dispatchers:
        assert dispatcher.stdin is not None
        dispatcher.stdin.close()  # all of them go at the same moment
    assert [dispatcher.wait() for dispatcher in dispatchers] == [0] * 4
    store = JobStore(workspace, executor=child_executor())
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert _steps(done) == [0, 1, 2]
    events = list(read_jsonl(JobFolder(Path(record.folder)).events_file))
    assert [event["code"] for event in events] == ["job_started", "counting"]


def test_two_workers_of_one_job_do_its_work_once(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=10, pause=0.02))
    second = subprocess.run(
        [sys.executable, str(REPO / "tests/jobs/worker_child.py"), record.folder],
        check=False,
        capture_output=True,
    )
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert _steps(done) == list(range(10))
    events = list(read_jsonl(JobFolder(Path(record.folder)).events_file))
    assert [event["code"] for event in events] == ["job_started", "counting"]
    assert second.returncode in (0, 1)


def test_a_double_click_starts_once(workspace: Workspace) -> None:
    found: list[str] = []

    def click() -> None:
        store = JobStore(workspace, executor=child_executor())
        config = Config(action="count", steps=1)
        found.append(store.submit("train", "a", config, request_id="click").spec.id)

    clicks = [threading.Thread(target=click) for _ in range(6)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    store = JobStore(workspace, executor=child_executor())
    assert len(store.list()) == 1
    assert store.wait(found[0], PATIENCE).status.state == "succeeded"


def test_a_paused_job_keeps_its_work_and_goes_on(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=40, pause=0.02))
    _run_until_step(store, record, 3)
    store.control(record.spec.id, "pause")
    paused = store.wait(record.spec.id, PATIENCE)
    assert (paused.status.state, paused.status.waiting_for) == ("paused", "user")
    assert paused.resumable
    done_before = len(_steps(paused))
    assert 0 < done_before < 40
    store.resume(record.spec.id)
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert _steps(done) == list(range(40))


def test_stopping_keeps_the_best_and_succeeds(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=100_000, pause=0.01))
    _run_until_step(store, record, 3)
    store.control(record.spec.id, "stop")
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert done.status.stopped_early
    assert done.result is not None
    assert done.result["steps"] == len(_steps(done))


def test_stopping_a_paused_job_keeps_what_it_had(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=100_000, pause=0.01))
    _run_until_step(store, record, 3)
    store.control(record.spec.id, "pause")
    paused = store.wait(record.spec.id, PATIENCE)
    store.control(record.spec.id, "stop")
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "succeeded"
    assert done.status.stopped_early
    assert done.result == {"steps": len(_steps(paused)), "resumed": True}


def test_a_cancelled_job_ends_at_its_next_step(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=100_000, pause=0.01))
    _run_until_step(store, record, 3)
    store.control(record.spec.id, "cancel")
    done = store.wait(record.spec.id, PATIENCE)
    assert done.status.state == "cancelled"
    assert done.result is None
    assert done.resumable


def test_sigterm_cancels(store: JobStore) -> None:
    record = store.submit("train", "a", Config(action="count", steps=100_000, pause=0.01))
    running = _run_until_step(store, record, 3)
    os.kill(running.status.pid, signal.SIGTERM)
    assert store.wait(record.spec.id, PATIENCE).status.state == "cancelled"


def test_a_worker_that_does_not_listen_is_ended_in_the_end(workspace: Workspace) -> None:
    late = [0.0]
    store = JobStore(workspace, executor=child_executor(), clock=lambda: time.time() + late[0])
    record = store.submit("train", "a", Config(action="hang"))
    until(lambda: store.get(record.spec.id).status.progress.phase == "hanging")
    store.control(record.spec.id, "cancel")
    late[0] = 15.0
    store.dispatch()
    assert store.get(record.spec.id).status.state == "running"  # SIGTERM only asks
    late[0] = 40.0
    store.dispatch()
    until(lambda: store.get(record.spec.id).status.state in ENDED)
    store.dispatch()
    assert store.get(record.spec.id).status.state == "cancelled"
    assert read_json(Path(record.folder) / "status.json")["state"] == "cancelled"


def test_the_end_of_a_job_starts_the_one_that_waited_for_its_memory(workspace: Workspace) -> None:
    store = JobStore(workspace, executor=child_executor())
    most = store.free_memory() * 6 // 10
    first = store.submit("train", "first", Config(action="count", steps=20, pause=0.02), memory_bytes=most)
    second = store.submit("train", "second", Config(action="count", steps=2), memory_bytes=most)
    free = store.submit("evaluate", "needs none", Config(action="count", steps=2))
    assert second.status.waiting_for == "memory"
    assert store.wait(free.spec.id, PATIENCE).status.state == "succeeded"
    # from here on only the workers themselves see to the queue
    status = JobFolder(Path(second.folder)).status_file
    until(lambda: read_json(status)["state"] == "succeeded")
    assert store.get(first.spec.id).status.state == "succeeded"
    until(lambda: store.memory_holders() == [])


def test_a_helper_looks_at_the_queue_once_a_worker_is_gone(workspace: Workspace) -> None:
    store = JobStore(workspace, executor=FakeExecutor(), memory=roomy())
    record = store.submit("train", "a", Config())
    folder = JobFolder(Path(record.folder))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = process_started_at(dead.pid)
    dead.wait()
    look_again([str(workspace.root), str(dead.pid), str(started)])
    # to a real executor the pretended worker is gone, which shows that the queue was looked at
    assert read_json(folder.status_file)["state"] == "failed"


def test_the_helper_waits_for_this_process_and_needs_no_terminal(workspace: Workspace) -> None:
    before = set(os.listdir("/proc"))
    look_again_later(workspace, os.environ)
    own = str(os.getpid())
    helpers: list[int] = []

    def find_helper() -> bool:
        for name in set(os.listdir("/proc")) - before:
            try:
                command = Path("/proc", name, "cmdline").read_bytes().decode()
            except (OSError, UnicodeDecodeError):
                continue
            if "look_again" in command and own in command.split("\0"):
                helpers.append(int(name))
        return bool(helpers)

    until(find_helper)
    assert os.getsid(helpers[0]) == helpers[0]
    os.kill(helpers[0], signal.SIGKILL)
    os.waitpid(helpers[0], 0)


def test_secrets_reach_the_worker_that_needs_them_and_no_log(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_KEY", "sk-worker-secret-1")
    monkeypatch.setenv("UNRELATED_TOKEN", "not-for-this-job-2")
    store = JobStore(workspace, executor=child_executor())
    names = ["TEST_API_KEY", "UNRELATED_TOKEN"]
    config = Config(action="surroundings", secret="TEST_API_KEY", names=names)
    record = store.submit("train", "a", config, secret_names=("TEST_API_KEY",))
    done = store.wait(record.spec.id, PATIENCE)
    assert done.result is not None
    assert done.result["names"] == ["TEST_API_KEY"]
    log = "\n".join(store.log_lines(record.spec.id))
    assert "the key is ***" in log
    assert "printed ***" in log
    for path in workspace.root.rglob("*"):
        assert path.is_dir() or b"sk-worker-secret-1" not in path.read_bytes()


def test_a_server_is_ready_until_its_worker_dies(store: JobStore) -> None:
    record = store.submit("serve", "a", Config(action="serve"))
    until(lambda: store.get(record.spec.id).status.ready)
    running = store.get(record.spec.id)
    assert running.status.endpoint == "http://127.0.0.1:1/v1"
    assert running.status.note == {"models": ["base"]}
    os.kill(running.status.pid, signal.SIGKILL)
    until(lambda: not store.get(record.spec.id).status.ready)
    assert store.get(record.spec.id).status.endpoint == ""
