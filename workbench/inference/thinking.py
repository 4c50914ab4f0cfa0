"""How each engine, and each family of models, is told to think or not to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, Endpoint, Engine, ThinkingWords


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


class Words(NamedTuple):
    """What a family of models reads as the switch."""

    on: str
    off: str


WORDS: dict[ThinkingWords, Words] = {
    "slash": Words("/think", "/no_think"),
    "detailed": Words("detailed thinking on", "detailed thinking off"),
}

# names as their makers write them, in lower case; the first that fits counts
FAMILIES: tuple[tuple[re.Pattern[str], ThinkingWords], ...] = (
    (re.compile(r"nemotron-super-49b-v1[._]5"), "slash"),
    (re.compile(r"llama-?3[._]\d-nemotron-(nano|super|ultra)"), "detailed"),
    (re.compile(r"nemotron-nano-\d+b-v2"), "slash"),
)


def build_extra_body(endpoint: Endpoint) -> dict[str, Any]:
    """Fields beyond the common ones: the thinking switch, then the endpoint's own, which win."""
    if endpoint.thinking == "default":
        return dict(endpoint.extra_body)
    return SWITCHES[endpoint.engine](endpoint.thinking == "on") | endpoint.extra_body


def find_words(endpoint: Endpoint) -> Words | None:
    """The words that this endpoint's model takes for the switch, None where it has none."""
    family: ThinkingWords = endpoint.thinking_words
    if family == "auto":
        name = endpoint.model.lower()
        found: list[ThinkingWords] = [known for pattern, known in FAMILIES if pattern.search(name)]
        family = found[0] if found else "none"
    return WORDS.get(family)


def prepare_messages(endpoint: Endpoint, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The messages as they are sent: with the words of the switch before the system prompt.

    A prompt that holds one of the words already is left as it is: its author has decided.
    """
    words = find_words(endpoint)
    if words is None or endpoint.thinking == "default" or _speaks(messages, words):
        return tuple(messages)
    word = words.on if endpoint.thinking == "on" else words.off
    if messages and messages[0].role == "system":
        first = ChatMessage(role="system", content=f"{word}\n\n{messages[0].content}")
        return (first, *messages[1:])
    return (ChatMessage(role="system", content=word), *messages)


def _speaks(messages: Sequence[ChatMessage], words: Words) -> bool:
    return any(word in message.content for word in words for message in messages)


def has_thought_unasked(endpoint: Endpoint, reply: ChatReply) -> bool:
    """Whether a thinking part came although it was switched off: the switch did not reach the model."""
    return endpoint.thinking == "off" and bool(reply.reasoning or reply.state == "thinking_truncated")
