"""Errors become sentences in the page's language."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator

import gradio as gr
import pytest

from tests.ui.fakes import make_ctx
from workbench.errors import InternalError
from workbench.paths import Workspace
from workbench.ui.context import UiContext
from workbench.ui.handlers import read_event, to_toast, ui_handler, ui_stream, ui_tick


def _fail_known(ctx: UiContext, name: str) -> str:
    raise InternalError("internal", id=name)


def _fail_unknown(ctx: UiContext) -> str:
    raise KeyError("secret detail")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_known_error_becomes_a_toast_with_message_and_hint_in_the_pages_language(
    workspace: Workspace, lang: str
) -> None:
    ctx = make_ctx(workspace, lang)  # type: ignore[arg-type]
    with pytest.raises(gr.Error) as caught:
        ui_handler(ctx, _fail_known)("n1")
    expected = to_toast(InternalError("internal", id="n1"), ctx.lang)
    assert caught.value.message == expected.message
    assert "n1" in caught.value.message
    assert "<br>" in caught.value.message
    assert caught.value.print_exception is False


def test_text_in_a_toast_is_escaped(ctx: UiContext) -> None:
    toast = to_toast(InternalError("internal", id="<img src=x onerror=alert(1)>"), ctx.lang)
    assert "<img" not in toast.message
    assert "&lt;img" in toast.message


def test_an_unexpected_error_shows_an_id_that_is_in_the_log_and_no_detail(
    ctx: UiContext, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        ui_handler(ctx, _fail_unknown)()
    error_id = caplog.records[-1].getMessage().split()[-1]
    assert error_id in caught.value.message
    assert "secret detail" not in caught.value.message
    assert "secret detail" in caplog.text


def test_a_tick_that_fails_changes_nothing_on_the_page(
    ctx: UiContext, caplog: pytest.LogCaptureFixture
) -> None:
    assert ui_tick(ctx, _fail_unknown)() == gr.skip()
    assert "secret detail" in caplog.text


def test_gradio_sees_the_signature_without_the_context(ctx: UiContext) -> None:
    def press(ctx: UiContext, event: gr.EventData, name: str) -> str:
        return name

    bound = ui_handler(ctx, press)
    parameters = inspect.signature(bound).parameters
    assert list(parameters) == ["event", "name"]
    assert parameters["event"].annotation is gr.EventData


async def _stream(ctx: UiContext, count: int) -> AsyncGenerator[int]:
    try:
        for number in range(count):
            yield number
        raise InternalError("internal", id="n2")
    finally:
        CLOSED.append(count)


CLOSED: list[int] = []


async def test_a_stream_that_fails_ends_with_a_toast_and_keeps_what_came(ctx: UiContext) -> None:
    seen: list[int] = []

    async def read() -> None:
        async for number in ui_stream(ctx, _stream)(2):
            seen.append(number)

    with pytest.raises(gr.Error) as caught:
        await read()
    assert seen == [0, 1]
    assert "n2" in caught.value.message


async def test_a_stream_that_nobody_reads_any_more_is_closed(ctx: UiContext) -> None:
    CLOSED.clear()
    values = ui_stream(ctx, _stream)(5)
    await anext(values)
    await values.aclose()
    assert CLOSED == [5]


def test_gradio_takes_a_stream_for_one(ctx: UiContext) -> None:
    assert inspect.isasyncgenfunction(ui_stream(ctx, _stream))


def test_what_a_script_sends_with_its_event_may_be_anything() -> None:
    assert read_event(gr.EventData(None, {"row": 1})) == {"row": 1}
    assert read_event(gr.EventData(None, ["x"])) == {}
    assert read_event(gr.EventData(None, None)) == {}
