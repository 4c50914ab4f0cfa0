"""How a model is reached and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.chat import ChatMessage

Engine = Literal["embedded", "vllm", "nim", "ollama", "llamacpp", "openai"]
Locality = Literal["local", "lan", "cloud"]


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url_not_http")
    if parts.username or parts.password:
        raise ValueError("url_has_secret")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_check_url)]


class Sampling(StrictModel):
    """How tokens are drawn."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0 takes the likeliest token (greedy)."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    max_tokens: int = Field(default=512, ge=1, le=32768)
    """Longest answer in tokens."""
    seed: int = 0
    stop: tuple[str, ...] = ()


class Endpoint(StrictModel):
    """A model behind a chat API. Keys are named, never held."""

    name: SafeName
    base_url: HttpUrl
    """Up to and including `/v1` for the `openai` dialect; the server's root for `ollama`."""
    model: str = Field(min_length=1)
    engine: Engine = "openai"
    dialect: Literal["openai", "ollama"] = "openai"
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty for none."""
    extra_body: dict[str, Any] = Field(default_factory=dict[str, Any])
    thinking: Literal["default", "off", "on"] = "off"
    locality: Locality = "local"
    max_in_flight: int = Field(default=8, ge=1, le=1024)
    """Requests at the same time."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds to wait for one answer."""
    usd_per_million_input: float = Field(default=0.0, ge=0)
    usd_per_million_output: float = Field(default=0.0, ge=0)


AnswerState = Literal["ok", "empty", "truncated", "thinking_truncated", "error"]


class ChatRequest(StrictModel):
    """One question to a model."""

    messages: tuple[ChatMessage, ...]
    sampling: Sampling = Sampling()


class ChatReply(StrictModel):
    """One answer; an error is a state, never an empty answer."""

    text: str
    """The answer without its thinking part."""
    reasoning: str = ""
    state: AnswerState = "ok"
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    error_code: str = ""
    """Code of the error where the state is `error`."""
    error_detail: str = ""
