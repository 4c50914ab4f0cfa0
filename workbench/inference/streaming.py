"""Answers while they come in: what a streaming server sends, gathered into chunks and a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple

from workbench.errors import WorkbenchError
from workbench.inference.outcome import CallFailed, Failure
from workbench.inference.reply import build_reply
from workbench.inference.splitting import Split, ThinkingSplitter
from workbench.schemas.inference import ChatChunk, ChatReply

_CUT = frozenset({"answer_unreachable", "answer_server_error"})
"""Faults that mean, once an answer has begun, that it was cut off."""


class StreamedAnswer:
    """Gathers the events of one streamed answer."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._reasoning: list[str] = []
        self._splitter = ThinkingSplitter()
        self._finish = ""
        self._usage: Any = None
        self._pieces = 0
        self.first_seconds: float | None = None
        """When the first bit of the answer came."""
        self.events = 0
        """How many events came."""

    def take(self, event: Any, seconds: float) -> ChatChunk | None:
        """What an event adds to the page; None where it adds nothing.

        Args:
            event: A chunk as the openai library reads it; anything may be missing in it.
            seconds: Since the request.
        """
        self.events += 1
        self._usage = getattr(event, "usage", None) or self._usage
        choices = getattr(event, "choices", None) or ()
        if not choices:
            return None
        self._finish = str(getattr(choices[0], "finish_reason", None) or self._finish)
        delta = getattr(choices[0], "delta", None)
        text = str(getattr(delta, "content", None) or "")
        apart = str(getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None) or "")
        if not text and not apart:
            return None
        if self.first_seconds is None:
            self.first_seconds = seconds
        self._pieces += 1
        self._parts.append(text)
        self._reasoning.append(apart)
        split = self._splitter.feed(text)
        return _show(split._replace(reasoning=apart + split.reasoning))

    def flush(self) -> ChatChunk | None:
        """What was held back because it might have been the beginning of a tag."""
        return _show(self._splitter.finish())

    def build(self) -> ChatReply:
        """The reply of a stream that ended.

        Raises:
            CallFailed: `answer_not_chat` where nothing came that looks like an answer, `answer_cut_off` where
                the server never said that the answer is whole.
        """
        if not self.events:
            raise CallFailed(Failure("request", "answer_not_chat"))
        if not self._finish:
            raise CallFailed(Failure("request", "answer_cut_off"))
        return self._reply(self._finish)

    def build_failed(self, failed: ChatReply) -> ChatReply:
        """The reply of a stream that broke: an error that still shows what had come."""
        if not self._pieces:
            return failed
        seen = self._reply("")
        code = "answer_cut_off" if failed.error_code in _CUT else failed.error_code
        kept = {"state": "error", "error_code": code, "error_detail": failed.error_detail}
        return seen.model_copy(update=kept)

    def _reply(self, finish: str) -> ChatReply:
        reply = build_reply("".join(self._parts), "".join(self._reasoning), finish, self._usage)
        # servers that do not count send about one piece per token
        counted = {} if reply.completion_tokens else {"completion_tokens": self._pieces}
        return reply.model_copy(update={**counted, "first_token_seconds": self.first_seconds})


def _show(split: Split) -> ChatChunk | None:
    return ChatChunk(**split._asdict()) if any(split) else None


class Arrival(NamedTuple):
    """A chunk of one of several answers, or the error that ended it."""

    place: int
    """Which of the answers, counted from 0."""
    chunk: ChatChunk | None
    error: WorkbenchError | None = None


async def stream_all(streams: Sequence[AsyncGenerator[ChatChunk]]) -> AsyncGenerator[Arrival]:
    """Chunks of several answers in the order in which they arrive.

    An error of one endpoint ends its own answer only. Closing this generator closes every stream, and with it
    the connection to its server.
    """
    arrivals: asyncio.Queue[Arrival | None] = asyncio.Queue()
    tasks = [asyncio.create_task(_forward(i, stream, arrivals)) for i, stream in enumerate(streams)]
    running = len(tasks)
    try:
        while running:
            arrival = await arrivals.get()
            if arrival is None:
                running -= 1
            else:
                yield arrival
        for task in tasks:
            # a fault of ours must not look like an answer that never came
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(
    place: int, stream: AsyncGenerator[ChatChunk], arrivals: asyncio.Queue[Arrival | None]
) -> None:
    try:
        async for chunk in stream:
            arrivals.put_nowait(Arrival(place, chunk))
    except WorkbenchError as error:
        arrivals.put_nowait(Arrival(place, None, error))
    finally:
        await stream.aclose()
        arrivals.put_nowait(None)
