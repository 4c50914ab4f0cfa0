"""What is sent to Ollama's own API, with every option explicit. Pure.

Its `/v1` ignores the thinking switch, and what a request leaves out comes from the model's file or from defaults
that spoil a comparison (temperature 0.8, the 40 likeliest tokens, a penalty on repetition).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from workbench.inference.thinking import prepare_messages
from workbench.schemas.inference import ChatRequest, Endpoint

NEUTRAL: dict[str, Any] = {
    "top_k": 0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_penalty": 1.0,
    "repeat_last_n": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""Values that change nothing; 0 for `top_k` is all tokens."""
KEEP_ALIVE = "24h"
"""How long the model stays loaded after an answer: the server's five minutes would load it anew between two runs."""


def build_ollama_body(endpoint: Endpoint, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """The body of one `POST /api/chat`. `options` of the endpoint's extra body win over ours, field by field."""
    sampling = request.sampling
    options = NEUTRAL | {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "num_predict": sampling.max_tokens,
        "stop": list(sampling.stop),
    }
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [message.model_dump() for message in prepare_messages(endpoint, request.messages)],
        "stream": stream,
        "keep_alive": KEEP_ALIVE,
    }
    if endpoint.thinking != "default":
        body["think"] = endpoint.thinking == "on"
    own = dict(endpoint.extra_body)
    given: Any = own.pop("options", {})
    further: dict[str, Any] = dict(cast("Mapping[str, Any]", given)) if isinstance(given, Mapping) else {}
    return body | own | {"options": options | further}
