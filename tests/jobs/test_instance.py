from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from workbench.jobs import InstanceLock
from workbench.paths import Workspace

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from workbench.jobs import InstanceLock; from workbench.paths import Workspace\n"
    "lock = InstanceLock(Workspace(Path(sys.argv[1])))\n"
    "assert lock.acquire()\n"
    "lock.announce('127.0.0.1', 7861, 'http://127.0.0.1:7861/')\n"
    "print('held', flush=True)\n"
    "time.sleep(600)\n"
)


def _hold(workspace: Workspace) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_start_finds_the_running_one_and_takes_over_after_a_kill(workspace: Workspace) -> None:
    holder = _hold(workspace)
    second = InstanceLock(workspace)
    assert not second.acquire()
    found = second.find_running()
    assert found is not None
    assert (found.pid, found.port, found.url) == (holder.pid, 7861, "http://127.0.0.1:7861/")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert holder.stdout is not None
    holder.stdout.close()
    assert second.acquire()
    assert second.find_running(timeout=0) is None
    second.release()


def test_an_instance_that_has_not_opened_its_port_yet_is_not_found(workspace: Workspace) -> None:
    first, second = InstanceLock(workspace), InstanceLock(workspace)
    assert first.acquire()
    assert not second.acquire()
    assert second.find_running(timeout=0) is None
    first.announce("127.0.0.1", 7860, "http://127.0.0.1:7860/")
    found = second.find_running(timeout=0)
    assert found is not None
    assert found.port == 7860
    first.release()
    assert second.acquire()
    second.release()


def test_a_damaged_note_is_not_trusted(workspace: Workspace) -> None:
    (workspace.locks / "instance.json").write_text('{"pid": 1, "port"')
    assert InstanceLock(workspace).find_running(timeout=0) is None
    (workspace.locks / "instance.json").write_text('{"pid": 1}')
    assert InstanceLock(workspace).find_running(timeout=0) is None
