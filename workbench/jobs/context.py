"""What a job's function gets: where to write, whom to tell, and when to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from workbench.artifacts import ArtifactStore, JsonlWriter
from workbench.errors import Param, StateError, WorkbenchError
from workbench.jobs.folder import Control, JobFolder
from workbench.jobs.progress import EtaMeter
from workbench.paths import Workspace
from workbench.schemas.job import ControlVerb, JobSpec, JobStatus, Progress

logger = logging.getLogger(__name__)

WRITE_EVERY = 0.3


class JobInterrupt(Exception):
    """A person asked the job to end early. Let it pass, after saving what is worth keeping."""


class PauseRequested(JobInterrupt):
    """The job ends for now and goes on when it is resumed."""


class CancelRequested(JobInterrupt):
    """The job ends for good."""


class StatusBoard:
    """The status that the worker owns; writes it no more often than is worth reading.

    Args:
        folder: The job's folder.
        status: The status as it stands on disk.
        clock: Seconds since the epoch.
        steady: Seconds of a clock that never jumps.
    """

    def __init__(
        self, folder: JobFolder, status: JobStatus, clock: Callable[[], float], steady: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._status = status
        self._clock = clock
        self._steady = steady
        self._lock = threading.RLock()
        self._written_at = steady()
        self._finished = False

    @property
    def status(self) -> JobStatus:
        return self._status

    def change(self, *, now: bool = True, **values: Any) -> None:
        """Change fields of the status.

        Args:
            now: Write at once; otherwise with the next write that is due, or the next heartbeat.
            **values: The fields.
        """
        with self._lock:
            self._status = self._status.model_copy(update=values)
            if now or self._steady() - self._written_at >= WRITE_EVERY:
                self._write()

    def beat(self) -> None:
        """Show that the worker lives, and write what is pending."""
        with self._lock:
            self._write()

    def finish(self, status: JobStatus) -> None:
        """Write the last status of this run, for good.

        Raises:
            OSError: It could not be written.
        """
        with self._lock:
            self._finished = True
            self._status = status
            self._folder.write_status(status)

    def _write(self) -> None:
        if self._finished:  # a thread that the job's function left behind
            return
        now = self._clock()
        self._status = self._status.model_copy(update={"heartbeat": now, "updated_at": now})
        self._written_at = self._steady()
        try:
            self._folder.write_status(self._status, durable=False)
        except OSError as exc:
            # a full disk is reported by whatever writes real data; a missed status is no reason to stop
            logger.warning("status not written: %s", exc)


class ControlWatch:
    """What was asked for: by `control.json`, by SIGTERM, or by a limit of the machine."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._path = folder.control_file
        self._seen_ns = 0
        self._control: Control | None = None
        self._terminated = False
        self._failure: WorkbenchError | None = None

    def terminate(self) -> None:
        """SIGTERM came: the same as a request to cancel. Only sets a flag: safe in a signal handler."""
        self._terminated = True

    def fail_with(self, error: WorkbenchError) -> None:
        """Let the next check end the job with an error."""
        self._failure = error

    def requested(self) -> ControlVerb | None:
        """The request that stands, or None.

        Raises:
            WorkbenchError: What `fail_with` was given.
        """
        if self._failure is not None:
            raise self._failure
        if self._terminated:
            return "cancel"
        try:
            changed_ns = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if changed_ns != self._seen_ns:
            self._control = self._folder.read_control()
            self._seen_ns = changed_ns
        return None if self._control is None else self._control.verb


class JobContext:
    """A running job as its function sees it. Methods may be called from any thread of the worker.

    Attributes:
        spec: What to do.
        folder: The job's folder.
        work_dir: Survives a resume: checkpoints and journals go here.
        workspace: Where everything lies.
        artifacts: Where results go.
        resumed: An earlier run of this job was interrupted; look into `work_dir`.
    """

    def __init__(
        self,
        folder: JobFolder,
        *,
        board: StatusBoard,
        watch: ControlWatch,
        workspace: Workspace,
        environ: Mapping[str, str],
        resumed: bool = False,
        clock: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self.spec: JobSpec = folder.read_spec()
        self.folder = folder.root
        self.work_dir = folder.work_dir
        self.work_dir.mkdir(exist_ok=True)
        self.workspace = workspace
        self.artifacts = ArtifactStore(workspace)
        self.resumed = resumed
        self._board = board
        self._watch = watch
        self._environ = environ
        self._clock = clock
        self._steady = steady
        self._eta = EtaMeter()
        self._metrics = JsonlWriter(folder.metrics_file)
        self._events = JsonlWriter(folder.events_file)

    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        """Say how far the job is; call it as often as convenient, few calls reach the disk.

        Args:
            phase: Key of the phase's name.
            done: How many are done, those of earlier runs included.
            total: Out of how many; 0 where the end is not known.
            unit: Key of the unit's name.
        """
        last = self._board.status.progress
        progress = Progress(phase=phase, done=done, total=total, unit=unit)
        eta = self._eta.update(progress, self._steady())
        ends = phase != last.phase or (total > 0 and done >= total)
        self._board.change(now=ends, progress=progress, eta_seconds=eta)

    def metric(self, **values: float | int | str | None) -> None:
        """Append one line to `metrics.jsonl`; `at` (seconds since the epoch) is added."""
        self._metrics.append({**values, "at": self._clock()})

    def event(self, code: str, **params: Param) -> None:
        """Append something worth telling to `events.jsonl`; its sentence is `event.<code>`."""
        self._events.append({"at": self._clock(), "code": code, "params": params})

    @property
    def requested(self) -> ControlVerb | None:
        """What was asked for, without raising: for code that has to save something before it ends."""
        return self._watch.requested()

    def check(self) -> bool:
        """Call at step boundaries: costs some microseconds.

        Returns:
            True where "stop and keep the best" was asked for.

        Raises:
            PauseRequested: End now; the job will be resumed from `work_dir`.
            CancelRequested: End now.
            ResourceError: `memory_low` where the machine is about to run out of memory.
        """
        verb = self._watch.requested()
        if verb == "pause":
            raise PauseRequested
        if verb == "cancel":
            raise CancelRequested
        return verb == "stop"

    def mark_stopped_early(self) -> None:
        """The job ended before its planned end, by request or because it no longer improved."""
        self._board.change(stopped_early=True)

    def server_ready(self, endpoint: str, **note: Any) -> None:
        """A server answers requests now.

        Args:
            endpoint: Base URL.
            **note: Small facts to show, for example `models`.
        """
        self._board.change(ready=True, endpoint=endpoint, note=note)

    def note(self, **facts: Any) -> None:
        """Small facts to show while the job runs; added to those already told."""
        self._board.change(note={**self._board.status.note, **facts})

    def secret(self, name: str) -> str:
        """The value of an environment variable that holds a secret.

        Raises:
            StateError: `secret_missing`; let it pass, and the job waits until the secret is there.
        """
        value = self._environ.get(name)
        if not value:
            raise StateError("secret_missing", name=name)
        return value

    def sync(self) -> None:
        """Wait until the disk holds all metrics and events."""
        self._metrics.sync()
        self._events.sync()

    def close(self) -> None:
        """Close the files; the job's function has returned."""
        self._metrics.close()
        self._events.close()
