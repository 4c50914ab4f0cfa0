"""Waiting for jobs whose containers take their time."""

from __future__ import annotations

import time
from collections.abc import Callable

from workbench.jobs import JobStore
from workbench.schemas.job import JobRecord

SECONDS = 120.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def until_ready(jobs: JobStore, record: JobRecord) -> JobRecord:
    def ready() -> bool:
        now = jobs.get(record.spec.id)
        assert now.status.state in ("queued", "running"), (now.error, jobs.log_lines(record.spec.id))
        return now.status.ready

    wait_for(ready, "the server did not become ready")
    return jobs.get(record.spec.id)
