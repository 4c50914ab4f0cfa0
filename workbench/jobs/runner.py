"""Runs one job folder from claim to end, inside the worker process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from workbench.artifacts.files import write_json_atomic
from workbench.errors import ResourceError
from workbench.jobs.afterwards import look_again_later
from workbench.jobs.context import ControlWatch, JobContext, PauseRequested, StatusBoard
from workbench.jobs.dispatcher import Dispatcher, Surroundings, workspace_of
from workbench.jobs.executor import Executor, LocalExecutor
from workbench.jobs.failures import convert_failure, find_interrupt
from workbench.jobs.folder import JobFolder
from workbench.jobs.leases import LeaseHolder, reserve_bytes
from workbench.jobs.machine import read_memory
from workbench.jobs.processes import process_started_at, resident_bytes
from workbench.jobs.redaction import RedactingFilter, RedactingStream, Redactor
from workbench.jobs.verdicts import end_status
from workbench.paths import Workspace
from workbench.schemas.job import JobErrorRecord, JobKind, JobSpec, JobState, JobStatus

logger = logging.getLogger(__name__)

JobFunction = Callable[[dict[str, Any], JobContext], dict[str, Any]]

HEARTBEAT_SECONDS = 2.0
_BALLAST_BYTES = 64 * 1024


class Ending(NamedTuple):
    """How a run ended."""

    state: JobState
    result: dict[str, Any] | None = None
    error: JobErrorRecord | None = None
    waiting_for: str = ""
    missing_secret: str = ""


def run_job(
    folder: Path, functions: Mapping[JobKind, JobFunction], *, executor: Executor | None = None
) -> int:
    """Run the job of a folder in this process, which is its worker.

    Args:
        folder: The job's folder; its state must be `queued`.
        functions: What does the work of each kind.
        executor: Starts the jobs that wait for this one to end; by default as this one was started.

    Returns:
        Exit code: 0 where the job did what it was asked, also to pause or to cancel; 1 otherwise.
    """
    # taken before the job's function can change it: it is handed on to the workers of jobs that wait
    environ = dict(os.environ)
    job = JobFolder(folder.resolve())
    spec = job.read_spec()
    redactor = Redactor(environ, spec.secret_names)
    watch = ControlWatch(job)
    with _termination(watch), _redacted_output(redactor):
        around = Surroundings(executor or LocalExecutor(), environ, read_memory, time.time)
        run = Run(job, spec, functions, around=around, watch=watch, redactor=redactor)
        ending = run.run()
        if run.memory_awaited and executor is None:
            look_again_later(run.workspace, environ)
    return 1 if ending is None or ending.state == "failed" else 0


@contextmanager
def _termination(watch: ControlWatch) -> Generator[None]:
    """Take SIGTERM as a request to cancel."""
    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: watch.terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _redacted_output(redactor: Redactor) -> Generator[None]:
    """Log to standard error, which is the job's log, and mask secrets in all that is written there."""
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter(redactor))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    out, err = sys.stdout, sys.stderr
    sys.stdout = cast("TextIO", RedactingStream(out, redactor))
    sys.stderr = cast("TextIO", RedactingStream(err, redactor))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        root.removeHandler(handler)
        root.setLevel(level)


