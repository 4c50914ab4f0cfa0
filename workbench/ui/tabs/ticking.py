"""Sends a page only what changed since its last look."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast

import gradio as gr
from gradio.context import Context

from workbench.ui.context import UiContext
from workbench.ui.handlers import POLL, Handler, ui_tick

# some of its functions are untyped
GRADIO: Any = cast("Any", gr)
TICK_SECONDS = 2.0
SKIP: Any = GRADIO.skip()
"""Leaves a component as it is."""
ON: Any = GRADIO.on
"""Several events, one handler."""
BUSY: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
"""Options of an event that may take more than a second: a small sign shows that something goes on."""


def changed_only(seen: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Values for the outputs, a skip where the page has that value already, and the new list of digests.

    Args:
        seen: Digests of what was sent last; empty on the first look.
        values: One per output component.
    """
    digests = [sha256(repr(value).encode()).hexdigest()[:16] for value in values]
    old = list(seen) if len(seen) == len(values) else [""] * len(values)
    if digests == old:
        return [SKIP] * (len(values) + 1)
    sent = [SKIP if new == last else value for value, new, last in zip(values, digests, old, strict=True)]
    return [*sent, digests]


def follow(
    ctx: UiContext, read: Handler, *, inputs: Sequence[Any], outputs: Sequence[Any], extra: Any = None
) -> gr.State:
    """Call `read(ctx, *inputs)` every two seconds and at the page's start; send what changed.

    Args:
        ctx: The page's context.
        read: Returns one value per output.
        inputs: Components whose values `read` gets.
        outputs: Components to keep fresh.
        extra: Another event (such as `select.change`) that looks at once.

    Returns:
        The state that holds what was sent; other handlers may empty it to force a redraw.
    """
    seen = gr.State(list[str]())

    def tick(ctx: UiContext, last: list[str], *values: Any) -> list[Any]:
        return changed_only(last, read(ctx, *values))

    bound = ui_tick(ctx, tick)
    blocks: Any = Context.root_block
    timer = gr.Timer(TICK_SECONDS)
    for listen in (timer.tick, blocks.load, *([extra] if extra else [])):
        listen(bound, inputs=[seen, *inputs], outputs=[*outputs, seen], concurrency_limit=None, **POLL)
    return seen


def page_token() -> gr.State:
    """A state with a token of this one page view (see `make_request_id`)."""
    return gr.State(new_token)


def new_token() -> str:
    """A fresh token."""
    return uuid.uuid4().hex
