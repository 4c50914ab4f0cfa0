"""Errors become sentences in the page's language."""

from __future__ import annotations

import inspect
import logging

import gradio as gr
import pytest

from tests.ui.fakes import make_ctx
from workbench.errors import InternalError
from workbench.paths import Workspace
from workbench.ui.context import UiContext
from workbench.ui.handlers import to_toast, ui_handler, ui_tick


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
