"""A real Chromium, and pages served from this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.ui.address import open_socket
from workbench.ui.app import build_app
from workbench.ui.context import UiContext
from workbench.ui.server import build_server, guard

HOST = "127.0.0.1"
PATIENCE_MS = 180_000
"""A busy machine draws slowly; nothing here measures time."""
Build = Callable[[UiContext], gr.Blocks]
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test where a script of ours fails."""
    context = browser.new_context(viewport={"width": 1440, "height": 820}, locale="ja-JP")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    yield opened
    context.close()
    assert broken == []


class PageServer(threading.Thread):
    """Serves one workspace from a thread; the application is made inside the thread's event loop."""

    def __init__(self, workspace: Workspace, build: Build, environ: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._workspace, self._build, self._environ = workspace, build, environ
        self._socket = open_socket(HOST, 0)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.ready = threading.Event()
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        app: Any = guard(build_server(self._workspace, build=self._build), HOST, self._environ)
        config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self.ready.set()
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self.join(timeout=20)
        self._socket.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve a page built by a function; the whole workbench without one. Returns the address."""
    servers: list[PageServer] = []

    def start(
        build: Build = build_app, *, root: Path | None = None, environ: dict[str, str] | None = None
    ) -> str:
        workspace = Workspace(root or tmp_path_factory.mktemp("pages") / "workspace")
        prepare_workspace(workspace)
        server = PageServer(workspace, build, environ or {})
        server.start()
        servers.append(server)
        assert server.ready.wait(300), "the page was not built"
        return server.url

    yield start
    for server in servers:
        server.stop()
