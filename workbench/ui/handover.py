"""One tab hands an endpoint or a model to another: a state of the page that the receiving tab listens to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, cast

import gradio as gr
from gradio.context import Context

from workbench.ui.context import UiContext
from workbench.ui.handlers import GRADIO, QUIET, ui_handler

Target = Literal["evaluate", "judge", "live", "data"]
OPEN = "() => { window.WB.openTab('%s'); }"
"""Shows a tab, by its name."""


class Handed(TypedDict):
    """What was handed over."""

    target: Target
    what: Literal["endpoint", "model"]
    name: str
    """Of a registered endpoint, or a model's folder."""
    job: str
    """Of the server behind it; empty where we did not start it."""
    at: float
    """Makes the same thing handed over twice two changes."""


def handed_state() -> gr.State:
    """The page's state; made by whichever tab asks first."""
    root = cast("Any", Context.root_block)
    known = cast("dict[str, Any]", vars(root))
    if "wb_handed" not in known:
        known["wb_handed"] = gr.State(None)
    return known["wb_handed"]


def receive(
    ctx: UiContext, target: Target, fill: Callable[[UiContext, Handed], Sequence[Any]], outputs: Sequence[Any]
) -> None:
    """Let a tab take what is handed to it.

    Args:
        ctx: The page's context.
        target: Which hand-overs are meant for it.
        fill: Values for the outputs.
        outputs: Components to fill.
    """
    state = handed_state()

    def take(ctx: UiContext, handed: Handed | None) -> list[Any]:
        if not handed or handed["target"] != target:
            return [GRADIO.skip()] * len(outputs)
        return list(fill(ctx, handed))

    listen = cast("Any", state).change
    listen(ui_handler(ctx, take), state, list(outputs), **QUIET)
