"""The job `generate_raft`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactDraft, ref_path
from workbench.errors import EndpointError
from workbench.generation.raft import Progress, build_raft
from workbench.generation.report import RaftReport
from workbench.jobs import JobContext, PauseRequested
from workbench.schemas.base import parse
from workbench.schemas.generation import RaftConfig

__all__ = ["build_raft", "run"]

logger = logging.getLogger(__name__)

LISTED_IN_RESULT = 1000
"""Listed rows in the job's result; all of them are in the data set's manifest."""
# what passes by itself or when somebody starts the server again: the job waits instead of failing
_PASSING = frozenset({"endpoint_unstable", "endpoint_rate_limited"})


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Build the data set as an artifact.

    Raises:
        InputError: The file cannot be used.
        EndpointError: The teacher refuses; resuming goes on after the last finished call.
        PauseRequested: A person asked for it, or the teacher does not answer for now.
    """
    settings = parse(RaftConfig, config)
    environ = _read_key(settings, job)
    draft = job.artifacts.begin("dataset", Path(settings.source.path).stem, job_id=job.spec.id)
    try:
        report = build_raft(
            settings,
            draft.folder,
            progress=_tell(job),
            should_stop=job.check,
            journal=job.work_dir / "journal.jsonl",
            environ=environ,
        )
        return _finish(settings, report, draft, job)
    except EndpointError as exc:
        if exc.code not in _PASSING:
            raise
        logger.warning("the teacher does not answer for now: %s", exc)
        job.event("raft_teacher_waits", endpoint=settings.endpoint.name if settings.endpoint else "-")
        raise PauseRequested from exc
    finally:
        # after commit the folder has another name, and nothing is left to discard
        draft.discard()


def _read_key(settings: RaftConfig, job: JobContext) -> Mapping[str, str]:
    name = settings.endpoint.api_key_env if settings.endpoint and settings.teacher == "endpoint" else ""
    return {name: job.secret(name)} if name else {}


def _tell(job: JobContext) -> Progress:
    def tell(phase: str, done: int, total: int) -> None:
        job.progress(phase, done, total, "rows")

    return tell


def _finish(
    settings: RaftConfig, report: RaftReport, draft: ArtifactDraft, job: JobContext
) -> dict[str, Any]:
    numbers = {"rows": float(report.kept_total), "train": float(report.kept["train"])}
    for name in ("difficulty", "refusal_share"):
        value = getattr(report, name)
        if value is not None:
            numbers[name] = float(value)
    artifact = draft.commit(
        inputs=[ref_path(Path(settings.source.path))],
        license=settings.source.license,
        numbers=numbers,
        details={
            "splits": {**report.kept, "valid": report.valid},
            "teacher": report.teacher,
            "seed": report.seed,
        },
    )
    if report.stopped_early:
        job.mark_stopped_early()
    if report.listed:
        job.event("raft_listed", count=len(report.listed))
    folder = job.artifacts.folder(artifact.id)
    return {
        "artifact": artifact.id,
        "files": {name: str(folder / Path(path).name) for name, path in report.files.items()},
        "requested": report.requested_total,
        "kept": report.kept_total,
        "listed": [entry.model_dump(mode="json") for entry in report.listed[:LISTED_IN_RESULT]],
        "listed_count": len(report.listed),
        "requested_sizes": report.requested,
        "kept_sizes": report.kept,
        "valid": report.valid,
        "difficulty": report.difficulty,
        "nearest_ratio": report.nearest_ratio,
        "refusal_share": report.refusal_share,
        "teacher": report.teacher,
    }
