"""What became of a job whose worker is gone. Readers show it, and the next dispatcher writes it down."""

from __future__ import annotations

from typing import NamedTuple

from workbench.jobs.failures import names_full_disk
from workbench.jobs.folder import JobFolder, read_last_lines
from workbench.schemas.job import JobErrorRecord, JobState, JobStatus

_LOG_LINE_LENGTH = 300


class Verdict(NamedTuple):
    """The status that the job really has, and the reason where it failed."""

    status: JobStatus
    error: JobErrorRecord | None


def verdict_of_dead(folder: JobFolder, status: JobStatus, now: float) -> Verdict:
    """The end of a job whose status says queued or running while its worker is gone.

    The result is written last, so where it exists the job succeeded. Where a cancellation was asked for, the
    end of the worker is what was wanted.
    """
    if folder.result_file.is_file():
        return Verdict(end_status(status, "succeeded", now), None)
    control = folder.read_control()
    if control is not None and control.verb == "cancel":
        return Verdict(end_status(status, "cancelled", now), None)
    written = folder.read_error()
    if written is not None and written.at >= status.started_at > 0:
        return Verdict(end_status(status, "failed", now), written)
    return Verdict(end_status(status, "failed", now), died_error(folder, now))


def end_status(status: JobStatus, state: JobState, now: float) -> JobStatus:
    """The status of a job that no longer runs."""
    changes = {"state": state, "updated_at": now, "ended_at": now, "eta_seconds": None}
    if state == "paused":
        changes["ended_at"] = 0.0
    return status.model_copy(update={**changes, "ready": False, "endpoint": "", "waiting_for": ""})


def dead_status(now: float, status: JobStatus | None = None) -> JobStatus:
    """The status `failed`, also where none can be read any more."""
    return end_status(status or JobStatus(state="failed", updated_at=now), "failed", now)


def died_error(folder: JobFolder, now: float) -> JobErrorRecord:
    """The reason `worker_died` with the last thing the worker said, or `disk_full` where it said that."""
    said = " / ".join(read_last_lines(folder.log_file, 3))[-_LOG_LINE_LENGTH:]
    if names_full_disk(said):
        return JobErrorRecord(code="disk_full", params={"path": str(folder.root)}, at=now)
    return JobErrorRecord(code="worker_died", params={"id": folder.id, "log": said or "-"}, at=now)


def not_started_error(cause: OSError, now: float) -> JobErrorRecord:
    """The reason `worker_not_started`, with what the system said."""
    return JobErrorRecord(code="worker_not_started", params={"reason": cause.strerror or str(cause)}, at=now)
