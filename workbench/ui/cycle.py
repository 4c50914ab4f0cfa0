"""A run of a recipe as the start page tells it: steps with their times, the error, the outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from workbench.i18n import Lang, t, translator
from workbench.schemas.job import JobRecord
from workbench.ui.components.job_card import TONES, name_step, say_count, say_error, share_done, title_of
from workbench.ui.headlines import make_headlines
from workbench.ui.wording import say_ago, say_eta, say_seconds

HIDDEN_KINDS = frozenset({"serve"})
"""Servers come and go beneath the steps; a newcomer need not know."""
RESUMABLE = frozenset({"failed", "paused", "cancelled"})

Step = Mapping[str, Any]


def steps_of(job: JobRecord) -> list[Step]:
    """The steps as the running recipe reports them, or as its file lists them before it began."""
    noted = job.status.note.get("steps")
    if isinstance(noted, list) and noted:
        return [cast("Step", step) for step in cast("list[Any]", noted)]
    recipe = cast("Mapping[str, Any]", job.spec.config.get("recipe") or {})
    planned = cast("Sequence[Step]", recipe.get("steps") or ())
    return [{"name": step["name"], "kind": step["kind"], "state": "waiting"} for step in planned]


def _step_row(step: Step, child: JobRecord | None, lang: Lang) -> dict[str, Any]:
    state = str(step.get("state", "waiting"))
    row: dict[str, Any] = {
        "name": name_step(str(step.get("kind", "")), str(step.get("name", "")), lang),
        "state": state,
        "share": None,
        "time": "",
        "detail": "",
    }
    tr = translator(lang)
    if state == "running" and child is not None:
        row["share"] = share_done(child)
        row["time"] = say_eta(child.status.eta_seconds, tr)
        row["detail"] = say_count(child, lang)
    elif state == "succeeded":
        row["time"] = (
            t("start.cached", lang)
            if step.get("cached")
            else say_seconds(float(step.get("seconds") or 0), tr)
        )
    elif state == "skipped":
        row.update(state="succeeded", time=t("start.cached", lang))
    return row


def _find_error(job: JobRecord, children: Sequence[JobRecord], lang: Lang) -> dict[str, str] | None:
    """The failed step's own sentence says more than "a step failed"."""
    if job.status.state != "failed":
        return None
    failed = next((child for child in children if child.status.state == "failed"), None)
    return (say_error(failed, lang) if failed else None) or say_error(job, lang)


def _settled(step: Step, job: JobRecord) -> Step:
    """A step that was running when its recipe ended is shown as the recipe ended."""
    if step.get("state") == "running" and job.status.state in RESUMABLE:
        return {**step, "state": job.status.state}
    return step


def tell_cycle(job: JobRecord, children: Sequence[JobRecord], now: float, lang: Lang) -> dict[str, Any]:
    """The run's JSON for the start page.

    Args:
        job: The recipe job.
        children: The jobs that it submitted, newest first.
        now: Seconds since the epoch.
        lang: The page's language.
    """
    by_id = {child.spec.id: child for child in children}
    state = job.status.state
    shown = [_settled(step, job) for step in steps_of(job) if step.get("kind") not in HIDDEN_KINDS]
    result = job.result or {}
    resumable = job.resumable and state in RESUMABLE
    metrics = cast("Mapping[str, Any]", result.get("metrics") or {})
    active = state in ("queued", "running")
    return {
        "job": job.spec.id,
        "title": title_of(job, lang),
        "state": state,
        "state_text": t(f"job.state.{state}", lang),
        "tone": TONES[state],
        "when": say_ago(job.status.started_at or job.spec.created_at, now, translator(lang)),
        "steps": [_step_row(step, by_id.get(str(step.get("job", ""))), lang) for step in shown],
        "error": _find_error(job, children, lang),
        "resume": t("start.resume", lang) if resumable else "",
        "stay": t("start.stay", lang) if active else "",
        "headlines": make_headlines(metrics, lang) if state == "succeeded" else [],
        "compare": t("start.compare", lang) if state == "succeeded" and metrics else "",
    }
