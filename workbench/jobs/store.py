"""Submitting jobs, reading them and asking things of them: what the faces and the pipeline use."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from workbench.artifacts.files import read_json, write_json_atomic
from workbench.artifacts.hashing import folder_bytes
from workbench.artifacts.store import ArtifactStore, delete_folder
from workbench.errors import InputError, NotFoundError, ResourceError, StateError
from workbench.jobs.dispatcher import Dispatcher, Surroundings, has_ended, pressure
from workbench.jobs.executor import Executor, LocalExecutor
from workbench.jobs.failures import convert_os_error
from workbench.jobs.folder import Control, JobFolder, dump_config, read_last_lines
from workbench.jobs.leases import LeaseHolder, free_bytes, most_bytes
from workbench.jobs.machine import GIB, Memory, read_memory
from workbench.jobs.redaction import missing_secrets
from workbench.jobs.shelf import JobShelf
from workbench.jobs.verdicts import Verdict, dead_status, end_status, verdict_of_dead
from workbench.paths import Workspace
from workbench.schemas.job import ENDED, ControlVerb, JobKind, JobRecord, JobSpec, JobStatus

logger = logging.getLogger(__name__)

# seconds between two times that a reader sees to the queue (a job waits for memory, a worker is gone)
_TEND_EVERY = 2.0
_POLL_SECONDS = 0.2
# inside the class the name `list` means the method
JobRecords = list[JobRecord]


class JobStore:
    """The jobs of a workspace.

    Args:
        workspace: Where they lie.
        executor: Where workers run; this machine by default.
        environ: Environment that workers inherit, and where secrets are looked up; this process's by default.
        memory: Reads the machine's memory.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        executor: Executor | None = None,
        environ: Mapping[str, str] | None = None,
        memory: Callable[[], Memory] = read_memory,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._workspace = workspace
        self._executor: Executor = executor or LocalExecutor()
        self._environ = os.environ if environ is None else environ
        self._memory = memory
        self._clock = clock
        self._shelf = JobShelf(workspace)
        around = Surroundings(self._executor, self._environ, memory, clock)
        self._dispatcher = Dispatcher(workspace, around, self._shelf)
        self._tended_at = 0.0
        self._ended: dict[str, JobRecord] = {}
        """Records whose status has not been replaced since they were read."""

    # ---- asking

    def submit(
        self,
        kind: JobKind,
        title: str,
        config: BaseModel,
        *,
        request_id: str = "",
        memory_bytes: int = 0,
        secret_names: Sequence[str] = (),
        parent: str = "",
    ) -> JobRecord:
        """Put a job into the queue and start what can be started.

        Args:
            kind: What it does.
            title: What people read in the list.
            config: The kind's own settings; paths in it are absolute and secrets are not in it.
            request_id: Of the click or call; a second submission with the same id returns the same job.
            memory_bytes: Set aside while the job runs; it waits until so much is free.
            secret_names: Environment variables that the worker needs.
            parent: The recipe job that submits this one.

        Raises:
            ResourceError: `memory_never_fits` where this machine is too small for it; `disk_full` or
                `workspace_unwritable` where it cannot be written down.
        """
        most = most_bytes(self._memory())
        if memory_bytes > most:
            need, limit = round(memory_bytes / GIB, 1), round(most / GIB, 1)
            raise ResourceError("memory_never_fits", need_gib=need, limit_gib=limit)
        with self._dispatcher.locked():
            known = self._find_request(request_id)
            if known is not None:
                return self._record(known)
            now = self._clock()
            spec = JobSpec(
                id=_new_id(kind, now),
                kind=kind,
                title=title,
                config=dump_config(config),
                created_at=now,
                request_id=request_id,
                memory_bytes=memory_bytes,
                secret_names=tuple(secret_names),
                parent=parent,
            )
            try:
                self._create(spec)
            except OSError as exc:
                raise convert_os_error(exc, self._workspace.root) from exc
            self._dispatcher.run_locked()
        return self.get(spec.id)

    def control(self, job_id: str, verb: ControlVerb) -> JobRecord:
        """Ask a job to pause, to stop and keep the best, or to cancel.

        A running worker obeys at its next step; a job that waits or is paused is changed at once. To stop one
        of those runs it once more, to make a result of what it saved; without saved work it is cancelled.

        Raises:
            NotFoundError: `job_missing`.
            StateError: `job_ended`.
        """
        folder = JobFolder.of(self._workspace, job_id)
        with self._dispatcher.locked():
            record = self._record(folder)
            if record.status.state in ENDED:
                raise StateError("job_ended", title=record.spec.title)
            started = self._dispatcher.ledger().holder(job_id) is not None
            if record.status.state == "running" or (record.status.state == "queued" and started):
                folder.write_control(Control(verb=verb, at=self._clock()))
            else:
                self._settle(folder, record, verb)
            self._dispatcher.run_locked()
        return self.get(job_id)

    def resume(self, job_id: str) -> JobRecord:
        """Put a paused, failed or cancelled job back into the queue; it goes on from what its folder holds.

        Where a secret that it needs is not in the environment it stays paused and waits for it.

        Raises:
            NotFoundError: `job_missing`.
            StateError: `job_not_resumable`.
        """
        folder = JobFolder.of(self._workspace, job_id)
        with self._dispatcher.locked():
            self._dispatcher.run_locked()  # one that died a moment ago is written off first
            record = self._record(folder)
            if not record.resumable:
                raise StateError("job_not_resumable", title=record.spec.title)
            folder.control_file.unlink(missing_ok=True)
            folder.error_file.unlink(missing_ok=True)
            folder.write_status(self._first_status(record.spec))
            self._dispatcher.run_locked()
        return self.get(job_id)

    def delete(self, job_id: str) -> int:
        """Delete the folder of a job that has ended, with its logs and checkpoints; what it made stays.

        Returns:
            The bytes freed.

        Raises:
            NotFoundError: `job_missing`.
            StateError: `job_still_active`.
        """
        folder = JobFolder.of(self._workspace, job_id)
        with self._dispatcher.locked():
            record = self._record(folder)
            if not has_ended(record.status):
                raise StateError("job_still_active", title=record.spec.title)
            self._shelf.forget(job_id)
            self._ended.pop(job_id, None)
            return delete_folder(folder.root)

    def delete_artifact(self, artifact_id: str) -> int:
        """Delete an artifact that neither another artifact nor an unfinished job needs.

        Returns:
            The bytes freed.

        Raises:
            NotFoundError: `artifact_missing`.
            StateError: `artifact_in_use`, or `artifact_used_by_job`, naming what needs it.
        """
        artifacts = ArtifactStore(self._workspace)
        with self._dispatcher.locked():
            # an artifact is named in a configuration by its id or by a path, and its folder's name is its id
            users = [record for record in self._unfinished() if artifact_id in json.dumps(record.spec.config)]
            if users:
                names = ", ".join(record.spec.title for record in users)
                raise StateError("artifact_used_by_job", id=artifact_id, names=names)
            return artifacts.delete(artifact_id)

    def _unfinished(self) -> JobRecords:
        folders = self._shelf.folders()
        unfinished = [folder for folder in folders if not _is_over(self._shelf.status(folder))]
        return [self._record(folder) for folder in unfinished]

    def dispatch(self) -> None:
        """Clear away what died and start what can be started; every face calls this when it starts."""
        self._dispatcher.run()

    # ---- reading

    def get(self, job_id: str) -> JobRecord:
        """A job as it really is.

        Raises:
            NotFoundError: `job_missing`.
            InputError: `job_unreadable`.
        """
        record = self._record(JobFolder.of(self._workspace, job_id))
        self._tend([record])
        return record

    def list(
        self, *, kind: JobKind | None = None, parent: str | None = None, limit: int | None = None
    ) -> JobRecords:
        """Jobs, newest first.

        Args:
            kind: Only of this kind.
            parent: Only those that this recipe submitted; "" for those that no recipe submitted.
            limit: At most so many.
        """
        specs: dict[str, JobSpec] = {}
        folders: list[JobFolder] = []
        for folder in self._shelf.folders():
            try:
                spec = self._shelf.spec(folder)
            except (InputError, NotFoundError) as exc:
                logger.warning("job left out of the list: %s", exc)
                continue
            if kind in (None, spec.kind) and parent in (None, spec.parent):
                specs[folder.id] = spec
                folders.append(folder)
        folders.sort(key=lambda item: (specs[item.id].created_at, item.id), reverse=True)
        records = [self._record(folder) for folder in folders[:limit]]
        self._tend(records)
        return records

    def wait(self, job_id: str, timeout: float | None = None) -> JobRecord:
        """Wait until a job has ended or is paused.

        Args:
            job_id: The job.
            timeout: Seconds after which to return the job as it is then; None waits for ever.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            record = self.get(job_id)
            if has_ended(record.status) or (until is not None and time.monotonic() >= until):
                return record
            time.sleep(_POLL_SECONDS)

    def log_lines(self, job_id: str, count: int = 200) -> list[str]:
        """The last lines of a job's log, oldest first."""
        return read_last_lines(JobFolder.of(self._workspace, job_id).log_file, count, 65536 + 256 * count)

    def disk_bytes(self, job_id: str) -> int:
        """Bytes that a job's folder takes on disk."""
        return folder_bytes(JobFolder.of(self._workspace, job_id).root)

    def memory_holders(self) -> list[LeaseHolder]:
        """Started jobs that have memory set aside."""
        return [holder for holder in self._dispatcher.ledger().holders if holder.bytes]

    def free_memory(self) -> int:
        """Bytes that a further job could set aside now."""
        return free_bytes(self._dispatcher.ledger(), self._memory())

    # ---- inside

    def _record(self, folder: JobFolder) -> JobRecord:
        written = self._shelf.status(folder)
        known = self._ended.get(folder.id)
        if known is not None and known.status is written:
            return known
        real = self._real_status(folder, written)
        record = JobRecord(
            spec=self._shelf.spec(folder),
            status=real.status,
            error=real.error,
            result=folder.read_result() if real.status.state == "succeeded" else None,
            folder=str(folder.root),
            resumable=_is_resumable(folder, real.status),
        )
        if record.status.state in ENDED and record.status is written:
            self._ended[folder.id] = record
        return record

    def _real_status(self, folder: JobFolder, written: JobStatus | None) -> Verdict:
        """The status as it is, which differs from what is written where the worker is gone."""
        if self._is_dead(written):
            written = folder.read_status()  # it may have ended properly since we looked
            if self._is_dead(written):
                now = self._clock()
                return verdict_of_dead(folder, written or dead_status(now), now)
        status = written or dead_status(self._clock())
        return Verdict(status, folder.read_error() if status.state == "failed" else None)

    def _is_dead(self, status: JobStatus | None) -> bool:
        if status is None:
            return True
        return status.state == "running" and not self._executor.alive(status.pid, status.pid_started_at)

    def _tend(self, records: Sequence[JobRecord]) -> None:
        """See to the queue where a reader finds something due, without waiting for the lock."""
        now = self._clock()
        if abs(now - self._tended_at) < _TEND_EVERY or not any(self._is_due(record) for record in records):
            return
        self._tended_at = now
        self._dispatcher.run(wait=False)

    def _is_due(self, record: JobRecord) -> bool:
        folder = JobFolder(Path(record.folder))
        written = self._shelf.status(folder)
        if written is None or written.state != record.status.state:
            return True  # its worker is gone, and that is not written down yet
        if written.state == "running":
            return pressure(folder.read_control(), self._clock()) is not None
        return written.state == "queued"

    def _find_request(self, request_id: str) -> JobFolder | None:
        if not request_id:
            return None
        try:
            job_id = read_json(self._request_file(request_id))["job"]
            return JobFolder.of(self._workspace, job_id)
        except (FileNotFoundError, InputError, NotFoundError):
            return None

    def _request_file(self, request_id: str) -> Path:
        name = hashlib.sha256(request_id.encode()).hexdigest()[:32]
        return self._workspace.locks / "requests" / f"{name}.json"

    def _create(self, spec: JobSpec) -> None:
        if spec.request_id:
            # before the job itself: if we die in between, the id leads nowhere and the next click starts anew
            note = self._request_file(spec.request_id)
            note.parent.mkdir(exist_ok=True)
            write_json_atomic(note, {"job": spec.id})
        draft = JobFolder(self._workspace.jobs / f".draft-{os.getpid()}-{spec.id}")
        draft.work_dir.mkdir(parents=True)
        write_json_atomic(draft.spec_file, spec)
        draft.write_status(self._first_status(spec))
        draft.root.rename(self._workspace.jobs / spec.id)

    def _first_status(self, spec: JobSpec) -> JobStatus:
        missing = missing_secrets(self._environ, spec.secret_names)
        if not missing:
            return JobStatus(state="queued", updated_at=self._clock())
        note = {"missing_secrets": missing}
        return JobStatus(state="paused", updated_at=self._clock(), waiting_for="secret", note=note)

    def _settle(self, folder: JobFolder, record: JobRecord, verb: ControlVerb) -> None:
        """Do what is asked of a job that no worker has."""
        now = self._clock()
        if verb == "stop" and folder.has_work():
            folder.write_control(Control(verb="stop", at=now))
            folder.write_status(self._first_status(record.spec))
        elif verb == "pause":
            paused = end_status(record.status, "paused", now)
            folder.write_status(paused.model_copy(update={"waiting_for": "user"}))
        else:
            folder.write_status(end_status(record.status, "cancelled", now))


def _is_over(status: JobStatus | None) -> bool:
    return status is None or status.state in ENDED


def _is_resumable(folder: JobFolder, status: JobStatus) -> bool:
    return status.state in ("paused", "failed") or (status.state == "cancelled" and folder.has_work())


def _new_id(kind: JobKind, now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{kind.replace('_', '-')}-{secrets.token_hex(3)}"
