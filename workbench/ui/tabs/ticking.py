"""Sends a page only what changed since its last look."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast

import gradio as gr
from gradio.context import Context

from workbench.ui.context import UiContext
from workbench.ui.handlers import POLL, QUIET, Handler, ui_tick

# some of its functions are untyped
GRADIO: Any = cast("Any", gr)
TICK_SECONDS = 2.0
SKIP: Any = GRADIO.skip()
"""Leaves a component as it is."""
ON: Any = GRADIO.on
"""Several events, one handler."""
# the tab bar is redrawn before the event arrives, but not always
IN_FRONT = """async () => {
  await new Promise((done) => setTimeout(done, 50));
  const front = document.querySelector('#wb-tabs > .tab-wrapper [role=tab][aria-selected=true]');
  return { __type__: 'update', active: !front || front.dataset.tabId === %s };
}"""
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
    ctx: UiContext,
    read: Handler,
    *,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    extra: Any = None,
    seconds: float = TICK_SECONDS,
) -> gr.State:
    """Call `read(ctx, *inputs)` every few seconds and when it is first seen; send what changed.

    Inside a tab it ticks only while that tab is in front, so that ten tabs cost no more than one.

    Args:
        ctx: The page's context.
        read: Returns one value per output.
        inputs: Components whose values `read` gets.
        outputs: Components to keep fresh.
        extra: Another event (such as `select.change`) that looks at once.
        seconds: Between two looks.

    Returns:
        The state that holds what was sent; other handlers may empty it to force a redraw.
    """
    seen = gr.State(list[str]())

    def tick(ctx: UiContext, last: list[str], *values: Any) -> list[Any]:
        return changed_only(last, read(ctx, *values))

    bound = ui_tick(ctx, tick)
    for listen in (_make_timer(seconds).tick, _first_look(), *([extra] if extra else [])):
        listen(bound, inputs=[seen, *inputs], outputs=[*outputs, seen], concurrency_limit=None, **POLL)
    return seen


def _first_look() -> Any:
    """The page's start, or for what stands in a tab behind, when that tab comes to the front.

    The browser goes through all components with every answer: looking into ten tabs at the start made the page
    wait for seconds.
    """
    tab, tabs = _enclosing(gr.Tab), _enclosing(gr.Tabs)
    blocks: Any = Context.root_block
    return blocks.load if tab is None or tabs is None or tab.id == tabs.selected else tab.select


def _make_timer(seconds: float) -> gr.Timer:
    """A timer that rests while the tab around it is not in front; the browser alone decides that."""
    tab, tabs = _enclosing(gr.Tab), _enclosing(gr.Tabs)
    if tab is None or tabs is None:
        return gr.Timer(seconds)
    timer = gr.Timer(seconds, active=tab.id == tabs.selected)
    tabs.select(None, None, timer, js=IN_FRONT % json.dumps(str(tab.id)), **QUIET)
    return timer


def _enclosing(kind: type[Any]) -> Any:
    """The innermost block of a kind around the place where components are being made, None where there is none."""
    block: Any = Context.block
    while block is not None and not isinstance(block, kind):
        block = block.parent
    return block


def page_token() -> gr.State:
    """A state with a token of this one page view (see `make_request_id`)."""
    # a callable as the state's value would do the same through a public event
    token = gr.State("")
    blocks: Any = Context.root_block
    blocks.load(new_token, None, token, **POLL)
    return token


def new_token() -> str:
    """A fresh token."""
    return uuid.uuid4().hex
