"""Ollama's HTTP API in front of the fake server in memory: the documented paths, codes and streams."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from workbench.errors import EndpointError
from workbench.inference.ollama_fake import FakeOllama
from workbench.schemas.ollama import OllamaCreate

ADAPTERS_GONE = "LoRA adapters are no longer supported"


def say(error: EndpointError) -> tuple[int, dict[str, Any]]:
    """A refusal as the server words it."""
    if error.code == "ollama_adapters_gone":
        return 400, {"error": ADAPTERS_GONE}
    if error.code == "ollama_model_missing":
        return 404, {"error": f"model '{error.params['model']}' not found"}
    return 400, {"error": str(error.params["detail"])}


class OllamaServer:
    """Answers over HTTP.

    Attributes:
        log: Method and path of every request.
        received: Bytes of blobs that came in, those of broken uploads included.
        pause_s: Waits so long before it reads the next part of a blob.
        silent_s: Waits so long within the stream of `create`.
        stops_early: Ends the stream of `create` without `success`.
    """

    def __init__(self, fake: FakeOllama) -> None:
        self.fake = fake
        self.log: list[str] = []
        self.creates: list[dict[str, Any]] = []
        self.received = 0
        self.pause_s = 0.0
        self.silent_s = 0.0
        self.stops_early = False
        self.url = ""

    def build(self) -> web.Application:
        app = web.Application(client_max_size=1 << 40, middlewares=[self._note])
        app.router.add_get("/api/version", self._version)
        # add_get would answer HEAD as well; for blobs the server knows HEAD alone
        app.router.add_route("HEAD", "/api/blobs/{digest}", self._has)
        app.router.add_post("/api/blobs/{digest}", self._upload)
        app.router.add_post("/api/create", self._create)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_post("/api/show", self._show)
        app.router.add_delete("/api/delete", self._delete)
        return app

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.log.append(f"{request.method} {request.path}")
        try:
            return await handler(request)
        except EndpointError as error:
            status, body = say(error)
            return web.json_response(body, status=status)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": await self.fake.version()})

    async def _has(self, request: web.Request) -> web.Response:
        there = await self.fake.has_blob(request.match_info["digest"])
        return web.Response(status=200 if there else 404)

    async def _upload(self, request: web.Request) -> web.Response:
        digest = request.match_info["digest"]
        if await self.fake.has_blob(digest):
            return web.Response(status=200)
        content, head, size = hashlib.sha256(), b"", 0
        async for block in request.content.iter_any():
            head = (head + block[:4])[:4]
            content.update(block)
            size += len(block)
            self.received += len(block)
            await asyncio.sleep(self.pause_s)
        self.fake.store(digest, content.hexdigest(), head, size)
        return web.Response(status=201)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.creates.append(body)
        lines = self.fake.create(OllamaCreate.model_validate(body))
        first = await anext(lines)  # what fails before the first line has a status of its own
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await self._send(response, first.model_dump(exclude_defaults=True))
        await asyncio.sleep(self.silent_s)
        try:
            async for line in lines:
                if self.stops_early and line.status == "success":
                    break
                await self._send(response, line.model_dump(exclude_defaults=True))
        except EndpointError as error:
            await self._send(response, say(error)[1])
        return response

    async def _send(self, response: web.StreamResponse, line: dict[str, Any]) -> None:
        await response.write(json.dumps(line).encode() + b"\n")

    async def _tags(self, request: web.Request) -> web.Response:
        models = [
            {"name": model.name, "model": model.name, "digest": model.digest, "size": model.bytes}
            for model in await self.fake.tags()
        ]
        return web.json_response({"models": models})

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(await self.fake.show((await request.json())["model"]))

    async def _delete(self, request: web.Request) -> web.Response:
        await self.fake.delete((await request.json())["model"])
        return web.Response(status=200)


@contextmanager
def running(server: OllamaServer) -> Iterator[OllamaServer]:
    """The server in a thread of its own, as a job in this process sees it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(server.build(), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
