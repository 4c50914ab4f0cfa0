"""What a person can ask of a job from any tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.errors import InputError
from workbench.schemas.job import ControlVerb, JobRecord
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler

ASKED: tuple[ControlVerb, ...] = ("pause", "stop", "cancel")
LOOK = "log"
"""The verb of a card that was merely clicked."""


def ask_job(ctx: UiContext, job_id: str, verb: str) -> JobRecord | None:
    """Pause, stop, cancel, resume or delete a job; the job as it is then, None where nothing is left of it.

    Raises:
        NotFoundError: No such job.
        StateError: Its state does not allow that.
        InputError: No such verb.
    """
    if verb in ASKED:
        return ctx.jobs.control(job_id, verb)
    if verb == "resume":
        return ctx.jobs.resume(job_id)
    if verb == "delete":
        ctx.jobs.delete(job_id)
        return None
    if verb == LOOK:
        return ctx.jobs.get(job_id)
    raise InputError("verb_unknown", verb=verb)


def press_card(ctx: UiContext, event: gr.EventData) -> None:
    """A button on a job card was pressed."""
    pressed: dict[str, Any] = dict(event._data or {})  # pyright: ignore[reportPrivateUsage] - the only way in
    ask_job(ctx, str(pressed.get("job", "")), str(pressed.get("verb", "")))


def wire_job_cards(ctx: UiContext, cards: gr.HTML) -> None:
    """Let the buttons of job cards do what they say."""
    click: Any = cards.click
    click(ui_handler(ctx, press_card), None, None, **QUIET)
