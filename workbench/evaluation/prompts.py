"""Takes a RAFT prompt apart again: documents and question out of the user's message. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = re.compile(r"^参考文書([0-9]+):\n", re.MULTILINE)
_QUESTION = "\n質問: "


class RaftPrompt(NamedTuple):
    """What a RAFT prompt holds."""

    documents: tuple[str, ...]
    """In the order of their numbers, without the empty lines around them."""
    question: str


def parse_raft_prompt(content: str) -> RaftPrompt | None:
    """Documents and question of a user's message, or None where it is no RAFT prompt.

    Headers count only in order (1, 2, 3 …), so that a document may itself speak of 「参考文書2:」; the
    question begins at the last 「質問: 」 that starts a line.
    """
    body, separator, question = content.rpartition(_QUESTION)
    if not separator:
        return None
    headers: list[re.Match[str]] = []
    for match in _HEADER.finditer(body):
        if int(match.group(1)) == len(headers) + 1:
            headers.append(match)
    if not headers:
        return None
    ends = [match.start() for match in headers[1:]] + [len(body)]
    documents = tuple(body[match.end() : end].strip("\n") for match, end in zip(headers, ends, strict=True))
    return RaftPrompt(documents, question.strip())


def general_prompt(question: str, choices: Sequence[str]) -> str:
    """The prompt of a multiple-choice question: the right answer is the number alone."""
    lines = [question, *(f"{label}. {choice}" for label, choice in enumerate(choices))]
    return "\n".join([*lines, "番号だけで答えてください。"])
