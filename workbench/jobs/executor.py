"""Starts workers. One interface for this machine, and later for containers and Ray."""

from __future__ import annotations

import logging
import os
import signal as signals
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from workbench.jobs.processes import is_process_alive, process_started_at
from workbench.spare import Order, take_spare
from workbench.startup import python_variables

logger = logging.getLogger(__name__)


class Executor(Protocol):
    """Where workers run."""

    def start(self, folder: Path, env: Mapping[str, str]) -> int:
        """Start the worker of a job folder and return at once.

        Args:
            folder: The job's folder.
            env: The worker's whole environment.

        Returns:
            The worker's process id.

        Raises:
            OSError: It could not be started.
        """
        ...

    def started_at(self, pid: int) -> float:
        """What tells this process from a later one with the same id; 0 where it has already ended."""
        ...

    def alive(self, pid: int, started_at: float) -> bool:
        """Whether this very worker still runs."""
        ...

    def signal(self, pid: int, started_at: float, number: int) -> None:
        """Send a signal to the worker and what it started; does nothing where it has ended."""
        ...


class LocalExecutor:
    """Workers as processes of this machine, each in a session of its own, so that they outlive their starter.

    No pipes: standard output and error go to the job's `log.txt`, standard input is empty.

    Args:
        command: Makes the command line for a job folder.
    """

    # asked at times whether they ended, because a child that nobody asks stays a zombie until its parent ends
    _children: ClassVar[list[subprocess.Popen[bytes]]] = []
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, command: Callable[[Path], list[str]] | None = None) -> None:
        self._command = command or worker_command

    def start(self, folder: Path, env: Mapping[str, str]) -> int:
        self._reap()
        # kept empty: neither a module nor a file that lies about can be picked up by accident
        empty = folder.parent.parent / "empty"
        empty.mkdir(exist_ok=True)
        order = Order(folder, empty, {**env, **python_variables(env)})
        child = (take_spare(order) if self._command is worker_command else None) or self._start(order)
        with self._lock:
            self._children.append(child)
        return child.pid

    def _start(self, order: Order) -> subprocess.Popen[bytes]:
        with (order.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                self._command(order.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=order.cwd,
                env=order.env,
            )

    def started_at(self, pid: int) -> float:
        return process_started_at(pid)

    def alive(self, pid: int, started_at: float) -> bool:
        self._reap()
        return is_process_alive(pid, started_at)

    def signal(self, pid: int, started_at: float, number: int) -> None:
        if pid <= 1 or not self.alive(pid, started_at):
            return
        try:
            # the worker leads its session and group; only a worker that a person started by hand does not
            if os.getpgid(pid) == pid:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
        except ProcessLookupError:
            return
        logger.info("sent %s to process %d", signals.Signals(number).name, pid)

    @classmethod
    def _reap(cls) -> None:
        with cls._lock:
            cls._children[:] = [child for child in cls._children if child.poll() is None]


def worker_command(folder: Path) -> list[str]:
    """The command line of a worker in the same Python as ours."""
    return [sys.executable, "-m", "workbench.worker", str(folder)]
