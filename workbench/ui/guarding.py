"""Says before an evaluation starts whether the two sides of our servers are what they claim."""

from __future__ import annotations

import gradio as gr

from workbench.errors import ResourceError
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import GuardResult
from workbench.ui.context import UiContext
from workbench.ui.engine_look import within

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
        show(say_guard(ctx, found), title=ctx.t("guard.title"))


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


def say_guard(ctx: UiContext, found: GuardResult) -> str:
    """A finding in words."""
    params = dict(found.params)
    if facts := params.get("facts"):
        params["facts"] = ctx.t("guard.and").join(
            ctx.t(f"guard.fact.{name}") for name in str(facts).split(",")
        )
    return ctx.t(f"guard.{found.code}", **params)
