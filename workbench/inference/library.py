"""The openai library: its client, and what its exceptions mean.

It is loaded only where an answer is streamed or models are listed, because loading it takes longer than a hundred
answers.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import openai

from workbench.inference.addresses import is_loopback
from workbench.inference.calling import NO_KEY
from workbench.inference.failures import read_refusal, sort_refusal
from workbench.inference.http_import import aiohttp
from workbench.inference.outcome import DETAIL_LIMIT, CallFailed, Failure
from workbench.inference.posting import CONNECT_SECONDS
from workbench.schemas.inference import Endpoint

Answer = TypeVar("Answer")


class Library:
    """The library's client for one endpoint, its exceptions as `CallFailed`.

    Args:
        endpoint: Where and what to ask.
        key: The key itself, empty for none.
    """

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        self._client = connect(endpoint, key)

    async def stream(self, body: dict[str, Any]) -> Any:
        """The events of a streamed answer, for `advance`; its `close` ends the connection."""
        # Any: with keyword arguments from a dict none of its overloads can be chosen
        completions: Any = self._client.chat.completions
        return await _translated(completions.create(**body))

    async def advance(self, events: Any) -> Any:
        """The next event, None after the last one."""
        return await _translated(anext(events, None))

    async def list_models(self) -> tuple[str, ...]:
        """Names that the server lists; empty where it keeps no list."""
        try:
            page: Any = await _translated(self._client.models.list())
        except CallFailed as exc:
            if isinstance(exc.__cause__, openai.NotFoundError):
                return ()
            raise
        return tuple(str(model.id) for model in getattr(page, "data", None) or ())

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def connect(endpoint: Endpoint, key: str) -> openai.AsyncOpenAI:
    """The client, without its retries and without what it would read from the environment.

    It has the aiohttp transport: the default one becomes the bottleneck at about a hundred requests at once.
    """
    http: Any = openai.DefaultAioHttpClient(
        # a proxy of the environment must not see requests to this machine
        trust_env=not is_loopback(endpoint.base_url),
        # a redirect would carry questions, and the key, to an address that nobody has checked
        follow_redirects=False,
    )
    client = openai.AsyncOpenAI(
        api_key=key or NO_KEY,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=openai.Timeout(endpoint.timeout_s, connect=min(CONNECT_SECONDS, endpoint.timeout_s)),
        http_client=http,
    )
    # these come from OPENAI_ORG_ID and OPENAI_PROJECT_ID and concern one cloud service only
    client.organization = None
    client.project = None
    return client


async def _translated(call: Awaitable[Answer]) -> Answer:
    try:
        return await call
    except openai.OpenAIError as exc:
        raise CallFailed(sort_error(exc)) from exc


def sort_error(error: openai.OpenAIError) -> Failure:
    """What an exception of the library means."""
    if isinstance(error, openai.APIConnectionError):
        refused = _find_refusal(error)
        if isinstance(error, openai.APITimeoutError) and refused is None:
            return Failure("retry", "answer_timeout")
        return Failure("retry", "answer_unreachable", str(refused or error.__cause__ or error)[:DETAIL_LIMIT])
    if isinstance(error, openai.APIStatusError):
        headers = dict(error.response.headers)
        return sort_refusal(read_refusal(error.status_code, headers, error.message, error.body))
    if type(error) is openai.APIError:
        # how the library reports an error inside a stream
        return Failure("retry", "answer_server_error", str(error.message)[:DETAIL_LIMIT])
    return Failure("request", "answer_not_chat", str(error)[:DETAIL_LIMIT])


def _find_refusal(error: BaseException) -> aiohttp.ClientConnectionError | None:
    """The connection error behind it: the transport calls a refused connection a timeout."""
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, TimeoutError):
            return cause
        cause = cause.__cause__
    return None
