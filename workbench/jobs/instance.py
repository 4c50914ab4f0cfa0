"""One page per workspace: a second start finds the one that runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from filelock import FileLock, Timeout
from pydantic import ValidationError

from workbench.artifacts.files import read_json, write_json_atomic
from workbench.errors import InputError
from workbench.jobs.processes import is_pid_alive
from workbench.paths import Workspace
from workbench.schemas.base import StrictModel

_POLL_SECONDS = 0.1


class Instance(StrictModel):
    """The page that serves a workspace."""

    pid: int
    host: str
    port: int
    url: str
    """Address to open in the browser."""
    started_at: float


class InstanceLock:
    """Held by the page's process as long as it lives; the system lets go of it however the process ends."""

    def __init__(self, workspace: Workspace, *, clock: Callable[[], float] = time.time) -> None:
        self._lock = FileLock(workspace.locks / "instance.lock", is_singleton=False, thread_local=False)
        self._file = workspace.locks / "instance.json"
        self._clock = clock

    def acquire(self) -> bool:
        """Become the one instance; False where another one runs."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        self._file.unlink(missing_ok=True)  # of one that ended
        return True

    def announce(self, host: str, port: int, url: str) -> None:
        """Tell later starts where we are; call it once the port is open."""
        write_json_atomic(
            self._file, Instance(pid=os.getpid(), host=host, port=port, url=url, started_at=self._clock())
        )

    def find_running(self, timeout: float = 10.0) -> Instance | None:
        """The instance that holds the lock, waiting until it has opened its port; None after the timeout."""
        until = time.monotonic() + timeout
        while True:
            instance = self._read()
            if instance is not None or time.monotonic() >= until:
                return instance
            time.sleep(_POLL_SECONDS)

    def _read(self) -> Instance | None:
        try:
            instance = Instance.model_validate(read_json(self._file))
        except (FileNotFoundError, InputError, ValidationError):
            return None
        # the file of one that was killed stays until the next instance has the lock
        return instance if is_pid_alive(instance.pid) else None

    def release(self) -> None:
        """Let another start become the instance."""
        if self._lock.is_locked:
            self._file.unlink(missing_ok=True)
            self._lock.release()
