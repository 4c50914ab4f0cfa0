"""A page that is built after the first one is served, so that nobody waits at the start for a language not asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


def mounted(app: FastAPI) -> ASGIApp:
    """What was mounted last in an application."""
    return next(route.app for route in reversed(app.routes) if isinstance(route, Mount))


class LatePage:
    """ASGI application in the place of a page that is built on its first request, or when `until_closed` says so.

    Args:
        build: Makes an application in which the page is mounted; runs in a thread.
    """

    def __init__(self, build: Callable[[], FastAPI]) -> None:
        self._build = build
        self._task: asyncio.Task[None] | None = None
        self._page: asyncio.Future[ASGIApp] | None = None
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = await asyncio.shield(self.ready())
        await page(scope, receive, send)

    def ready(self) -> asyncio.Future[ASGIApp]:
        """The page; it is built once, whoever asks first."""
        if self._page is None:
            self._page = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self._page))
        return self._page

    async def _live(self, ready: asyncio.Future[ASGIApp]) -> None:
        """Build the page and keep what it started running until the end."""
        try:
            app = await asyncio.to_thread(asyncio.run, self._make())
            async with app.router.lifespan_context(app):
                ready.set_result(mounted(app))
                await self._closing.wait()
        except Exception as exc:
            logger.exception("a page could not be built")
            if not ready.done():
                ready.set_exception(exc)

    async def _make(self) -> FastAPI:
        # gradio makes its locks only where an event loop runs
        return self._build()

    @asynccontextmanager
    async def until_closed(self, seconds: float) -> AsyncGenerator[None]:
        """Build the page at the latest after `seconds`; at the end, end what it started."""
        timer = asyncio.get_running_loop().call_later(seconds, self.ready)
        try:
            yield
        finally:
            timer.cancel()
            self._closing.set()
            if self._task is not None:
                await self._task
