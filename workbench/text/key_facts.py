r"""Which of the facts that an expert listed an answer holds.

A fact is a text, or a list of texts of which one is enough. It is found after `norm_ja`, so that width, case,
spaces and punctuation do not count; a figure at its edge must end there (「300円」 is not in 「1,300円」).

A text that begins with `re:` is a regular expression over the answer in NFKC. Facts come from people's files,
and a pattern such as `(a+)+b` would keep Python's matcher busy for longer than anyone waits. No time limit
helps, because a score must not depend on how busy the machine is. So only patterns whose work is bounded are
taken: characters, `.`, classes, groups, alternatives, `?` and `{m,n}` behind a single character, no `*`, `+`,
`{m,}`, no look-around and no back-references, and at most `MOST_WAYS` ways to match at one place. The matcher
then tries at most that many ways at each character of the answer, of which the first `LONGEST` are searched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from workbench.text.normalise import norm_ja, norm_light

Fact = str | Sequence[str]

PATTERN_PREFIX = "re:"
MOST_WAYS = 2_000
LONGEST = 20_000
_LONGEST_PATTERN = 300
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\{[0-9]+(?:,[0-9]+)?\}|.", re.DOTALL)
_REPEAT = re.compile(r"\{([0-9]+)(?:,([0-9]+))?\}")
_BOUND = 200
"""Longest repeat that a pattern may ask for."""


class UnboundedPatternError(ValueError):
    """A pattern of a fact is no regular expression, or its work has no bound."""


def find_facts(answer: str, facts: Sequence[Fact]) -> list[bool]:
    """For each fact whether the answer holds it.

    Raises:
        UnboundedPatternError: See the module's text.
    """
    plain, flat = norm_ja(answer), norm_light(answer)[:LONGEST]
    return [any(_holds(text, plain, flat) for text in _alternatives(fact)) for fact in facts]


def check_fact(fact: Fact) -> None:
    """Refuse a fact that could never be looked for.

    Raises:
        UnboundedPatternError: It is empty, or its pattern is not allowed.
    """
    for text in _alternatives(fact):
        if text.startswith(PATTERN_PREFIX):
            _compile_pattern(text)
        elif not norm_ja(text):
            raise UnboundedPatternError(text)


def _alternatives(fact: Fact) -> Sequence[str]:
    return (fact,) if isinstance(fact, str) else fact


def _holds(text: str, plain: str, flat: str) -> bool:
    if text.startswith(PATTERN_PREFIX):
        return _compile_pattern(text).search(flat) is not None
    return _compile_words(text).search(plain) is not None


@lru_cache(maxsize=4096)
def _compile_words(text: str) -> re.Pattern[str]:
    words = norm_ja(text)
    before = r"(?<![0-9])" if words[:1].isdigit() else ""
    behind = r"(?![0-9])" if words[-1:].isdigit() else ""
    # a fact without a character to look for is in no answer
    return re.compile(f"{before}{re.escape(words)}{behind}" if words else r"(?!)")


@lru_cache(maxsize=4096)
def _compile_pattern(text: str) -> re.Pattern[str]:
    pattern = text.removeprefix(PATTERN_PREFIX)
    if not pattern or len(pattern) > _LONGEST_PATTERN or _count_ways(pattern) > MOST_WAYS:
        raise UnboundedPatternError(pattern)
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise UnboundedPatternError(pattern) from exc


def _count_ways(pattern: str) -> int:
    """An upper bound on the ways in which the pattern can match at one place.

    Each repeat multiplies by its number of lengths, and so does each bar by two, which covers groups of
    alternatives one behind the other. A repeat stands behind one character only (but for `?`), so that
    nothing is repeated in what is repeated.
    """
    ways, previous = 1, ""
    for token in _TOKEN.findall(pattern):
        repeat = _REPEAT.fullmatch(token)
        # a brace of its own begins `{,n}` or `{m,}`
        if token in ("*", "+", "{") or re.fullmatch(r"\\[0-9]", token) or (previous == "(" and token == "?"):
            raise UnboundedPatternError(pattern)
        if repeat:
            least, most = int(repeat.group(1)), int(repeat.group(2) or repeat.group(1))
            if previous == ")" or most > _BOUND:
                raise UnboundedPatternError(pattern)
            ways *= max(1, most - least + 1)
        elif token in ("?", "|"):
            ways *= 2
        previous = token
    return ways
