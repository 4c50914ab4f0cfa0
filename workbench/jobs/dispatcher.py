"""The queue. No daemon: whoever submits a job, ends one or opens a face runs this under one file lock.

Under the lock, in this order: workers that are gone are written off and their memory is given back; workers
that do not answer a cancel request are signalled; queued jobs are started, oldest first, as far as memory
allows.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from workbench.errors import InputError, NotFoundError, StateError
from workbench.jobs.executor import Executor
from workbench.jobs.folder import Control, JobFolder
from workbench.jobs.leases import LeaseHolder, Ledger, free_bytes, read_ledger, write_ledger
from workbench.jobs.machine import Memory
from workbench.jobs.redaction import missing_secrets, worker_environment
from workbench.jobs.shelf import JobShelf
from workbench.jobs.verdicts import dead_status, not_started_error, verdict_of_dead
from workbench.paths import Workspace
from workbench.schemas.job import ENDED, JobSpec, JobStatus

logger = logging.getLogger(__name__)

TERM_AFTER = 10.0
KILL_AFTER = 20.0
_LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Surroundings:
    """What the dispatcher needs from outside."""

    executor: Executor
    environ: Mapping[str, str]
    """Environment that workers inherit, and where secrets are looked up."""
    memory: Callable[[], Memory]
    clock: Callable[[], float]
    """Seconds since the epoch."""
    leaving_bytes: int = 0
    """Memory of the calling process, which is about to end."""


class _Round(NamedTuple):
    ledger: Ledger
    memory_waits: bool
    """A job waits for memory."""


class Dispatcher:
    """Starts what can be started and clears away what died."""

    def __init__(self, workspace: Workspace, around: Surroundings, shelf: JobShelf | None = None) -> None:
        self._workspace = workspace
        self._around = around
        self._shelf = shelf or JobShelf(workspace)
        self._ledger_file = workspace.locks / "leases.json"

    @contextmanager
    def locked(self, *, wait: bool = True) -> Generator[bool]:
        """Hold the workspace's job lock; yields whether it was got (always, with `wait`).

        Raises:
            StateError: `jobs_busy` where another process holds it for a minute.
        """
        lock = FileLock(self._workspace.locks / "jobs.lock", is_singleton=False)
        try:
            lock.acquire(timeout=_LOCK_SECONDS if wait else 0)
        except Timeout as exc:
            if wait:
                raise StateError("jobs_busy") from exc
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def run(self, *, wait: bool = True) -> None:
        """Take the lock and do all that is due. Without `wait`, leave it to whoever holds the lock."""
        with self.locked(wait=wait) as held:
            if held:
                self.run_locked()

    def run_locked(self) -> bool:
        """Do all that is due; the caller holds the lock.

        Returns:
            Whether a job waits for memory.
        """
        before = read_ledger(self._ledger_file)
        ledger = self._write_off_dead(before)
        self._press_cancelled(ledger)
        ledger, memory_waits = self._start_queued(ledger)
        if ledger != before:
            write_ledger(self._ledger_file, ledger)
        return memory_waits

    def ledger(self) -> Ledger:
        """The ledger as it stands; may be a moment old without the lock."""
        return read_ledger(self._ledger_file)

    def enter(self, holder: LeaseHolder) -> None:
        """Enter a worker into the ledger; the caller holds the lock."""
        ledger = self.ledger()
        if holder.bytes:
            ledger = ledger.measured(self._memory())
        write_ledger(self._ledger_file, ledger.with_holder(holder))

    def leave(self, job_id: str, freed_bytes: int) -> bool:
        """Take an ending worker out of the ledger and see to the queue.

        Args:
            job_id: The job that ends.
            freed_bytes: Memory that its process still holds and is about to give back.

        Returns:
            Whether a job still waits for memory.
        """
        with self.locked():
            write_ledger(self._ledger_file, self.ledger().without(job_id))
            ending = replace(self._around, leaving_bytes=freed_bytes)
            return Dispatcher(self._workspace, ending, self._shelf).run_locked()

    # ---- workers that are gone

    def _write_off_dead(self, ledger: Ledger) -> Ledger:
        for holder in ledger.holders:
            if not self._around.executor.alive(holder.pid, holder.pid_started_at):
                self._write_off_unclaimed(holder)
                ledger = ledger.without(holder.job_id)
        for folder in self._shelf.folders():
            status = self._shelf.status(folder)
            if status is None or status.state == "running":
                ledger = self._check_running(folder, status, ledger)
        return ledger

    def _write_off_unclaimed(self, holder: LeaseHolder) -> None:
        """A worker that died before it claimed its job; one queued again since then stays in the queue."""
        folder = JobFolder(self._workspace.jobs / holder.job_id)
        status = folder.read_status()
        if status is not None and status.state == "queued" and status.updated_at <= holder.since:
            self._write_verdict(folder, status)

    def _check_running(self, folder: JobFolder, status: JobStatus | None, ledger: Ledger) -> Ledger:
        if status is None:
            holder = ledger.holder(folder.id)
            if holder is None:
                self._write_verdict(folder, dead_status(self._around.clock()))
            return ledger
        if not self._around.executor.alive(status.pid, status.pid_started_at):
            status = folder.read_status() or status  # it may have ended properly since we looked
            if status.state == "running":
                self._write_verdict(folder, status)
            return ledger.without(folder.id)
        if ledger.holder(folder.id) is None:  # the ledger was lost
            return ledger.with_holder(self._holder_of(folder, status))
        return ledger

    def _holder_of(self, folder: JobFolder, status: JobStatus) -> LeaseHolder:
        spec = self._shelf.spec(folder)
        return LeaseHolder(
            job_id=folder.id,
            bytes=spec.memory_bytes,
            pid=status.pid,
            pid_started_at=status.pid_started_at,
            since=status.started_at,
        )

    def _write_verdict(self, folder: JobFolder, status: JobStatus) -> None:
        verdict = verdict_of_dead(folder, status, self._around.clock())
        if verdict.error is not None:
            folder.write_error(verdict.error)
        folder.write_status(verdict.status)
        logger.warning("the worker of job %s is gone; the job is %s", folder.id, verdict.status.state)

    # ---- workers that do not answer

    def _press_cancelled(self, ledger: Ledger) -> None:
        for holder in ledger.holders:
            control = JobFolder(self._workspace.jobs / holder.job_id).read_control()
            number = pressure(control, self._around.clock())
            if number is not None:
                self._around.executor.signal(holder.pid, holder.pid_started_at, number)

    # ---- the queue

    def _start_queued(self, ledger: Ledger) -> _Round:
        memory_waits = False
        for folder, status in self._queued(ledger):
            spec = self._shelf.spec(folder)
            if missing_secrets(self._around.environ, spec.secret_names):
                self._mark_waiting(folder, status, "secret")
                continue
            # one that needs memory never overtakes another that waits for it: a large job might wait for ever
            fits = not memory_waits and spec.memory_bytes <= free_bytes(ledger, self._memory())
            if spec.memory_bytes and not fits:
                memory_waits = True
                self._mark_waiting(folder, status, "memory")
                continue
            ledger = self._start(folder, spec, status, ledger)
        return _Round(ledger, memory_waits)

    def _queued(self, ledger: Ledger) -> list[tuple[JobFolder, JobStatus]]:
        """Queued jobs that no worker has been started for, oldest request first."""
        found: list[tuple[JobFolder, JobStatus]] = []
        for folder in self._shelf.folders():
            status = self._shelf.status(folder)
            if status is None or status.state != "queued" or ledger.holder(folder.id) is not None:
                continue
            try:
                self._shelf.spec(folder)
            except (InputError, NotFoundError) as exc:
                logger.warning("a queued job cannot be read: %s", exc)
                continue
            found.append((folder, status))
        return sorted(found, key=lambda pair: self._shelf.spec(pair[0]).created_at)

    def _memory(self) -> Memory:
        memory = self._around.memory()
        available = min(memory.total, memory.available + self._around.leaving_bytes)
        return memory._replace(available=available)

    def _mark_waiting(self, folder: JobFolder, status: JobStatus, reason: str) -> None:
        if status.waiting_for != reason:
            folder.write_status(status.model_copy(update={"waiting_for": reason}))

    def _start(self, folder: JobFolder, spec: JobSpec, status: JobStatus, ledger: Ledger) -> Ledger:
        now = self._around.clock()
        environment = worker_environment(self._around.environ, spec.secret_names)
        if spec.memory_bytes:
            ledger = ledger.measured(self._memory())
        try:
            pid = self._around.executor.start(folder.root, environment)
        except OSError as exc:
            folder.write_error(not_started_error(exc, now))
            folder.write_status(dead_status(now, status))
            logger.warning("job %s could not be started: %s", folder.id, exc)
            return ledger
        logger.info("job %s started as process %d", folder.id, pid)
        started_at = self._around.executor.started_at(pid)
        holder = LeaseHolder(
            job_id=folder.id, bytes=spec.memory_bytes, pid=pid, pid_started_at=started_at, since=now
        )
        ledger = ledger.with_holder(holder)
        # written at once: if we die here, the next dispatcher must know that this one was started
        write_ledger(self._ledger_file, ledger)
        return ledger


def pressure(control: Control | None, now: float) -> int | None:
    """The signal that is due for a worker that was asked to cancel and still runs, or None."""
    if control is None or control.verb != "cancel":
        return None
    waited = now - control.at
    if waited >= KILL_AFTER:
        return signal.SIGKILL
    return signal.SIGTERM if waited >= TERM_AFTER else None


def has_ended(status: JobStatus | None) -> bool:
    """Whether nothing more will happen to the job by itself."""
    return status is not None and (status.state in ENDED or status.state == "paused")


def workspace_of(folder: Path) -> Workspace:
    """The workspace that a job folder lies in."""
    return Workspace(folder.resolve().parent.parent)
