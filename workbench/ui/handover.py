"""One tab hands an endpoint or a model to another: a state of the page that the receiving tab listens to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NotRequired, TypedDict, cast

import gradio as gr
from gradio.context import Context

from workbench.schemas.serving import ServeEngine
from workbench.ui.context import UiContext
from workbench.ui.handlers import GRADIO, QUIET, Handler, ui_handler

Target = Literal["evaluate", "judge", "live", "data", "serve"]
OPEN = "() => { window.WB.openTab('%s'); }"
"""Shows a tab, by its name."""


class Handed(TypedDict):
    """What was handed over."""

    target: Target
    what: Literal["endpoint", "model"]
    name: str
    """Of a registered endpoint, or a model's folder; empty where only an adapter is handed over."""
    job: str
    """Of the server behind it; empty where we did not start it."""
    at: float
    """Seconds since the epoch; makes the same thing handed over twice two changes."""
    engine: NotRequired[ServeEngine]
    """For a model that is to be served: with what."""
    adapter: NotRequired[str]
    """Folder of an adapter that is to be served beside the model."""


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
    listen = cast("Any", handed_state()).change
    listen(ui_handler(ctx, make_receiver(target, fill, len(outputs))), handed_state(), list(outputs), **QUIET)


def make_receiver(target: Target, fill: Callable[[UiContext, Handed], Sequence[Any]], count: int) -> Handler:
    """What a tab does with a hand-over: one for another tab changes nothing.

    Args:
        target: Which hand-overs are meant for it.
        fill: Values for the outputs.
        count: How many outputs there are; where there is one, its value stands alone, as gradio wants it.
    """

    def take(ctx: UiContext, handed: Handed | None) -> Any:
        mine = handed if handed and handed["target"] == target else None
        values = list(fill(ctx, mine)) if mine else [GRADIO.skip()] * count
        return values if count > 1 else values[0]

    return take
