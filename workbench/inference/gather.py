"""Many requests at once, each reply handed over the moment it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from workbench.inference.protocol import ChatClient
from workbench.schemas.inference import ChatReply, ChatRequest

POLL_SECONDS = 0.2
GRACE_SECONDS = 5.0

OnReply = Callable[[str, ChatReply], None]


async def complete_all(
    client: ChatClient,
    requests: Sequence[tuple[str, ChatRequest]],
    *,
    in_flight: int,
    on_reply: OnReply,
    should_stop: Callable[[], bool],
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Ask all requests, so many at a time.

    After `should_stop` says so no new request begins; those under way get a little time to finish and are
    then dropped unanswered. Whatever `should_stop` or `on_reply` raises ends the call in the same way,
    without the time.

    Args:
        client: Whom to ask.
        requests: Id and request of each question.
        in_flight: Requests at the same time.
        on_reply: Gets id and reply, in the order in which replies arrive; the place for a journal.
        should_stop: Asked several times a second.
        grace_seconds: Time for requests under way after a stop.

    Raises:
        EndpointError: The endpoint cannot be used. Replies that were there before have been handed over.
    """
    waiting = iter(requests)
    stopping = asyncio.Event()
    workers = {
        asyncio.create_task(_work(client, waiting, on_reply, stopping))
        for _ in range(min(in_flight, len(requests)))
    }
    try:
        await _watch(workers, should_stop, stopping, grace_seconds)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _work(
    client: ChatClient,
    waiting: Iterator[tuple[str, ChatRequest]],
    on_reply: OnReply,
    stopping: asyncio.Event,
) -> None:
    for key, request in waiting:
        on_reply(key, await client.complete(request))
        if stopping.is_set():
            return


async def _watch(
    workers: set[asyncio.Task[None]],
    should_stop: Callable[[], bool],
    stopping: asyncio.Event,
    grace_seconds: float,
) -> None:
    """Wait for the workers; pass on the first error of any of them."""
    running = set(workers)
    while running:
        if should_stop():
            stopping.set()
            running = await _wait_and_raise(running, grace_seconds, asyncio.ALL_COMPLETED)
            return
        running = await _wait_and_raise(running, POLL_SECONDS, asyncio.FIRST_EXCEPTION)


async def _wait_and_raise(
    running: set[asyncio.Task[None]], seconds: float, until: str
) -> set[asyncio.Task[None]]:
    done, pending = await asyncio.wait(running, timeout=seconds, return_when=until)
    for worker in done:
        worker.result()
    return pending
