"""A server that speaks Ollama's documented protocol, for tests: its own server cannot be fetched from a registry.

Paths, fields and streams are those of Ollama's API description: NDJSON, `done_reason`, errors inside a stream with
HTTP 200, `/api/tags`, `/api/ps`, `/api/version`, blobs by digest, and the refusal of adapters from 0.34.1 on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Say = Callable[[dict[str, Any]], str]


class FakeOllama:
    """Models that say what a function of the request says."""

    def __init__(
        self,
        say: Say | str = "答えです。",
        *,
        version: str = "0.34.1",
        models: tuple[str, ...] = ("m:latest",),
    ) -> None:
        self.say: Say = say if callable(say) else lambda body: say
        self.version = version
        self.models = {name: {} for name in models}
        self.thinking = ""
        """Comes although it was not asked for, where set."""
        self.refusals: list[web.Response] = []
        """Given out before any answer, one a request."""
        self.break_after: int | None = None
        """Pieces after which a stream ends with an error inside it."""
        self.done_reason = "stop"
        self.bodies: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.loaded: dict[str, str] = {}
        self.url = ""

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.refusals:
            refusal = self.refusals.pop(0)
            return web.Response(status=refusal.status, body=refusal.body, headers=refusal.headers)
        if body["model"] not in self.models:
            return web.json_response({"error": f"model '{body['model']}' not found"}, status=404)
        self.loaded[body["model"]] = f"2026-11-28T00:00:{len(self.bodies):02d}Z"
        text = self.say(body)
        if not body.get("stream", True):
            return web.json_response(self._whole(body, text))
        return await self._stream(request, body, text)

    def _whole(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        if self._thinks(body):
            message["thinking"] = self.thinking or "考え中"
        return self._end(body) | {"message": message}

    def _thinks(self, body: dict[str, Any]) -> bool:
        return bool(self.thinking) or body.get("think") is True

    def _end(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": body["model"],
            "created_at": "2026-11-28T00:00:00.000000000Z",
            "done": True,
            "done_reason": self.done_reason,
            "total_duration": 174560334,
            "load_duration": 101397084,
            "prompt_eval_count": 11,
            "prompt_eval_duration": 13074791,
            "eval_count": 18,
            "eval_duration": 52479709,
        }

    async def _stream(self, request: web.Request, body: dict[str, Any], text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        pieces = [text[i : i + 2] for i in range(0, len(text), 2)]
        if self._thinks(body):
            await self._line(response, body, {"content": "", "thinking": self.thinking or "考え中"})
        for index, piece in enumerate(pieces):
            if self.break_after is not None and index >= self.break_after:
                await response.write(json.dumps({"error": "an error was encountered"}).encode() + b"\n")
                return response
            await self._line(response, body, {"content": piece})
        end = self._end(body) | {"message": {"role": "assistant", "content": ""}}
        await response.write(json.dumps(end).encode() + b"\n")
        return response

    async def _line(
        self, response: web.StreamResponse, body: dict[str, Any], message: dict[str, Any]
    ) -> None:
        line = {"model": body["model"], "message": {"role": "assistant", **message}, "done": False}
        await response.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        await asyncio.sleep(0)

    async def tags(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"models": [{"name": name, "model": name, "size": 1} for name in self.models]}
        )

    async def ps(self, request: web.Request) -> web.StreamResponse:
        found = [{"name": name, "expires_at": expires} for name, expires in self.loaded.items()]
        return web.json_response({"models": found})

    async def tell_version(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": self.version})

    async def has_blob(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if request.match_info["digest"] in self.blobs else 404)

    async def take_blob(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        digest = request.match_info["digest"]
        if digest != f"sha256:{hashlib.sha256(content).hexdigest()}":
            return web.json_response({"error": "digest mismatch"}, status=400)
        self.blobs[digest] = content
        return web.Response(status=201)

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.created.append(body)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        newer = tuple(int(part) for part in self.version.split(".")) >= (0, 34, 1)
        needed = [*body.get("files", {}).values(), *body.get("adapters", {}).values()]
        fault = ""
        if newer and body.get("adapters"):
            fault = "adapters are no longer supported"
        elif any(digest not in self.blobs for digest in needed):
            fault = "blob not found"
        elif body.get("from") and body["from"] not in self.models:
            fault = "pull model manifest: file does not exist"
        lines = [{"status": "parsing GGUF"}, {"error": fault} if fault else {"status": "success"}]
        for line in lines:
            await response.write(json.dumps(line).encode() + b"\n")
        if not fault:
            self.models[body["model"]] = body
        return response

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/api/chat", self.chat)
        app.router.add_get("/api/tags", self.tags)
        app.router.add_get("/api/ps", self.ps)
        app.router.add_get("/api/version", self.tell_version)
        app.router.add_head("/api/blobs/{digest}", self.has_blob)
        app.router.add_post("/api/blobs/{digest}", self.take_blob)
        app.router.add_post("/api/create", self.create)
        return app


@asynccontextmanager
async def ollama(server: FakeOllama) -> AsyncIterator[FakeOllama]:
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
