"""Tries an endpoint before a job relies on it: its model list, and one question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.inference.clients import create_client
from workbench.inference.outcome import to_endpoint_error
from workbench.inference.protocol import ChatClient, ModelLister
from workbench.inference.retry import RetryPolicy
from workbench.schemas.base import parse
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling

QUESTION = "1+1"
PROBE_TOKENS = 64
PROBE_TRIES = 2
PROBE_SECONDS = 60.0


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
    short = endpoint.model_copy(update={"timeout_s": min(endpoint.timeout_s, PROBE_SECONDS)})
    client = create(short, environ=environ, policy=RetryPolicy(tries=PROBE_TRIES))
    try:
        models = await client.models() if isinstance(client, ModelLister) else ()
        reply = await client.complete(_question())
    finally:
        await client.close()
    if reply.state == "error":
        raise to_endpoint_error(endpoint, reply.error_code, reply.error_detail)
    return ProbeResult(models, reply)


def _question() -> ChatRequest:
    return ChatRequest(
        messages=(ChatMessage(role="user", content=QUESTION),),
        sampling=parse(Sampling, {"max_tokens": PROBE_TOKENS}),
    )
