"""Fixtures of the face's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.ui.fakes import make_ctx
from workbench.paths import Workspace
from workbench.ui.context import UiContext


@pytest.fixture
def ctx(workspace: Workspace) -> UiContext:
    """A Japanese page's context on an empty workspace."""
    return make_ctx(workspace)


@pytest.fixture(autouse=True)
def close_event_loops_of_gradio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gradio opens an event loop for each lock it makes outside of one, and leaves them open."""
    opened: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def remember() -> asyncio.AbstractEventLoop:
        opened.append(new_event_loop())
        return opened[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", remember)
    yield
    for loop in opened:
        loop.close()
    if opened:
        asyncio.set_event_loop(None)
