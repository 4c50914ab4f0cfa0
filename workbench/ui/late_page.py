"""A page that is built after the first one is served, so that nobody waits at the start for a language not asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send


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
        self._opening: asyncio.Task[ASGIApp] | None = None
        self._running = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = await asyncio.shield(self.ready())
        await page(scope, receive, send)

    def ready(self) -> asyncio.Task[ASGIApp]:
        """The page; it is built once, whoever asks first. Where that failed, everyone who asks gets the error."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return self._opening

    async def _open(self) -> ASGIApp:
        app = await asyncio.to_thread(asyncio.run, self._make())
        await self._running.enter_async_context(app.router.lifespan_context(app))
        return mounted(app)

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
            if self._opening is not None:
                await asyncio.wait([self._opening])
            await self._running.aclose()
