"""A page that is built beside the one that is served already."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from workbench.ui.late_page import LatePage


class Builder:
    """Builds a small page, and remembers how often, in which thread, and what was started and ended."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.events: list[str] = []
        self.had_a_loop = False

    def __call__(self) -> FastAPI:
        self.threads.append(threading.get_ident())
        asyncio.get_running_loop()
        self.had_a_loop = True

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
            self.events.append("started")
            yield
            self.events.append("ended")

        page = FastAPI()

        @page.get("/")
        def read() -> str:
            return "late"

        app = FastAPI(lifespan=lifespan)
        app.mount("/en", page)
        return app


def asker(late: LatePage) -> httpx.AsyncClient:
    app = FastAPI()
    app.mount("/en", late)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page")


async def test_many_who_ask_at_once_get_one_page_that_was_built_in_another_thread() -> None:
    builder = Builder()
    late = LatePage(builder)
    async with late.until_closed(3600), asker(late) as client:
        answers = await asyncio.gather(*(client.get("/en/") for _ in range(5)))
        assert [answer.json() for answer in answers] == ["late"] * 5
        assert builder.events == ["started"]
    assert len(builder.threads) == 1
    assert builder.threads[0] != threading.get_ident()
    assert builder.had_a_loop, "gradio makes its locks only where a loop runs"
    assert builder.events == ["started", "ended"]


async def test_the_page_is_built_although_nobody_asks() -> None:
    builder = Builder()
    late = LatePage(builder)
    async with late.until_closed(0.01):
        while not builder.events:
            await asyncio.sleep(0.01)
    assert builder.events == ["started", "ended"]


async def test_what_was_never_needed_is_never_built() -> None:
    builder = Builder()
    async with LatePage(builder).until_closed(3600):
        pass
    assert builder.threads == []


async def test_one_who_leaves_takes_the_page_from_nobody() -> None:
    builder = Builder()
    late = LatePage(builder)
    async with late.until_closed(3600), asker(late) as client:
        leaving = asyncio.create_task(client.get("/en/"))
        staying = asyncio.create_task(client.get("/en/"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).json() == "late"


async def test_a_page_that_cannot_be_built_is_an_error_for_everyone() -> None:
    def fail() -> FastAPI:
        raise ValueError("broken layout")

    late = LatePage(fail)
    async with late.until_closed(3600), asker(late) as client:
        for _ in range(2):
            with pytest.raises(ValueError, match="broken layout"):
                await client.get("/en/")
