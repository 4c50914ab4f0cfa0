"""What is sent to a chat API. Pure; the library that sends it is not loaded."""

from __future__ import annotations

from typing import Any

from workbench.inference.thinking import build_extra_body, prepare_messages
from workbench.schemas.inference import ChatRequest, Endpoint


def build_body(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    """Arguments of one chat completion."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [message.model_dump() for message in prepare_messages(endpoint, request.messages)],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    extra = build_extra_body(endpoint)
    return body | {"extra_body": extra} if extra else body
