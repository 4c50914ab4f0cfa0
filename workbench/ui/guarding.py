"""Says whether the two sides of our servers are what they claim: before an evaluation, and on the live page."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from workbench.errors import EndpointError, ResourceError, StateError
from workbench.i18n import render_error
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import GuardResult
from workbench.ui.context import UiContext
from workbench.ui.engine_look import within
from workbench.ui.live_sources import Source
from workbench.ui.views.html import Html, chip, el, join
from workbench.ui.views.serving import render_guard, say_guard

GUARD_SECONDS = 90.0
"""Sixteen short answers; a server that needs longer is not waited for."""


def guard_start(ctx: UiContext, endpoint: Endpoint) -> None:
    """Hold the sides of a server of ours against each other and show what was found.

    Raises:
        StateError: `serve_side_unknown`, `serve_guard_refused`: nothing is to be asked like this.
        EndpointError: A side does not answer.
    """
    found = check_sides(ctx, endpoint)
    if found is not None:
        show = gr.Info if found.state == "held" else gr.Warning
        show(say_guard(found, ctx.lang), title=ctx.t("guard.title"))


def check_sides(ctx: UiContext, endpoint: Endpoint) -> GuardResult | None:
    """What the guard finds within a bounded time; None where the endpoint is no server of ours."""
    guard = ctx.services.guard_sides
    if guard is None:
        return None
    try:
        return within(lambda: guard(endpoint, ctx.jobs), GUARD_SECONDS)
    except ResourceError as exc:
        if exc.code != "engine_slow":
            raise
        return GuardResult(state="not checked", code="slow")


def sides_to_check(sources: Sequence[Source]) -> list[Source]:
    """Which of the models that are asked together have to be held against another of them.

    Adapters whose base is asked too; else the first of two servers of ours that serve one model each.
    """
    served = [source for source in sources if source.server]
    bases = {source.server for source in served if source.is_base}
    tuned = [source for source in served if not source.is_base and source.server in bases]
    if tuned:
        return tuned
    return served[:1] if len(bases) > 1 and len(bases) == len(served) else []


def render_sides(ctx: UiContext, sources: Sequence[Source]) -> Html:
    """What the guard finds about models that are asked together, one line each; empty where it knows none of them."""
    lines: list[Html] = []
    for source in sides_to_check(sources):
        try:
            found = check_sides(ctx, source.endpoint)
        except (EndpointError, StateError) as exc:
            said = render_error(exc, ctx.lang)
            lines.append(
                el("p", chip(ctx.t("serve_tab.guard.refused"), "bad"), " ", said.message, " ", said.hint)
            )
            continue
        # a server without a counterpart is no side of anything
        if found is not None and found.code != "one_side":
            lines.append(el("p", render_guard(found, ctx.lang)))
    return join(lines)
