"""The client for servers that speak OpenAI's chat API. Retries are ours: the library's own are switched off.

Whole answers are fetched by `posting`; the library streams and lists models.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.inference.addresses import is_loopback
from workbench.inference.body import build_body
from workbench.inference.calling import NO_KEY, Caller
from workbench.inference.outcome import DETAIL_LIMIT, CallFailed, Failure
from workbench.inference.posting import Poster
from workbench.inference.reply import build_reply
from workbench.inference.retrier import Retrier
from workbench.inference.streaming import StreamedAnswer
from workbench.schemas.inference import ChatChunk, ChatReply, ChatRequest, Endpoint

if TYPE_CHECKING:
    from workbench.inference.library import Library

STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class OpenAIClient(Caller):
    """Chat through `AsyncOpenAI`.

    Args:
        endpoint: Where and what to ask.
        key: The key itself, empty for none. Never logged, never part of an error.
        retrier: Retries, shared by all requests of this client.
        clock: A steady clock in seconds.
        build: Arguments of a call; another function for servers that answer chat requests with something else.
        read: What a call gave.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: str = "",
        *,
        retrier: Retrier | None = None,
        clock: Callable[[], float] = time.monotonic,
        build: Callable[[Endpoint, ChatRequest], dict[str, Any]] | None = None,
        read: Callable[[Any], ChatReply] | None = None,
    ) -> None:
        super().__init__(endpoint, key)
        self._retrier = retrier or Retrier(endpoint.name)
        self._clock = clock
        self._build = build or build_body
        self._read = read or read_completion
        self._poster = Poster(
            f"{endpoint.base_url}/chat/completions",
            key or NO_KEY,
            connect_s=endpoint.timeout_s,
            trust_env=not is_loopback(endpoint.base_url),
        )

    async def complete(self, request: ChatRequest) -> ChatReply:
        """One answer; see `ChatClient`."""
        started = self._clock()
        body = self._build(self._endpoint, request)
        try:
            reply = self._read(await self._retrier.run(lambda: self._send(self._post(body))))
        except CallFailed as exc:
            reply = await self._settle(exc)
        return reply.model_copy(update={"seconds": self._clock() - started})

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatChunk]:
        """The answer as it comes in; see `Streamer`."""
        started = self._clock()
        body = build_body(self._endpoint, request) | STREAMED
        answer = StreamedAnswer()
        try:
            events = await self._retrier.run(lambda: self._send(self._library.stream(body)))
            async with aclosing(self._follow(events)) as followed:
                async for event in followed:
                    if chunk := answer.take(event, self._clock() - started):
                        yield chunk
            if chunk := answer.flush():
                yield chunk
            reply = answer.build()
        except CallFailed as exc:
            reply = answer.build_failed(await self._settle(exc))
        yield ChatChunk(reply=reply.model_copy(update={"seconds": self._clock() - started}))

    async def _follow(self, events: Any) -> AsyncGenerator[Any]:
        """The events of a stream, within the time for one answer; leaving it closes the connection."""
        until = asyncio.get_running_loop().time() + self._endpoint.timeout_s
        iterator = aiter(events)
        try:
            while (event := await self._send(self._library.advance(iterator), until)) is not None:
                yield event
        finally:
            await events.close()

    async def models(self) -> tuple[str, ...]:
        """Names that the server lists; empty where it keeps no list."""
        try:
            return await self._retrier.run(lambda: self._send(self._library.list_models()))
        except CallFailed as exc:
            raise self._explain(exc.failure) from exc

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()
        if "_library" in self.__dict__:
            await self._library.close()

    @cached_property
    def _library(self) -> Library:
        # imported here, so that asking for whole answers never waits for it
        from workbench.inference.library import Library

        return Library(self._endpoint, self._key)

    async def _post(self, body: dict[str, Any]) -> Any:
        plain = {name: value for name, value in body.items() if name != "extra_body"}
        return await self._poster.post(plain | body.get("extra_body", {}))


def read_completion(completion: Any) -> ChatReply:
    """A reply from the library's answer, which may be anything where the server is no chat server.

    Raises:
        CallFailed: There is no answer in it.
    """
    choices = getattr(completion, "choices", None)
    if not choices or getattr(choices[0], "message", None) is None:
        raise CallFailed(Failure("request", "answer_not_chat", str(completion)[:DETAIL_LIMIT]))
    choice = choices[0]
    if not isinstance(choice.message.content, str | None):
        raise CallFailed(Failure("request", "answer_not_chat", str(choice.message.content)[:DETAIL_LIMIT]))
    message, finish = choice.message, str(choice.finish_reason or "")
    apart = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or ""
    return build_reply(message.content or "", str(apart), finish, getattr(completion, "usage", None))
