"""How a model is reached and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.chat import ChatMessage

Engine = Literal["embedded", "vllm", "nim", "ollama", "llamacpp", "openai"]
Locality = Literal["local", "lan", "cloud"]
ThinkingWords = Literal["auto", "none", "slash", "detailed"]
"""`slash`: `/think` and `/no_think` (Nemotron Nano v2). `detailed`: `detailed thinking on|off` (Llama-Nemotron)."""

IN_FLIGHT: dict[str, int] = {
    "nim": 200,
    "vllm": 200,
    "embedded": 16,
    "llamacpp": 4,
    "ollama": 4,
    "openai": 8,
}
"""Requests at the same time that an engine usually bears: those with continuous batching take hundreds, the
local server batches 16, llama.cpp and Ollama have a few slots; of an unknown service little is asked."""


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
    thinking_words: ThinkingWords = "auto"
    """Words in the prompt that this model takes for the switch; `auto`: by the model's name."""
    locality: Locality = "local"
    max_in_flight: int = Field(default=8, ge=1, le=1024)
    """Requests at the same time; where it is left out, what the engine usually bears."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds to wait for one answer."""
    usd_per_million_input: float = Field(default=0.0, ge=0)
    usd_per_million_output: float = Field(default=0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_flight(cls, values: Any) -> Any:
        given = cast("dict[str, Any]", values) if isinstance(values, dict) else None
        if given is None or given.get("max_in_flight") is not None:
            return cast("Any", values)
        usual = IN_FLIGHT.get(str(given.get("engine")), IN_FLIGHT["openai"])
        return {**given, "max_in_flight": usual}


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
    first_token_seconds: float | None = None
    """Until the first bit of a streamed answer, its thinking part included; None where it was not streamed."""


class ChatChunk(StrictModel):
    """A bit of a streamed answer; what the chunks show is provisional, the last one's reply counts."""

    text: str = ""
    """What the answer goes on with."""
    reasoning: str = ""
    """What the thinking part goes on with."""
    restart: bool = False
    """All text of earlier chunks was thinking: its end came without a beginning."""
    reply: ChatReply | None = None
    """The whole answer; in the last chunk only."""
