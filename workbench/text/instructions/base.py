"""What an instruction is, and how the arguments that a data file gives it are read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, cast

Relation = Literal["less than", "at least"]
Reader = Callable[[Any], Any]
"""Turns a value of the data file into an argument; raises ValueError where it cannot."""

_LONGEST_PATTERN = 500
_MOST_WAYS = 2_000
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|[*+?][?+]?|\{[0-9]*,?[0-9]*\}|.", re.DOTALL)
_REPEAT = re.compile(r"[*+][?+]?|\{[0-9]+,?[0-9]*\}|\{,[0-9]*\}")
_LOOK_OR_BACK = re.compile(r"\(\?|\\[1-9]")
_MOST_NAMES = 2
_ENDLESS = 1_000_000


@dataclass(frozen=True)
class Instruction:
    """One type of instruction.

    Args:
        check: Whether a text follows it; the arguments come by name.
        arguments: How each argument is read; all of them must be given.
        fits: The name of an argument that contradicts another one, or an empty text.
        exact: The verdict is the published checker's on every text; otherwise a rule of our own has a part in it.
        detects_language: langdetect is needed.
    """

    check: Callable[..., bool]
    arguments: Mapping[str, Reader] = field(default_factory=dict[str, Reader])
    fits: Callable[[Mapping[str, Any]], str] = lambda values: ""
    exact: bool = True
    detects_language: bool = False


def holds(count: int, relation: Relation, threshold: int) -> bool:
    """Whether a count is `less than` or `at least` a threshold."""
    return count < threshold if relation == "less than" else count >= threshold


def read_count(value: Any) -> int:
    """A whole number from 0; tables of data sets often hold it as 3.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
        raise ValueError(value)
    return int(value)


def read_position(value: Any) -> int:
    """A whole number from 1."""
    if read_count(value) == 0:
        raise ValueError(value)
    return int(value)


def read_relation(value: Any) -> Relation:
    """One of the two ways of comparing."""
    if value not in ("less than", "at least"):
        raise ValueError(value)
    return value


def read_text(value: Any) -> str:
    """A text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value


def read_texts(value: Any) -> tuple[str, ...]:
    """At least one text, none of them blank."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("no list of texts")
    return tuple(read_text(item) for item in cast("Sequence[Any]", value))


def read_letter(value: Any) -> str:
    """One character, in lower case."""
    if not isinstance(value, str) or len(value.strip()) != 1:
        raise ValueError(value)
    return value.strip().lower()


def read_pattern(value: Any) -> str:
    """A regular expression, as the published checker takes a keyword for one."""
    compile_pattern(read_text(value))
    return value


def read_patterns(value: Any) -> tuple[str, ...]:
    """At least one regular expression."""
    return tuple(read_pattern(item) for item in read_texts(value))


def read_choice(*allowed: str) -> Reader:
    """A reader of one of these texts."""

    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(value)
        return value

    return read


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A keyword as a regular expression that pays no heed to case.

    Raises:
        ValueError: It is none, or matching it could take longer than anyone waits.
    """
    if len(pattern) > _LONGEST_PATTERN or _count_ways(pattern) > _MOST_WAYS:
        raise ValueError(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(pattern) from exc


def _count_ways(pattern: str) -> int:
    """An upper bound on the ways in which a pattern matches at one place; `_ENDLESS` where there may be none.

    Nothing may repeat, but for a letter with `++` behind it: "C++" is a name, and has no way back.
    """
    tokens = _TOKEN.findall(pattern)
    names = [before.isalnum() for before, token in pairwise(tokens) if token == "++"]
    repeats = [token for token in tokens if _REPEAT.fullmatch(token)]
    if len(repeats) != sum(names) or len(names) > _MOST_NAMES:
        return _ENDLESS
    if _LOOK_OR_BACK.search(pattern.replace("(?:", "(")):
        return _ENDLESS
    bars, questions = tokens.count("|"), sum(token[0] == "?" for token in tokens)
    # alternatives of groups one behind the other multiply, those of the whole pattern add up
    return 2 ** min(questions, 20) * (2 ** min(bars, 20) if "(" in tokens or "(?:" in tokens else bars + 1)
