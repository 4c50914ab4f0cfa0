"""The HTTP face of the engine: OpenAI's chat and text completions, the model list, and the state of
health.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from workbench.errors import EndpointError, InputError, NotFoundError, WorkbenchError
from workbench.inference.embedded.engine import Engine, Order
from workbench.inference.embedded.refusing import OwnMachineOnly, describe_error, refuse, write_event
from workbench.inference.embedded.rows import Done, Event, Failed, Piece
from workbench.inference.embedded.wire import ChatBody, CompletionBody, Shapes, parse_body, show_model

MAX_BODY_BYTES = 16 * 1024 * 1024
CLIENT_GONE = 499
"""What some servers log for a client that did not wait; nobody reads this answer."""


@dataclass
class EngineSlot:
    """Where the engine will be once it is loaded; until then every request is told to wait."""

    engine: Engine | None = None

    def require(self) -> Engine:
        """The engine.

        Raises:
            EndpointError: It is still loading.
        """
        if self.engine is None:
            raise EndpointError("serve_loading", retry_after=2.0)
        return self.engine


def create_app(source: Engine | EngineSlot) -> FastAPI:
    """The server's application.

    Args:
        source: The engine, or the place where it will appear.
    """
    slot = source if isinstance(source, EngineSlot) else EngineSlot(source)
    app = FastAPI(title="Fine-Tuning Workbench", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(OwnMachineOnly)
    app.add_exception_handler(WorkbenchError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)

    async def health() -> JSONResponse:
        ready = slot.engine is not None
        return JSONResponse({"status": "ready" if ready else "loading"}, 200 if ready else 503)

    async def models() -> JSONResponse:
        engine = slot.require()
        data = [show_model(info, engine.started_at) for info in engine.models]
        return JSONResponse({"object": "list", "data": data, "facts": engine.facts})

    async def chat(request: Request) -> Response:
        body = parse_body(ChatBody, await _read_json(request))
        return await _answer_chat(slot.require(), body, request)

    async def complete(request: Request) -> Response:
        body = parse_body(CompletionBody, await _read_json(request))
        return await _answer_text(slot.require(), body, request)

    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/v1/models", models, methods=["GET"])
    app.add_api_route("/v1/chat/completions", chat, methods=["POST"], response_model=None)
    app.add_api_route("/v1/completions", complete, methods=["POST"], response_model=None)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WorkbenchError)
    return refuse(error)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refuse(NotFoundError("serve_path_unknown", path=request.url.path), status=error.status_code)


async def _read_json(request: Request) -> object:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InputError("serve_body_too_big", megabytes=MAX_BODY_BYTES // 1024 // 1024)
    try:
        return json.loads(bytes(body))
    except ValueError as exc:
        raise InputError("serve_body_not_json") from exc


async def _answer_chat(engine: Engine, body: ChatBody, request: Request) -> Response:
    engine.check_model(body.model)
    messages = [message.flatten() for message in body.messages]
    prompt = engine.codec.render(messages, body.chat_template_kwargs)
    order = Order(
        model=body.model,
        prompt=tuple(prompt),
        max_tokens=body.limit,
        temperature=body.temperature,
        top_p=body.top_p,
        seed=body.seed,
        stops=tuple(body.stop),
        stream=body.stream,
    )
    return await _answer(engine, [order], Shapes("chat", body.model), body, request)


async def _answer_text(engine: Engine, body: CompletionBody, request: Request) -> Response:
    engine.check_model(body.model)
    prompts = [engine.codec.encode(item) if isinstance(item, str) else item for item in body.prompts]
    if not prompts or (body.stream and len(prompts) > 1):
        raise InputError("serve_one_prompt")
    orders = [
        Order(
            model=body.model,
            prompt=tuple(prompt),
            max_tokens=body.max_tokens,
            temperature=body.temperature,
            top_p=body.top_p,
            seed=body.seed,
            stops=tuple(body.stop),
            stream=body.stream,
        )
        for prompt in prompts
    ]
    return await _answer(engine, orders, Shapes("text", body.model), body, request)


async def _answer(
    engine: Engine, orders: list[Order], shapes: Shapes, body: ChatBody | CompletionBody, request: Request
) -> Response:
    calls: list[_Call] = []
    try:
        calls += [_Call(engine, order) for order in orders]
        if body.stream:
            events = _stream(calls[0], shapes, counts=body.reports_usage)
            calls = []
            return StreamingResponse(events, media_type="text/event-stream")
        waiting = asyncio.ensure_future(asyncio.gather(*(call.finish() for call in calls)))
        if not await _outlasts(request, waiting):
            return Response(status_code=CLIENT_GONE)
        return JSONResponse(shapes.whole(waiting.result()))
    finally:
        for call in calls:
            call.cancel()


async def _outlasts(request: Request, waiting: asyncio.Future[list[Done]]) -> bool:
    """Whether the client stays until the answer is there."""
    gone = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        gone.cancel()
        if not waiting.done():
            waiting.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stream(call: _Call, shapes: Shapes, *, counts: bool) -> AsyncIterator[str]:
    """Server-sent events of one answer; a client that leaves ends the generator, and with it the row."""
    try:
        yield write_event(shapes.begin())
        async for event in call:
            if isinstance(event, Piece):
                yield write_event(shapes.piece(event.text))
            elif isinstance(event, Done):
                yield write_event(shapes.end(event))
                if counts:
                    yield write_event(shapes.counts(event))
            else:
                yield write_event(describe_error(EndpointError(event.code, detail=event.detail)))
        yield write_event("[DONE]")
    finally:
        call.cancel()


class _Call:
    """One order under way, its events brought from the engine's thread to the event loop."""

    def __init__(self, engine: Engine, order: Order) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._row = engine.submit(order, self._bring)

    def cancel(self) -> None:
        """The answer is no longer wanted."""
        self._row.cancelled = True

    async def finish(self) -> Done:
        """The whole answer.

        Raises:
            EndpointError: It failed on the way.
        """
        async for event in self:
            if isinstance(event, Done):
                return event
            if isinstance(event, Failed):
                raise EndpointError(event.code, detail=event.detail)
        raise EndpointError("serve_model_failed")

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            yield event
            if not isinstance(event, Piece):
                return

    def _bring(self, event: Event) -> None:
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:
            # the loop is closed: the server is going down and nobody listens any more
            self._row.cancelled = True
