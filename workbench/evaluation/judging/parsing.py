"""Takes scores and verdicts out of what a judge wrote. Pure; whatever is in doubt is no score.

A score counts where it stands on a line that begins with its criterion; the last such line counts, because a
judge that changes its mind, or quotes, does so before. A reply with a single `[[n]]` at its very end may leave
the criterion out: it is the overall score then. Nothing is guessed from words, and no score is moved into its
range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workbench.schemas.inference import ChatReply
from workbench.schemas.judging import CallState, Choice, Rubric, fold_title

_WIDE = str.maketrans("［］：０１２３４５６７８９ＡＢＣａｂｃ｜", "[]:0123456789ABCabc|")
_BRACKET = re.compile(r"\[\[\s*([^\[\]\n]{1,24}?)\s*\]\]")
_NUMBER = re.compile(r"(-?\d{1,6})(?:\.0+)?")
_LABEL = re.compile(r"^[\W\d_]*(?P<label>[^\[\]:|*\n]{1,60}?)[\s*_`|]*(?::|\||\*\*|(?=\[\[))")
_TAIL = re.compile(r"[\s*_`。.」』)）|]*")
_CHOICES: Mapping[str, Choice] = {"A": "first", "B": "second", "C": "tie"}
_LETTER = re.compile(r"[^\W\d_]")
_ADDED = re.compile(r"[（(=\-–—]")
MIN_REASON = 16
"""Letters beside scores and criteria that count as a reason; one of Chinese or Japanese counts twice."""


class Reading(NamedTuple):
    """What a reply says."""

    state: CallState
    scores: dict[str, float]
    choice: Choice = ""
    has_reason: bool = True


def read_state(reply: ChatReply) -> CallState | None:
    """Why a reply cannot be read at all; None where it can."""
    if reply.state in ("truncated", "thinking_truncated"):
        return "truncated"
    if reply.state in ("error", "empty"):
        return reply.state
    return None


def read_scores(reply: ChatReply, rubric: Rubric) -> Reading:
    """The scores of a reply to an absolute rubric."""
    state = read_state(reply)
    if state is not None:
        return Reading(state, {})
    text = reply.text.translate(_WIDE)
    found = _labelled(text, rubric)
    if set(found) != {criterion.name for criterion in rubric.criteria}:
        found = _single(text, rubric) if not found else {}
    if not found:
        return Reading("unreadable", {})
    scores = {name: _to_number(value) for name, value in found.items()}
    if any(score is None for score in scores.values()):
        return Reading("unreadable", {})
    kept = {name: float(score) for name, score in scores.items() if score is not None}
    if any(not rubric.low <= score <= rubric.high for score in kept.values()):
        return Reading("out_of_range", {})
    titles = [criterion.title for criterion in rubric.criteria]
    return Reading("ok", kept, has_reason=_has_reason(text, reply, titles))


def read_choice(reply: ChatReply) -> Reading:
    """The verdict of a reply to a pairwise rubric: its last `[[…]]`, which must be A, B or C."""
    state = read_state(reply)
    if state is not None:
        return Reading(state, {})
    text = reply.text.translate(_WIDE)
    marks = _BRACKET.findall(text)
    choice = _CHOICES.get(str(marks[-1]).upper(), "") if marks else ""
    if not choice:
        return Reading("unreadable", {})
    return Reading("ok", {}, choice, _has_reason(text, reply, ()))


def _labelled(text: str, rubric: Rubric) -> dict[str, str]:
    names = {fold_title(criterion.title): criterion.name for criterion in rubric.criteria}
    found: dict[str, str] = {}
    for line in text.splitlines():
        start = 0
        for match in _BRACKET.finditer(line):
            name = _name_of(line[start : match.end()], names)
            if name is not None:
                found[name] = match.group(1)
            start = match.end()
    return found


def _name_of(segment: str, names: Mapping[str, str]) -> str | None:
    """The criterion with which the stretch of a line up to a score begins; judges like to add to its word."""
    match = _LABEL.match(segment)
    if match is None:
        return None
    label = fold_title(_ADDED.split(match.group("label"))[0])
    begun = [title for title in names if label.startswith(title)]
    return names[max(begun, key=len)] if begun else None


def _single(text: str, rubric: Rubric) -> dict[str, str]:
    marks = list(_BRACKET.finditer(text))
    if len(marks) == 1 and _TAIL.fullmatch(text, marks[0].end()):
        return {rubric.primary: marks[0].group(1)}
    if len(rubric.criteria) == 1 and marks and _TAIL.fullmatch(text, marks[-1].end()):
        return {rubric.primary: marks[-1].group(1)}
    return {}


def _to_number(text: str) -> int | None:
    match = _NUMBER.fullmatch(text)
    return int(match.group(1)) if match else None


def _has_reason(text: str, reply: ChatReply, titles: Sequence[str]) -> bool:
    rest = _BRACKET.sub("", text)
    for title in titles:
        rest = rest.replace(title, "")
    letters = _LETTER.findall(rest)
    weight = sum(1 if letter.isascii() else 2 for letter in letters)
    return weight >= MIN_REASON or bool(reply.reasoning.strip())
