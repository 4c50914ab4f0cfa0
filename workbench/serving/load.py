"""The job that finds out how much an endpoint bears; each level becomes a line of its chart."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from workbench.artifacts import write_json_atomic
from workbench.inference.load_probe import probe_load
from workbench.jobs import JobContext
from workbench.schemas.base import parse
from workbench.schemas.probing import LoadLevel, LoadProbeConfig

REPORT_FILE = "load.json"


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Ask with more and more requests at the same time until the budget is used up or more brings no more.

    Returns:
        The report, as `schemas.probing.LoadReport`.

    Raises:
        EndpointError: The endpoint does not answer at all.
    """
    settings = parse(LoadProbeConfig, config)
    levels = sorted(set(settings.levels))
    job.progress("load_probing", 0, len(levels), "levels")
    done: list[LoadLevel] = []

    def show(level: LoadLevel) -> None:
        done.append(level)
        values = level.model_dump(mode="json")
        job.metric(**{name: value for name, value in values.items() if not isinstance(value, bool)})
        job.progress("load_probing", len(done), len(levels), "levels")

    report = asyncio.run(probe_load(settings, environ=os.environ, on_level=show, should_stop=job.check))
    if report.ended != "done":
        job.mark_stopped_early()
    write_json_atomic(job.folder / REPORT_FILE, report)
    return report.model_dump(mode="json")
