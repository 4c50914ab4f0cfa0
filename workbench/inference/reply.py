"""From what a server sends back to a reply with a state. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from workbench.schemas.inference import AnswerState, ChatReply

_CLOSED = re.compile(r"<think>.*?</think>", re.DOTALL)
OPEN = "<think>"
CLOSE = "</think>"


class Stripped(NamedTuple):
    """An answer without its thinking part."""

    text: str
    reasoning: str
    unclosed: bool
    """Thinking began and never ended: there is no answer."""


def strip_thinking(text: str) -> Stripped:
    """Take `<think>...</think>` out of an answer.

    A `</think>` without an opener (the template wrote the opener into the prompt) ends the thinking part;
    an opener without a closer means that the answer was never reached.
    """
    reasoning = [match[len(OPEN) : -len(CLOSE)].strip() for match in _CLOSED.findall(text)]
    rest = _CLOSED.sub("", text)
    if CLOSE in rest:
        before, _, rest = rest.rpartition(CLOSE)
        reasoning.append(before.replace(CLOSE, "").strip())
    if OPEN in rest:
        _, _, begun = rest.partition(OPEN)
        return Stripped("", "\n".join([*reasoning, begun.strip()]).strip(), True)
    return Stripped(rest.strip(), "\n".join(reasoning).strip(), False)


def decide_state(answer: Stripped, finish_reason: str) -> AnswerState:
    """What an answer is. An answer that ran out of tokens while thinking has no text to score."""
    cut = finish_reason == "length"
    if answer.unclosed or (cut and not answer.text and answer.reasoning):
        return "thinking_truncated"
    if not answer.text:
        return "truncated" if cut else "empty"
    return "truncated" if cut else "ok"


def build_reply(content: str, apart: str, finish: str, usage: Any) -> ChatReply:
    """A reply from what a server sent.

    Args:
        content: The answer, thinking tags and all.
        apart: Thinking that the server sent in a field of its own.
        finish: Its finish reason, empty where it gave none.
        usage: Token counts as the openai library reads them, or None.
    """
    answer = strip_thinking(content)
    answer = answer._replace(reasoning="\n".join(part for part in (apart, answer.reasoning) if part))
    filtered = finish == "content_filter"
    return ChatReply(
        text=answer.text,
        reasoning=answer.reasoning,
        state="error" if filtered else decide_state(answer, finish),
        finish_reason=finish,
        prompt_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        completion_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        error_code="answer_filtered" if filtered else "",
    )
