from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.jobs.support import until
from workbench.jobs import FakeExecutor, LocalExecutor
from workbench.jobs.executor import worker_command
from workbench.jobs.processes import is_pid_alive
from workbench.paths import Workspace
from workbench.startup import python_variables


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    made = workspace.jobs / "job-1"
    made.mkdir()
    return made


def _python(code: str) -> LocalExecutor:
    return LocalExecutor(lambda folder: [sys.executable, "-c", code, str(folder)])


def test_the_worker_has_its_own_session_an_empty_place_and_the_log(
    folder: Path, workspace: Workspace
) -> None:
    executor = _python(
        "import os, sys; print(os.getsid(0) == os.getpid(), os.getcwd());"
        "print(os.listdir(), repr(sys.stdin.read()));"
        "print('to stderr', file=sys.stderr); print(os.environ.get('GIVEN'), os.environ.get('HOME'))"
    )
    pid = executor.start(folder, {"GIVEN": "yes"})
    started = executor.started_at(pid)
    until(lambda: not executor.alive(pid, started))
    log = (folder / "log.txt").read_text()
    assert f"True {workspace.empty}\n[] ''" in log
    assert "to stderr" in log
    assert "yes None" in log


def test_a_worker_that_ended_is_no_zombie_of_ours(folder: Path) -> None:
    executor = _python("pass")
    pid = executor.start(folder, dict(os.environ))
    started = executor.started_at(pid)
    until(lambda: not executor.alive(pid, started))
    assert not is_pid_alive(pid)


def test_a_signal_reaches_the_worker_and_what_it_started(folder: Path) -> None:
    code = (
        "import subprocess, sys, time; from pathlib import Path\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "Path(sys.argv[1], 'child').write_text(str(child.pid) + '\\n')\n"
        "time.sleep(600)\n"
    )
    executor = _python(code)
    pid = executor.start(folder, dict(os.environ))
    started = executor.started_at(pid)
    noted = folder / "child"
    until(lambda: noted.exists() and noted.read_text().endswith("\n"))
    child = int(noted.read_text())
    executor.signal(pid, started, signal.SIGKILL)
    until(lambda: not executor.alive(pid, started) and not is_pid_alive(child))


def test_a_pid_that_others_got_is_never_signalled(folder: Path) -> None:
    executor = LocalExecutor()
    # were the start time not compared, this would end the test itself
    executor.signal(os.getpid(), executor.started_at(os.getpid()) + 1.0, signal.SIGKILL)
    executor.signal(0, 0.0, signal.SIGKILL)
    executor.signal(1, executor.started_at(1), signal.SIGKILL)


def test_the_real_worker_is_started_by_the_same_python() -> None:
    assert worker_command(Path("/x/jobs/1")) == [sys.executable, "-m", "workbench.worker", "/x/jobs/1"]


def test_the_package_is_found_however_often_workers_start_workers() -> None:
    first = python_variables({"PYTHONPATH": "/mine"})
    assert python_variables(first)["PYTHONPATH"] == first["PYTHONPATH"]
    assert first["PYTHONPATH"].endswith(f"{os.pathsep}/mine")


def test_the_fake_remembers_and_lets_workers_end(folder: Path) -> None:
    fake = FakeExecutor()
    pid = fake.start(folder, {"A": "1"})
    assert fake.started_jobs == ["job-1"]
    assert fake.alive(pid, fake.started_at(pid))
    fake.signal(pid, fake.started_at(pid), 15)
    assert [call.number for call in fake.signalled] == [15]
    fake.end(pid)
    assert not fake.alive(pid, float(pid))
    assert fake.started_at(pid) == 0.0
