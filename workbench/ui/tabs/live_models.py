"""Whom the live page asks: the models that answer, whether they are what they claim, and starting one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import gradio as gr

from workbench.schemas.job import ENDED
from workbench.ui.components import job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.guarding import render_sides, sides_to_check
from workbench.ui.handover import Handed
from workbench.ui.live_sources import list_sources, list_startable, say_start_time, start_server
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views.html import Html, paragraph

MAX_MODELS = 4


def show_sources(ctx: UiContext, chosen: Sequence[str] | None, known: Sequence[str]) -> list[Any]:
    """The models that answer; those of a server that has just come up are chosen at once.

    Args:
        ctx: The page's context.
        chosen: Ids of the chosen models.
        known: Ids that the page has seen before.
    """
    sources = list_sources(ctx)
    ids = [source.id for source in sources]
    kept = [name for name in chosen or () if name in ids]
    new = [source.id for source in sources if source.id not in known and source.id.startswith("serve:")]
    kept += [name for name in new if name not in kept][: max(0, MAX_MODELS - len(kept))]
    choices = [(source.label, source.id) for source in sources]
    hint = "" if sources else paragraph(ctx.t("live_tab.nobody"), "wb-soft")
    return [gr.update(choices=choices, value=kept), ids, hint]


async def check_sides(
    ctx: UiContext, chosen: Sequence[str] | None, checked: Sequence[str]
) -> AsyncGenerator[tuple[Any, Any]]:
    """Say whether the chosen models are what they claim, once for each choice.

    Args:
        ctx: The page's context.
        chosen: Ids of the chosen models.
        checked: Ids of the choice that was checked last.

    Yields:
        The sentences, and the ids that they are about.
    """
    known = {source.id: source for source in list_sources(ctx)}
    ids = [name for name in chosen or () if name in known]
    if ids == list(checked):
        yield SKIP, SKIP
        return
    sources = [known[name] for name in ids]
    if sides_to_check(sources):
        yield paragraph(ctx.t("live_tab.checking"), "wb-soft"), ids
    # the servers answer a few questions; the page must not wait for that
    yield await asyncio.to_thread(render_sides, ctx, sources), ids


def take_server(ctx: UiContext, handed: Handed) -> list[Any]:
    """Choose the models of the server that another tab handed over, and no others."""
    sources = list_sources(ctx)
    own = [source.id for source in sources if source.id.startswith(f"serve:{handed['job']}:")]
    choices = [(source.label, source.id) for source in sources]
    return [gr.update(choices=choices, value=own[:MAX_MODELS]), [source.id for source in sources]]


def show_start(ctx: UiContext, chosen: str | None) -> list[Any]:
    """What can be started, how long that takes, and the servers that run or are starting."""
    startable = [(item.label, item.id) for item in list_startable(ctx)]
    ids = [name for _, name in startable]
    value = chosen if chosen in ids else next(iter(ids), None)
    jobs = ctx.jobs.list(kind="serve", parent="")
    shown = [job for job in jobs if job.status.state not in ENDED]
    # a start that failed stays on the page until another one is tried
    shown += [job for job in jobs[:1] if job.status.state == "failed"]
    cards = jobs_payload([job_row(job, job.status.updated_at, ctx.lang) for job in shown])
    note = paragraph(say_start_time(ctx, value), "wb-soft wb-tiny") if value else Html()
    return [gr.update(choices=startable, value=value), note, cards]


def press_start(ctx: UiContext, chosen: str | None) -> list[Any]:
    """Start a server for the choice."""
    start_server(ctx, chosen)
    return show_start(ctx, chosen)
