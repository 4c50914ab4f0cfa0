"""An executor that starts nothing, for tests of whatever submits jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Started(NamedTuple):
    """One call of `start`."""

    folder: Path
    env: dict[str, str]
    pid: int


class Signalled(NamedTuple):
    """One call of `signal`."""

    pid: int
    number: int


class FakeExecutor:
    """Hands out process ids that no process has and remembers what it was asked."""

    FIRST_PID = 1_000_000_000

    def __init__(self) -> None:
        self.started: list[Started] = []
        self.signalled: list[Signalled] = []
        self._living: set[int] = set()

    def start(self, folder: Path, env: Mapping[str, str]) -> int:
        pid = self.FIRST_PID + len(self.started)
        self.started.append(Started(folder, dict(env), pid))
        self._living.add(pid)
        return pid

    def started_at(self, pid: int) -> float:
        return float(pid) if pid in self._living else 0.0

    def alive(self, pid: int, started_at: float) -> bool:
        return pid in self._living and started_at == float(pid)

    def signal(self, pid: int, started_at: float, number: int) -> None:
        if self.alive(pid, started_at):
            self.signalled.append(Signalled(pid, number))

    def end(self, pid: int) -> None:
        """Let a worker be gone."""
        self._living.discard(pid)

    @property
    def started_jobs(self) -> list[str]:
        """Ids of the started jobs, in order."""
        return [call.folder.name for call in self.started]
