"""The client for Ollama's own API: plain HTTP, answers as one JSON object or one a line, errors inside the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from types import SimpleNamespace
from typing import Any

from workbench.inference.addresses import is_loopback
from workbench.inference.calling import NO_KEY, Caller
from workbench.inference.ollama_body import build_ollama_body
from workbench.inference.outcome import DETAIL_LIMIT, CallFailed, Failure
from workbench.inference.posting import Poster
from workbench.inference.reply import build_reply
from workbench.inference.retrier import Retrier
from workbench.inference.streaming import StreamedAnswer
from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest, Endpoint


class OllamaClient(Caller):
    """Chat through `POST /api/chat`.

    Args:
        endpoint: Where and what to ask; its address is the server's root.
        key: For servers behind a gate; empty for none. Never logged, never part of an error.
        retrier: Retries, shared by all requests of this client.
        clock: A steady clock in seconds.
    """

    always_lists = True

    def __init__(
        self,
        endpoint: Endpoint,
        key: str = "",
        *,
        retrier: Retrier | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(endpoint, key)
        self._retrier = retrier or Retrier(endpoint.name)
        self._clock = clock
        self._poster = Poster(
            f"{endpoint.base_url}/api/chat",
            key or NO_KEY,
            connect_s=endpoint.timeout_s,
            trust_env=not is_loopback(endpoint.base_url),
        )

    async def complete(self, request: ChatRequest) -> ChatReply:
        """One answer; see `ChatClient`."""
        started = self._clock()
        body = build_ollama_body(self._endpoint, request, stream=False)
        try:
            reply = read_chat(await self._retrier.run(lambda: self._send(self._poster.post(body))))
        except CallFailed as exc:
            reply = await self._settle(exc)
        return reply.model_copy(update={"seconds": self._clock() - started})

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatChunk]:
        """The answer as it comes in; see `Streamer`. A stream that broke off is not begun again."""
        started = self._clock()
        body = build_ollama_body(self._endpoint, request, stream=True)
        answer = StreamedAnswer()
        try:
            lines, first = await self._retrier.run(lambda: self._send(self._begin(body)))
            async with aclosing(lines), aclosing(self._follow(lines, first)) as followed:
                async for event in followed:
                    if chunk := answer.take(_as_event(event), self._clock() - started):
                        yield chunk
            if chunk := answer.flush():
                yield chunk
            reply = answer.build()
        except CallFailed as exc:
            reply = answer.build_failed(await self._settle(exc))
        yield ChatChunk(reply=reply.model_copy(update={"seconds": self._clock() - started}))

    async def _begin(self, body: dict[str, Any]) -> tuple[AsyncGenerator[Any], Any]:
        """The lines of a new stream, and the first of them: until then a call can be tried again."""
        lines = self._poster.post_lines(body)
        async with AsyncExitStack() as opened:
            opened.push_async_callback(lines.aclose)
            first = await anext(lines, None)
            opened.pop_all()
        return lines, first

    async def _follow(self, lines: AsyncGenerator[Any], first: Any) -> AsyncGenerator[Any]:
        """The lines of a stream, within the time for one answer."""
        until = asyncio.get_running_loop().time() + self._endpoint.timeout_s
        event = first
        while event is not None:
            if event.error:
                raise CallFailed(Failure("retry", "answer_server_error", str(event.error)[:DETAIL_LIMIT]))
            yield event
            event = await self._send(anext(lines, None), until)

    async def models(self) -> tuple[str, ...]:
        """Names of the models that the server has."""
        url = f"{self._endpoint.base_url}/api/tags"
        try:
            found = await self._retrier.run(lambda: self._send(self._poster.fetch(url)))
        except CallFailed as exc:
            raise self._explain(exc.failure) from exc
        return tuple(str(model.name) for model in found.models or ())

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()


def read_chat(answer: Any) -> ChatReply:
    """A reply from the whole answer.

    Raises:
        CallFailed: There is no answer in it.
    """
    if answer.error:
        raise CallFailed(Failure("request", "request_refused", str(answer.error)[:DETAIL_LIMIT]))
    message = answer.message
    if message is None or not isinstance(message.content, str | None):
        raise CallFailed(Failure("request", "answer_not_chat", str(answer)[:DETAIL_LIMIT]))
    finish = str(answer.done_reason or "")
    return build_reply(message.content or "", str(message.thinking or ""), finish, _usage(answer))


def _as_event(line: Any) -> Any:
    """A line in the shape of the events that `StreamedAnswer` gathers."""
    message = line.message
    content = getattr(message, "content", None)
    thinking = getattr(message, "thinking", None)
    finish = str(line.done_reason or "stop") if line.done else None
    return SimpleNamespace(
        choices=[
            SimpleNamespace(delta=SimpleNamespace(content=content, reasoning=thinking), finish_reason=finish)
        ],
        usage=_usage(line) if line.done else None,
    )


def _usage(line: Any) -> Any:
    return SimpleNamespace(prompt_tokens=line.prompt_eval_count, completion_tokens=line.eval_count)
