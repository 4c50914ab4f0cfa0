"""Watching a job from the command line: one line per change, then its end."""

from __future__ import annotations

import time

from workbench.cli.context import CliContext
from workbench.errors import WorkbenchError
from workbench.i18n import has_key, render_error
from workbench.jobs import JobStore
from workbench.schemas.job import ENDED, JobErrorRecord, JobRecord

SHORTEST_POLL, LONGEST_POLL = 0.01, 0.5
POLL_SHARE = 0.02
"""Of the time that a job has taken: what ends at once is seen at once, and what takes hours is not looked at in vain."""


def follow(context: CliContext, jobs: JobStore, job_id: str) -> JobRecord:
    """Wait for a job's end, telling each new phase and each new step of a recipe.

    Raises:
        WorkbenchError: The job failed; the error is the job's own.
    """
    said: set[str] = set()
    started = time.monotonic()
    while True:
        record = jobs.get(job_id)
        for line in _news(context, record):
            if line not in said:
                said.add(line)
                context.out.line(line)
        if record.status.state in ENDED or record.status.state == "paused":
            break
        passed = time.monotonic() - started
        time.sleep(min(LONGEST_POLL, max(SHORTEST_POLL, POLL_SHARE * passed)))
        jobs.dispatch()
    if record.status.state == "failed" and record.error is not None:
        _tell_cause(context, jobs, record.error)
        raise WorkbenchError(record.error.code, **record.error.params)
    return record


def _tell_cause(context: CliContext, jobs: JobStore, error: JobErrorRecord) -> None:
    """A recipe fails with its step's name; the sentence that helps is the step's own."""
    if error.code != "recipe_step_failed":
        return
    cause = jobs.get(str(error.params["job"])).error
    if cause is not None:
        context.out.line(render_error(WorkbenchError(cause.code, **cause.params), context.lang).text)


def _news(context: CliContext, record: JobRecord) -> list[str]:
    if record.spec.kind != "recipe":
        phase = record.status.progress.phase
        known = phase and has_key(f"phase.{phase}")
        return [f"{record.spec.title}: {context.out.text(f'phase.{phase}')}"] if known else []
    lines: list[str] = []
    for step in record.status.note.get("steps", []):
        if step["state"] == "waiting":
            continue
        key = "cli.step.cached" if step["cached"] else f"cli.step.{step['state']}"
        lines.append(context.out.text(key, name=step["name"], seconds=f"{step['seconds']:.1f}"))
    return lines


def public_record(record: JobRecord) -> dict[str, object]:
    """A job as `--json` shows it."""
    status = record.status
    return {
        "id": record.spec.id,
        "kind": record.spec.kind,
        "title": record.spec.title,
        "state": status.state,
        "folder": record.folder,
        "created_at": record.spec.created_at,
        "started_at": status.started_at,
        "ended_at": status.ended_at,
        "progress": status.progress.model_dump(),
        "eta_seconds": status.eta_seconds,
        "stopped_early": status.stopped_early,
        "resumable": record.resumable,
        "endpoint": status.endpoint,
        "error": record.error.model_dump(exclude={"traceback"}) if record.error else None,
        "result": record.result,
    }
