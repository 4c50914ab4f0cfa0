"""A worker that waits for its job: what it is told, what it becomes, and what happens where it died."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.support import until
from workbench import spare
from workbench.jobs import LocalExecutor
from workbench.paths import Workspace
from workbench.spare import Order, start_spare, take_spare
from workbench.startup import python_variables

BECOME = """
import os, sys
from workbench.spare import await_order
order = await_order(sys.stdin.buffer)
print(order.folder, os.getcwd(), sorted(os.environ), repr(sys.stdin.read()), flush=True)
print("to stderr", file=sys.stderr, flush=True)
"""


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    made = workspace.jobs / "job-1"
    made.mkdir()
    return made


def test_the_waiting_process_becomes_the_worker_that_it_is_asked_to_be(
    folder: Path, workspace: Workspace
) -> None:
    env = {**os.environ, **python_variables(os.environ), "ONLY_AT_FIRST": "1"}
    line = json.dumps([str(folder), str(workspace.empty), {"HF_TOKEN": "s3cret-s3cret"}]) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", BECOME], input=line, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert done.stderr == ""
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert log == f"{folder} {workspace.empty} ['HF_TOKEN'] ''\nto stderr\n"


@pytest.mark.parametrize("sent", ["", '["/x", "/y", {'])
def test_without_a_whole_order_it_ends(sent: str) -> None:
    env = {**os.environ, **python_variables(os.environ)}
    done = subprocess.run(
        [sys.executable, "-m", "workbench.worker", "--wait", "gate"],
        input=sent,
        env=env,
        text=True,
        check=False,
    )
    assert done.returncode == 0


def test_it_starts_without_secrets_in_a_session_of_its_own_and_takes_the_next_job(
    folder: Path, workspace: Workspace
) -> None:
    start_spare("gate", {**os.environ, "HF_TOKEN": "s3cret-s3cret", "PLAIN": "seen"})
    pid = LocalExecutor().start(folder, {"HF_TOKEN": "s3cret-s3cret"})
    shown = (Path("/proc") / str(pid) / "environ").read_bytes()
    assert b"PLAIN=seen" in shown
    assert b"s3cret" not in shown
    assert b"s3cret" not in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    assert os.getsid(pid) == pid
    executor = LocalExecutor()
    started = executor.started_at(pid)
    # the folder holds no job, so all that the worker can do is to say so where a worker says things
    until(lambda: not executor.alive(pid, started))
    assert "job_missing(id=job-1)" in (folder / "log.txt").read_text(encoding="utf-8")
    assert take_spare(Order(folder, workspace.empty, {})) is None, "it is given away once"


def test_where_it_died_a_worker_is_started_as_usual(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        start_spare("gate", dict(os.environ))
    waiting = spare._Waiting.process
    assert waiting is not None
    waiting.wait()
    executor = LocalExecutor()
    pid = executor.start(folder, dict(os.environ))
    started = executor.started_at(pid)
    until(lambda: not executor.alive(pid, started))
    assert "job_missing(id=job-1)" in (folder / "log.txt").read_text(encoding="utf-8")


def test_a_worker_with_a_command_of_its_own_is_never_a_spare_one(folder: Path, workspace: Workspace) -> None:
    start_spare("gate", dict(os.environ))
    executor = LocalExecutor(lambda _folder: [sys.executable, "-c", "print('own')"])
    pid = executor.start(folder, dict(os.environ))
    started = executor.started_at(pid)
    until(lambda: not executor.alive(pid, started))
    assert (folder / "log.txt").read_text(encoding="utf-8") == "own\n"
    waiting = take_spare(Order(folder, workspace.empty, dict(os.environ)))
    assert waiting is not None
    waiting.wait(timeout=60)


def test_waiting_to_evaluate_loads_nothing_that_only_some_answers_need() -> None:
    script = (
        "import sys; from workbench.worker import main; code = main(['--wait', 'evaluate']);"
        "heavy = ('numpy', 'rapidfuzz', 'openai', 'torch', 'transformers', 'langdetect');"
        "print(code, *(name for name in heavy if name in sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], input="", capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["0"]
