"""From what a server sends back to a reply with a state. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from workbench.schemas.inference import AnswerState

_CLOSED = re.compile(r"<think>.*?</think>", re.DOTALL)
_OPEN = "<think>"
_CLOSE = "</think>"


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
    reasoning = [match[len(_OPEN) : -len(_CLOSE)].strip() for match in _CLOSED.findall(text)]
    rest = _CLOSED.sub("", text)
    if _CLOSE in rest:
        before, _, rest = rest.rpartition(_CLOSE)
        reasoning.append(before.replace(_CLOSE, "").strip())
    if _OPEN in rest:
        _, _, begun = rest.partition(_OPEN)
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
