"""Tries an endpoint before a job relies on it: its model list, one question, and the same question streamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from workbench.errors import EndpointError
from workbench.inference.clients import create_client
from workbench.inference.locality import guess_locality, leaves_house
from workbench.inference.outcome import to_endpoint_error
from workbench.inference.protocol import ChatClient, ModelLister, Streamer
from workbench.inference.retry import RetryPolicy
from workbench.inference.thinking import has_thought_unasked
from workbench.schemas.base import parse
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling
from workbench.schemas.probing import EndpointReport

QUESTION = "1+1"
LONGER_QUESTION = "1, 2, 3, ... 50"
"""Makes most models write enough to measure how fast they write."""
PROBE_TOKENS = 64
PROBE_TRIES = 2
PROBE_SECONDS = 60.0
ENOUGH_TOKENS = 8
"""Fewer say nothing about speed."""


@dataclass(frozen=True)
class ProbeResult:
    """What an endpoint showed of itself."""

    models: tuple[str, ...]
    """Empty where the server keeps no list."""
    reply: ChatReply

    @property
    def thinks(self) -> bool:
        """Whether a thinking part came, although it may have been switched off."""
        return bool(self.reply.reasoning)


async def probe(
    endpoint: Endpoint,
    *,
    environ: Mapping[str, str],
    create: Callable[..., ChatClient] = create_client,
) -> ProbeResult:
    """Ask the endpoint for its models and one short question.

    Raises:
        EndpointError: It cannot be used; the sentence says why.
        InputError: Its dialect is unknown.
        StateError: The variable that should hold its key is not set.
    """
    client = _open(endpoint, environ, create)
    try:
        return await _probe(endpoint, client)
    finally:
        await client.close()


async def examine(
    endpoint: Endpoint,
    *,
    environ: Mapping[str, str],
    create: Callable[..., ChatClient] = create_client,
) -> EndpointReport:
    """Everything that the trial button shows: models, one answer, streaming, a leak of thinking, and speed.

    An endpoint that answers but does not stream is usable; only the chat page misses it.

    Raises:
        EndpointError: It cannot be used; the sentence says why.
        InputError: Its dialect is unknown.
        StateError: The variable that should hold its key is not set.
    """
    client = _open(endpoint, environ, create)
    try:
        result = await _probe(endpoint, client)
        streamed, fault = await _try_stream(client)
    finally:
        await client.close()
    reply = result.reply
    replies = [reply, *([streamed] if streamed else [])]
    return EndpointReport(
        endpoint=endpoint.name,
        models=result.models,
        answer=reply.text,
        seconds=reply.seconds,
        completion_tokens=reply.completion_tokens,
        tokens_per_second=_speed(streamed) if streamed else _speed(reply),
        streams=None if not isinstance(client, Streamer) else _came_in_bits(streamed),
        stream_error=fault,
        first_token_seconds=streamed.first_token_seconds if streamed else None,
        thinks=any(one.reasoning for one in replies),
        thinking_leaks=any(has_thought_unasked(endpoint, one) for one in replies),
        locality=endpoint.locality,
        seems=guess_locality(endpoint.base_url),
        leaves_house=leaves_house(endpoint),
    )


def _open(endpoint: Endpoint, environ: Mapping[str, str], create: Callable[..., ChatClient]) -> ChatClient:
    short = endpoint.model_copy(update={"timeout_s": min(endpoint.timeout_s, PROBE_SECONDS)})
    return create(short, environ=environ, policy=RetryPolicy(tries=PROBE_TRIES))


async def _probe(endpoint: Endpoint, client: ChatClient) -> ProbeResult:
    models = await client.models() if isinstance(client, ModelLister) else ()
    reply = await client.complete(_question(QUESTION))
    if reply.state == "error":
        raise to_endpoint_error(endpoint, reply.error_code, reply.error_detail)
    return ProbeResult(models, reply)


async def _try_stream(client: ChatClient) -> tuple[ChatReply | None, str]:
    """The reply of a streamed answer and the code of what went wrong."""
    if not isinstance(client, Streamer):
        return None, ""
    try:
        async with aclosing(client.stream(_question(LONGER_QUESTION))) as chunks:
            async for chunk in chunks:
                if chunk.reply is not None:
                    return chunk.reply, chunk.reply.error_code
    except EndpointError as exc:
        return None, exc.code
    return None, "answer_cut_off"


def _came_in_bits(reply: ChatReply | None) -> bool:
    return reply is not None and reply.state != "error" and reply.first_token_seconds is not None


def _speed(reply: ChatReply) -> float | None:
    """Tokens a second from the first token on, or over the whole time where that is not known."""
    if reply.completion_tokens < ENOUGH_TOKENS:
        return None
    if reply.first_token_seconds is None:
        return reply.completion_tokens / reply.seconds if reply.seconds > 0 else None
    writing = reply.seconds - reply.first_token_seconds
    return (reply.completion_tokens - 1) / writing if writing > 0 else None


def _question(text: str) -> ChatRequest:
    return ChatRequest(
        messages=(ChatMessage(role="user", content=text),),
        sampling=parse(Sampling, {"max_tokens": PROBE_TOKENS}),
    )
