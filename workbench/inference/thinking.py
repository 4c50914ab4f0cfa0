"""How each engine is told to think or not to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.schemas.inference import Endpoint, Engine


def _by_template(think: bool) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": think}}


def _by_effort(think: bool) -> dict[str, Any]:
    # Ollama's /v1 ignores `think`; newer versions honour this
    return {} if think else {"reasoning_effort": "none"}


def _by_nothing(think: bool) -> dict[str, Any]:
    # an unknown server may refuse fields that it does not know
    return {}


SWITCHES: dict[Engine, Callable[[bool], dict[str, Any]]] = {
    "embedded": _by_template,
    "vllm": _by_template,
    "nim": _by_template,
    "llamacpp": _by_template,
    "ollama": _by_effort,
    "openai": _by_nothing,
}


def build_extra_body(endpoint: Endpoint) -> dict[str, Any]:
    """Fields beyond the common ones: the thinking switch, then the endpoint's own, which win."""
    if endpoint.thinking == "default":
        return dict(endpoint.extra_body)
    return SWITCHES[endpoint.engine](endpoint.thinking == "on") | endpoint.extra_body
