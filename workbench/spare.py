"""A worker that is started ahead: it loads what its job will need while the one who submits the job still loads.

The order that it waits for comes on its standard input, the secrets that the job names included, so that none is
seen in a command line. Where none comes it ends; where it died, a worker is started the usual way.

It is to be loading before anything else is: what starting it does not need is imported later.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from workbench.startup import python_variables
from workbench.text.secrets import is_secret_name

if TYPE_CHECKING:
    from pathlib import Path

WAIT = "--wait"
"""Argument of `workbench.worker` that makes it wait for its order."""


class Order(NamedTuple):
    """What a waiting worker is told."""

    folder: Path
    """The job's folder."""
    cwd: Path
    env: dict[str, str]
    """The whole environment."""


class _Waiting:
    process: subprocess.Popen[bytes] | None = None
    lock = threading.Lock()


def start_spare(kind: str, environ: Mapping[str, str]) -> None:
    """Start a worker that loads what jobs of a kind need and waits; this process's next job goes to it."""
    env = {name: value for name, value in environ.items() if not is_secret_name(name)}
    # -P: nothing of the working directory can be imported
    command = [sys.executable, "-P", "-m", "workbench.worker", WAIT, kind]
    with _Waiting.lock:
        _Waiting.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**env, **python_variables(env)},
        )


def take_spare(order: Order) -> subprocess.Popen[bytes] | None:
    """Give the waiting worker its job.

    Returns:
        Its process; None where none waits, or the one that did has died.
    """
    with _Waiting.lock:
        process, _Waiting.process = _Waiting.process, None
    if process is None or process.stdin is None:
        return None
    if process.poll() is not None:
        process.stdin.close()
        return None
    import json

    line = json.dumps([str(order.folder), str(order.cwd), order.env]).encode() + b"\n"
    try:
        with process.stdin as pipe:
            pipe.write(line)
    except OSError:
        process.kill()
        process.wait()
        return None
    return process


def await_order(stdin: BinaryIO) -> Order | None:
    """Wait for the order, and become the worker that it asks for: environment, directory, log. None: no job came."""
    import json
    from pathlib import Path

    line = stdin.readline()
    if not line.endswith(b"\n"):
        return None
    folder, cwd, env = json.loads(line)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    with open(os.devnull, "rb") as nothing, (Path(folder) / "log.txt").open("ab") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    return Order(Path(folder), Path(cwd), env)
