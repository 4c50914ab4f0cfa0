"""The edge between a gradio event and a plain function: errors become sentences, never tracebacks."""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from html import escape
from typing import Any

import gradio as gr

from workbench.errors import InternalError, WorkbenchError
from workbench.i18n import Lang, render_error, t
from workbench.ui.context import UiContext

logger = logging.getLogger(__name__)

# some of its functions have no full annotations
GRADIO: Any = gr

TOAST_SECONDS = 20
Handler = Callable[..., Any]

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Options of every event: no public address, no spinner over the page."""
POLL: dict[str, Any] = {**QUIET, "queue": False, "trigger_mode": "once"}
"""Options of an event that a timer fires."""


def to_toast(error: WorkbenchError, lang: Lang) -> gr.Error:
    """What a person sees of an error. Text is escaped: gradio draws a toast as HTML."""
    rendered = render_error(error, lang)
    body = "<br>".join(escape(line) for line in f"{rendered.message}\n{rendered.hint}".splitlines() if line)
    return gr.Error(body, duration=TOAST_SECONDS, title=escape(t("toast.error", lang)), print_exception=False)


def _report(error: Exception, lang: Lang) -> gr.Error:
    return to_toast(log_fault(error), lang)


def log_fault(error: Exception) -> InternalError:
    """Write an unexpected error to the log under an id; the error that shows the id."""
    error_id = uuid.uuid4().hex[:8]
    logger.error("internal error %s", error_id, exc_info=error)
    return InternalError("internal", id=error_id)


def _bind(ctx: UiContext, fn: Handler, call: Handler) -> Handler:
    """Give `call` the signature of `fn` without its context: gradio looks there for EventData and Request."""
    signature = inspect.signature(fn, eval_str=True)
    parameters = list(signature.parameters.values())[1:]
    call.__name__ = fn.__name__
    call.__doc__ = fn.__doc__
    call.__annotations__ = {
        p.name: p.annotation for p in parameters if p.annotation is not inspect.Parameter.empty
    }
    vars(call)["__signature__"] = signature.replace(parameters=parameters)
    return call


def read_event(event: gr.EventData) -> dict[str, Any]:
    """What a component's script sent with its event; it may be anything."""
    sent: Any = event._data  # pyright: ignore[reportPrivateUsage] - the only way in
    return dict(sent) if isinstance(sent, dict) else {}  # pyright: ignore[reportUnknownArgumentType]


def ui_handler(ctx: UiContext, fn: Handler) -> Handler:
    """Bind a plain function `fn(ctx, ...)` for an event.

    A `WorkbenchError` becomes a toast with message and hint in the page's language; anything else is
    logged under an id, and the toast shows the id. Annotations of `fn` must be importable at run time.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return fn(ctx, *args, **kwargs)
        except WorkbenchError as exc:
            logger.info("%s: %s", fn.__name__, exc)
            raise to_toast(exc, ctx.lang) from exc
        except gr.Error:
            raise
        except Exception as exc:
            raise _report(exc, ctx.lang) from exc

    return _bind(ctx, fn, call)


def ui_stream(ctx: UiContext, fn: Callable[..., AsyncGenerator[Any]]) -> Handler:
    """Bind an async generator `fn(ctx, ...)` for an event that fills the page bit by bit; errors as in `ui_handler`.

    The generator is closed when the page goes away.
    """

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        try:
            async with aclosing(fn(ctx, *args, **kwargs)) as values:
                async for value in values:
                    yield value
        except WorkbenchError as exc:
            logger.info("%s: %s", fn.__name__, exc)
            raise to_toast(exc, ctx.lang) from exc
        except Exception as exc:
            raise _report(exc, ctx.lang) from exc

    return _bind(ctx, fn, call)


def ui_tick(ctx: UiContext, fn: Handler) -> Handler:
    """Bind `fn(ctx, ...)` for a timer: an error is logged and the page keeps what it shows.

    A toast every two seconds would help nobody; the next tick may well succeed.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return fn(ctx, *args, **kwargs)
        except WorkbenchError as exc:
            logger.warning("%s: %s", fn.__name__, exc)
        except Exception:
            logger.exception("tick %s failed", fn.__name__)
        return GRADIO.skip()

    return _bind(ctx, fn, call)
