"""Which job a page shows: the one a person chose, else the newest that is still going, else the newest."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from pydantic import BaseModel

from workbench.i18n import Lang, t
from workbench.schemas.job import ENDED, JobRecord
from workbench.ui.views.words import say_date

LISTED_RUNS = 30
Choices = list[tuple[str, str]]
"""(what is read, what is sent)."""


def pick_run(jobs: Sequence[JobRecord], chosen: str) -> JobRecord | None:
    """The run on display.

    Args:
        jobs: Newest first.
        chosen: Id that a person picked; empty, or one that was deleted: the page follows what goes on.
    """
    found = next((job for job in jobs if job.spec.id == chosen), None)
    going = next((job for job in jobs if job.status.state not in ENDED), None)
    return found or going or (jobs[0] if jobs else None)


def run_choices(jobs: Sequence[JobRecord], lang: Lang) -> Choices:
    """Runs for a drop-down list; the first entry follows whatever is newest."""
    named = [(_name(job, lang), job.spec.id) for job in jobs[:LISTED_RUNS]]
    return [(t("view.follow_newest", lang), ""), *named]


def _name(job: JobRecord, lang: Lang) -> str:
    state = t(f"job.state.{job.status.state}", lang)
    return t("view.run_choice", lang, title=job.spec.title, state=state, date=say_date(job.spec.created_at))


def make_request_id(token: str, config: BaseModel, jobs: Sequence[JobRecord]) -> str:
    """The id that makes a double click start once.

    The same settings from the same page are the same request until a job of that kind has ended.

    Args:
        token: Of this one page view.
        config: What to do.
        jobs: Jobs of that kind, newest first.
    """
    ended = next((job.spec.id for job in jobs if job.status.state in ENDED), "")
    return sha256(f"{token}\n{ended}\n{config.model_dump_json()}".encode()).hexdigest()[:32]


def keep_choice(jobs: Sequence[JobRecord], chosen: str | None) -> str:
    """The chosen run while it exists, else empty: a list must never hold a value that it does not offer."""
    listed = {job.spec.id for job in jobs[:LISTED_RUNS]}
    return chosen if chosen in listed else ""
