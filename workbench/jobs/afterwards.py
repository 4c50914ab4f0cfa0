"""Sees to the queue once a worker is really gone.

A worker dispatches the queue at its end, but the memory it holds is free only after its process ended. Where
a job waits for that memory, a short-lived process looks again a moment later.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from workbench.jobs.processes import is_process_alive, process_started_at
from workbench.jobs.store import JobStore
from workbench.paths import Workspace
from workbench.startup import python_variables

_PATIENCE = 120.0
_PAUSE = 0.2
# a driver gives GPU memory back a little after the process is gone
_SETTLE = 1.0


def look_again_later(workspace: Workspace, environ: Mapping[str, str]) -> None:
    """Start the helper for this process, which is about to end."""
    own = os.getpid()
    call = "import sys; from workbench.jobs.afterwards import look_again; look_again(sys.argv[1:])"
    helper = subprocess.Popen(
        [sys.executable, "-c", call, str(workspace.root), str(own), str(process_started_at(own))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=workspace.empty,
        env={**environ, **python_variables(environ)},
    )
    # it outlives us on purpose, which Popen would warn about
    helper.returncode = 0


def look_again(arguments: list[str]) -> None:
    """Wait until a process is gone, then dispatch the queue.

    Args:
        arguments: The workspace's root, the process's id and its start time.
    """
    workspace, pid, started_at = Workspace(Path(arguments[0])), int(arguments[1]), float(arguments[2])
    until = time.monotonic() + _PATIENCE
    while is_process_alive(pid, started_at) and time.monotonic() < until:
        time.sleep(_PAUSE)
    time.sleep(_SETTLE)
    JobStore(workspace).dispatch()
