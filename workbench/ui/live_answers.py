"""One question to several models at once: what each has said so far, and the loop that keeps it fresh.

Knows nothing of gradio; the page draws what `show` makes of it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import InternalError, WorkbenchError
from workbench.inference import Arrival, ChatClient, RetryPolicy, Streamer, create_client, stream_all
from workbench.schemas.inference import ChatReply, ChatRequest
from workbench.ui.live_sources import Source

FRAME_SECONDS = 0.08
"""Between two looks at what came: twelve pictures a second read as flowing text."""
POLICY = RetryPolicy(tries=2)
"""A person waits: an endpoint that fails twice is told at once."""

ColumnState = Literal["waiting", "answering", "done", "stopped", "error"]
Create = Callable[..., ChatClient]


@dataclass
class Column:
    """One model's answer so far."""

    source: Source
    state: ColumnState = "waiting"
    text: str = ""
    reasoning: str = ""
    reply: ChatReply | None = None
    error: WorkbenchError | None = None

    def take(self, arrival: Arrival) -> None:
        """Take in a chunk, the reply at its end, or the error that ended it."""
        if arrival.error is not None:
            self.state, self.error = "error", arrival.error
        if arrival.chunk is None:
            return
        chunk = arrival.chunk
        if chunk.restart:
            self.text, self.reasoning = "", self.reasoning + self.text
        self.text, self.reasoning = self.text + chunk.text, self.reasoning + chunk.reasoning
        if self.state == "waiting":
            self.state = "answering"
        if chunk.reply is not None:
            self._settle(chunk.reply)

    def _settle(self, reply: ChatReply) -> None:
        self.reply, self.text, self.reasoning = reply, reply.text, reply.reasoning
        self.state = "error" if reply.state == "error" else "done"
        if reply.state == "error":
            self.error = WorkbenchError(reply.error_code)

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self.state in ("waiting", "answering")

    @property
    def tokens_per_second(self) -> float | None:
        """Speed after the first token; None for answers too short to tell."""
        reply = self.reply
        if reply is None or reply.first_token_seconds is None or reply.completion_tokens < 2:
            return None
        passed = reply.seconds - reply.first_token_seconds
        return (reply.completion_tokens - 1) / passed if passed > 0 else None


@dataclass
class StopSigns:
    """Which page views asked their answers to stop; shared by all of them."""

    signs: dict[str, threading.Event] = field(default_factory=dict[str, threading.Event])

    def begin(self, token: str) -> threading.Event:
        """A sign for a new question of a page view; its earlier question stops."""
        self.stop(token)
        self.signs[token] = threading.Event()
        return self.signs[token]

    def stop(self, token: str) -> None:
        """Ask what runs for a page view to stop; harmless where nothing runs."""
        if token in self.signs:
            self.signs[token].set()

    def end(self, token: str, sign: threading.Event) -> None:
        """Forget a sign that is no longer looked at."""
        if self.signs.get(token) is sign:
            del self.signs[token]


async def ask_all(
    columns: Sequence[Column],
    request: ChatRequest,
    sign: threading.Event,
    *,
    environ: Mapping[str, str] = os.environ,
    create: Create = create_client,
    frame_seconds: float = FRAME_SECONDS,
) -> AsyncGenerator[None]:
    """Fill the columns; yields whenever there is something new to draw, the last time when all is over.

    Args:
        columns: One per model; filled in place.
        request: The same for all.
        sign: Set by whoever wants this to stop.
        environ: Where keys are looked up.
        create: Makes a client for an endpoint.
        frame_seconds: Least time between two yields.
    """
    news = asyncio.Event()
    pump = asyncio.create_task(_pump(columns, request, environ, create, news))
    try:
        while not pump.done() and not sign.is_set():
            await asyncio.wait([pump], timeout=frame_seconds)
            if news.is_set():
                news.clear()
                yield
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
    if not sign.is_set():
        pump.result()
    for column in columns:
        if column.is_open:
            column.state = "stopped"
    yield


async def _pump(
    columns: Sequence[Column],
    request: ChatRequest,
    environ: Mapping[str, str],
    create: Create,
    news: asyncio.Event,
) -> None:
    # the first client brings a library that takes a second to import; the page's other events go on meanwhile
    made = await asyncio.to_thread(_make_clients, columns, environ, create)
    news.set()
    open_columns = [column for column in columns if column.error is None]
    try:
        async with aclosing(stream_all([client.stream(request) for client in made])) as arrivals:
            async for arrival in arrivals:
                open_columns[arrival.place].take(arrival)
                news.set()
    finally:
        for client in made:
            await client.close()


def _make_clients(columns: Sequence[Column], environ: Mapping[str, str], create: Create) -> list[Streamer]:
    """A client per column; a column whose endpoint cannot be asked at all carries the error."""
    made: list[Streamer] = []
    for column in columns:
        try:
            client = create(column.source.endpoint, environ=environ, policy=POLICY)
        except WorkbenchError as exc:
            column.state, column.error = "error", exc
            continue
        if not isinstance(client, Streamer):
            raise InternalError("internal", id=type(client).__name__)
        made.append(client)
    return made


def find_twins(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Columns that are the same model at the same address: a difference between them would mean nothing."""
    keys = [(column.source.endpoint.base_url, column.source.endpoint.model) for column in columns]
    return [(a, b) for b in range(len(keys)) for a in range(b) if keys[a] == keys[b]]


def count_same(history: Mapping[str, int], columns: Sequence[Column]) -> dict[str, int]:
    """How often in a row each pair of models gave the same answer, byte for byte.

    Args:
        history: The counts so far, by `pair_key`.
        columns: The answers to the newest question; pairs without two whole answers keep their count.
    """
    counts = dict(history)
    for b, later in enumerate(columns):
        for earlier in columns[:b]:
            if earlier.state == later.state == "done":
                key = pair_key(earlier, later)
                counts[key] = counts.get(key, 0) + 1 if earlier.text == later.text else 0
    return counts


def pair_key(first: Column, second: Column) -> str:
    """Names a pair of models, whichever stands first."""
    return "\n".join(sorted((first.source.id, second.source.id)))
