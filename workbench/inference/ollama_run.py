"""Work with an Ollama server from code that is not asynchronous, and that a person can end at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from workbench.inference.ollama_admin import OllamaAdmin

WATCH_SECONDS = 0.2
Connect = Callable[[str], OllamaAdmin]
Result = TypeVar("Result")


def run_with_ollama(
    url: str,
    connect: Connect,
    work: Callable[[OllamaAdmin], Coroutine[Any, Any, Result]],
    check: Callable[[], object],
) -> Result:
    """Connect, work, and close.

    Args:
        url: The server's root.
        connect: Makes the client.
        work: What to do with it.
        check: Called several times a second; may raise to end the work.
    """

    async def run() -> Result:
        client = connect(url)
        try:
            return await watch(work(client), check)
        finally:
            await client.close()

    return asyncio.run(run())


async def watch(work: Coroutine[Any, Any, Result], check: Callable[[], object]) -> Result:
    """Wait for work, and end it at once where `check` raises, even while a server is silent."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=WATCH_SECONDS)
            check()
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
