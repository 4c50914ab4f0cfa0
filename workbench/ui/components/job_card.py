"""Jobs as cards: what runs, how far it is, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, has_key, render_error, t, translator
from workbench.schemas.job import ENDED, JobRecord, JobState
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext
from workbench.ui.wording import say_ago, say_bytes, say_eta, say_number, say_seconds

LABELS = ("empty", "confirm", "log", "disk")
TONES: dict[JobState, str] = {
    "queued": "plain",
    "running": "run",
    "paused": "warn",
    "succeeded": "good",
    "failed": "bad",
    "cancelled": "plain",
}
PAUSABLE = frozenset({"generate_raft", "train", "download", "evaluate", "recipe"})
STOPPABLE = frozenset({"train", "serve", "evaluate"})


def actions_for(job: JobRecord) -> list[str]:
    """The verbs that make sense for a job in its state, in the order of their buttons."""
    state, kind = job.status.state, job.spec.kind
    if state == "queued":
        return ["cancel"]
    if state == "running":
        verbs = ["pause"] if kind in PAUSABLE else []
        return [*verbs, *(["stop"] if kind in STOPPABLE else []), "cancel"]
    if state == "paused":
        return ["resume", "cancel"]
    return ["resume", "delete"] if job.resumable and state != "succeeded" else ["delete"]


def name_step(kind: str, name: str, lang: Lang) -> str:
    """What a step of a recipe does, in words; a kind without words keeps the step's own name."""
    for key in (f"start.step.{kind}_{name}", f"start.step.{kind}"):
        if has_key(key, lang):
            return t(key, lang)
    return name


def title_of(job: JobRecord, lang: Lang) -> str:
    """A job's title in the page's language, whatever language it was submitted in."""
    if job.spec.parent:
        return name_step(job.spec.kind, job.spec.title, lang)
    recipe = cast("Mapping[str, Any]", job.spec.config.get("recipe") or {})
    titles = cast("Mapping[str, str]", recipe.get("title") or {})
    return titles.get(lang) or job.spec.title


def say_count(job: JobRecord, lang: Lang) -> str:
    """`112 / 138 ステップ`; empty where no end is known."""
    progress = job.status.progress
    if not progress.total:
        return ""
    if progress.unit == "bytes":
        return f"{say_bytes(progress.done)} / {say_bytes(progress.total)}"
    values = (progress.done, progress.total)
    done, total = (say_number(value, 0 if float(value).is_integer() else 1) for value in values)
    unit_key = f"unit.{progress.unit}"
    unit = t(unit_key, lang) if has_key(unit_key, lang) else ""
    return f"{done} / {total} {unit}".strip()


def say_progress(job: JobRecord, lang: Lang) -> str:
    """`学習しています 112 / 138 ステップ`, or the phase alone where no end is known."""
    phase = job.status.progress.phase
    key = f"phase.{phase}"
    named = t(key, lang) if has_key(key, lang) else phase
    return f"{named} {say_count(job, lang)}".strip()


def say_error(job: JobRecord, lang: Lang) -> dict[str, str] | None:
    """Why a job failed and what to do, in the reader's language; None where it did not fail."""
    if job.error is None or job.status.state != "failed":
        return None
    rendered = render_error(WorkbenchError(job.error.code, **job.error.params), lang)
    return {"message": rendered.message, "hint": rendered.hint}


def share_done(job: JobRecord) -> float | None:
    """Share of the work done from 0 to 1, None where it is not known."""
    progress = job.status.progress
    if job.status.state == "succeeded":
        return 1.0
    return min(1.0, progress.done / progress.total) if progress.total else None


def _when(job: JobRecord, now: float, lang: Lang) -> str:
    status, tr = job.status, translator(lang)
    if status.state == "running" and status.started_at:
        return t("job.since", lang, time=say_seconds(now - status.started_at, tr))
    if status.state in ENDED and status.ended_at:
        ago = say_ago(status.ended_at, now, tr)
        if status.started_at:
            return t("job.ended", lang, ago=ago, time=say_seconds(status.ended_at - status.started_at, tr))
        return ago
    return say_ago(job.spec.created_at, now, tr)


def _state_text(job: JobRecord, lang: Lang) -> str:
    status = job.status
    if status.state == "running" and job.spec.kind == "serve" and status.ready:
        return t("job.state.ready", lang)
    if status.state in ("queued", "paused") and status.waiting_for:
        key = f"job.waiting.{status.waiting_for}"
        return t(key, lang) if has_key(key, lang) else t(f"job.state.{status.state}", lang)
    if status.state == "succeeded" and status.stopped_early:
        return t("job.state.stopped_early", lang)
    return t(f"job.state.{status.state}", lang)


def _button(verb: str, kind: str, lang: Lang) -> dict[str, Any]:
    own = f"job.action.{verb}.{kind}"
    key = own if has_key(own, lang) else f"job.action.{verb}"
    return {
        "verb": verb,
        "label": t(key, lang),
        "hint": t(f"{key}.hint", lang),
        "careful": verb in ("cancel", "delete"),
    }


def job_row(job: JobRecord, now: float, lang: Lang, *, disk_bytes: int | None = None) -> dict[str, Any]:
    """One card's JSON.

    Args:
        job: The record.
        now: Seconds since the epoch.
        lang: The page's language.
        disk_bytes: Size of the job's folder, None where it was not measured.
    """
    running = job.status.state == "running"
    return {
        "id": job.spec.id,
        "kind": t(f"job.kind.{job.spec.kind}", lang),
        "title": title_of(job, lang),
        "state": job.status.state,
        "state_text": _state_text(job, lang),
        "tone": TONES[job.status.state],
        "progress": say_progress(job, lang) if job.status.state not in ENDED else "",
        "share": share_done(job) if job.status.state not in ENDED else None,
        "busy": running and job.spec.kind != "serve",
        "eta": say_eta(job.status.eta_seconds, translator(lang)) if running else "",
        "when": _when(job, now, lang),
        "error": say_error(job, lang),
        "endpoint": job.status.endpoint if running else "",
        "disk": "" if disk_bytes is None else say_bytes(disk_bytes),
        "child": bool(job.spec.parent),
        "actions": [_button(verb, job.spec.kind, lang) for verb in actions_for(job)],
    }


def jobs_payload(rows: Sequence[dict[str, Any]], selected: str = "") -> str:
    """JSON text for a list of cards."""
    return to_json({"jobs": list(rows), "selected": selected})


def job_cards(ctx: UiContext, elem_id: str) -> gr.HTML:
    """The list. `.click(handler)` gives `gr.EventData` with `job` (id) and `verb`.

    Verbs: pause, stop, cancel, resume, delete, and `log` where a card itself was chosen.
    """
    return json_view(
        "jobs",
        elem_id=elem_id,
        labels=labels_of(ctx, "job.label", LABELS),
        scripts=("cards.js",),
        classes=("wb-jobs",),
    )
