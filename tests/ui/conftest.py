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
def event_loop_for_gradio() -> Iterator[None]:
    """Gradio asks for the current event loop when a page is built, and would leave one open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