class Run:
    """One run of a job: claim, work, end. A resumed job is run again by another one of these.

    Args:
        folder: The job's folder.
        spec: Its specification.
        functions: What does the work of each kind.
        around: The machine, its clock, and the environment with the job's secrets.
        watch: Where requests to stop arrive.
        redactor: Masks secrets in what is written down of an error.
    """

    def __init__(
        self,
        folder: JobFolder,
        spec: JobSpec,
        functions: Mapping[JobKind, JobFunction],
        *,
        around: Surroundings,
        watch: ControlWatch,
        redactor: Redactor,
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._functions = functions
        self._environ = around.environ
        self._memory = around.memory
        self._clock = around.clock
        self._watch = watch
        self._redactor = redactor
        self.workspace: Workspace = workspace_of(folder.root)
        self.memory_awaited = False
        """A job in the queue waits for memory that this process still holds."""
        self._dispatcher = Dispatcher(self.workspace, around)

    def run(self) -> Ending | None:
        """Claim the job, do the work, write down how it ended, and see to the queue.

        Returns:
            How it ended, or None where the job was not ours to run.
        """
        status = self._claim()
        if status is None:
            return None
        board = StatusBoard(self._folder, status, self._clock, time.monotonic)
        ending = Ending("failed")
        try:
            ending = self._work(board)
            self._write_end(board, ending)
        finally:
            waits = self._dispatcher.leave(self._folder.id, resident_bytes(os.getpid()))
            self.memory_awaited = waits and self._spec.memory_bytes > 0
        return ending

    # ---- claim

    def _claim(self) -> JobStatus | None:
        """Take the job under the lock, so that of two workers only one does it; None where it is not ours."""
        with self._dispatcher.locked():
            status = self._folder.read_status()
            if status is None or status.state != "queued":
                state = "unreadable" if status is None else status.state
                logger.warning("job %s is %s, not queued: nothing to do", self._folder.id, state)
                return None
            now = self._clock()
            claimed = self._claimed_status(now)
            self._dispatcher.enter(
                LeaseHolder(
                    job_id=self._folder.id,
                    bytes=self._spec.memory_bytes,
                    pid=claimed.pid,
                    pid_started_at=claimed.pid_started_at,
                    since=now,
                )
            )
            self._folder.write_status(claimed)
        for leftover in self._folder.root.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        return claimed

    def _claimed_status(self, now: float) -> JobStatus:
        return JobStatus(
            state="running",
            updated_at=now,
            pid=os.getpid(),
            pid_started_at=process_started_at(os.getpid()),
            heartbeat=now,
            started_at=now,
        )

    # ---- work

    def _work(self, board: StatusBoard) -> Ending:
        with suppress(OSError):
            self._folder.ballast_file.write_bytes(b"\0" * _BALLAST_BYTES)
        try:
            return self._call(board)
        except Exception as exc:  # noqa: BLE001 - the one place where every fault of a job becomes a sentence
            return self._failure(exc)

    def _call(self, board: StatusBoard) -> Ending:
        resumed = self._folder.has_work() or self._folder.metrics_file.exists()
        context = JobContext(
            self._folder,
            board=board,
            watch=self._watch,
            workspace=self.workspace,
            environ=self._environ,
            resumed=resumed,
            clock=self._clock,
            steady=time.monotonic,
        )
        context.event("job_resumed" if resumed else "job_started")
        try:
            with self._heartbeat(board, context):
                context.check()  # cancelled between its start and now
                result = self._functions[self._spec.kind](dict(self._spec.config), context)
        finally:
            with suppress(OSError):
                context.sync()
            context.close()
        return Ending("succeeded", result=result)

    def _failure(self, exc: Exception) -> Ending:
        interrupt = find_interrupt(exc)
        if interrupt is not None:
            paused = isinstance(interrupt, PauseRequested)
            return Ending("paused", waiting_for="user") if paused else Ending("cancelled")
        error = convert_failure(exc, self.workspace.root)
        if error.code == "secret_missing":
            return Ending("paused", waiting_for="secret", missing_secret=str(error.params["name"]))
        logger.error("job %s failed: %s", self._folder.id, error, exc_info=exc)
        text = "".join(traceback.format_exception(exc))
        params = {
            name: self._redactor.mask(value) if isinstance(value, str) else value
            for name, value in error.params.items()
        }
        record = JobErrorRecord(
            code=error.code, params=params, traceback=self._redactor.mask(text), at=self._clock()
        )
        return Ending("failed", error=record)

    @contextmanager
    def _heartbeat(self, board: StatusBoard, context: JobContext) -> Generator[None]:
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                board.beat()
                with suppress(OSError):
                    context.sync()
                self._guard_memory()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _guard_memory(self) -> None:
        """End a job that holds a lease before the machine freezes: GPU and CPU may share its memory."""
        memory = self._memory()
        if self._spec.memory_bytes and memory.available < reserve_bytes(memory.total) // 4:
            mib = memory.available >> 20
            self._watch.fail_with(ResourceError("memory_low", available_mib=mib))

    # ---- end

    def _write_end(self, board: StatusBoard, ending: Ending) -> None:
        self._folder.ballast_file.unlink(missing_ok=True)
        if ending.error is not None:
            self._folder.write_error(ending.error)
        if ending.result is not None:
            write_json_atomic(self._folder.result_file, ending.result)
        status = end_status(board.status, ending.state, self._clock())
        changes: dict[str, Any] = {"waiting_for": ending.waiting_for}
        if ending.missing_secret:
            changes["note"] = {"missing_secrets": [ending.missing_secret]}
        board.finish(status.model_copy(update=changes))
        logger.info("job %s is %s", self._folder.id, ending.state)
