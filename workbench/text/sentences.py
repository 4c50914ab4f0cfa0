"""Splits Japanese text into sentences without cutting through brackets or quotations."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_PAIRS = {
    "「": "」",
    "『": "』",
    "（": "）",
    "(": ")",
    "【": "】",
    "〔": "〕",
    "［": "］",
    "《": "》",
    "〈": "〉",
}
_CLOSERS = frozenset(_PAIRS.values())
_ENDS = frozenset("。！？")
_END = re.compile(r"[。！？.!?]")
_BRACKET = re.compile("[" + re.escape("".join([*_PAIRS, *_PAIRS.values()])) + "]")
_LATIN_END = re.compile(r"[.!?](?=\s+[A-Z0-9\u3040-\u9fff])")


class Sentence(NamedTuple):
    """One sentence; `text == source[start:end]`, without surrounding whitespace."""

    text: str
    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """Sentences in order.

    A line break ends a sentence; so do 。！？ outside brackets, and `. ` `! ` `? ` in Latin text. A bracket
    that is never closed within its line protects nothing: one typing error must not swallow a paragraph.
    """
    found: list[Sentence] = []
    position = 0
    for line in text.splitlines(keepends=True):
        for start, end in _split_line(line):
            piece = line[start:end]
            lead = len(piece) - len(piece.lstrip())
            stripped = piece.strip()
            if stripped:
                first = position + start + lead
                found.append(Sentence(stripped, first, first + len(stripped)))
        position += len(line)
    return found


def is_balanced(text: str) -> bool:
    """Whether every bracket of the text is closed in the right order."""
    stack: list[str] = []
    for char in text:
        if char in _PAIRS:
            stack.append(_PAIRS[char])
        elif char in _CLOSERS and (not stack or stack.pop() != char):
            return False
    return not stack


def _split_line(line: str) -> list[tuple[int, int]]:
    protected = _protected(line)
    cuts: list[int] = []
    for match in _END.finditer(line):
        index, char = match.start(), match.group()
        if protected[index]:
            continue
        ends = char in _ENDS and (index + 1 == len(line) or line[index + 1] not in _ENDS)
        if ends or (char in ".!?" and _ends_latin(line, index)):
            cuts.append(index + 1)
    edges = [0, *cuts, len(line)]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _ends_latin(line: str, index: int) -> bool:
    # "3. 5" and "No. 7" are no ends of sentences: a word of two small letters or more must stand before
    word = line[max(0, index - 2) : index]
    return _LATIN_END.match(line, index) is not None and len(word) == 2 and word.islower() and word.isascii()


def _protected(line: str) -> list[bool]:
    """For each character whether it stands inside a pair of brackets that is closed within the line."""
    inside = [False] * len(line)
    stack: list[tuple[str, int]] = []
    for match in _BRACKET.finditer(line):
        index, char = match.start(), match.group()
        if char in _PAIRS:
            stack.append((_PAIRS[char], index))
        else:
            depth = next((d for d in range(len(stack) - 1, -1, -1) if stack[d][0] == char), None)
            if depth is not None:
                start = stack[depth][1]
                del stack[depth:]
                inside[start : index + 1] = [True] * (index + 1 - start)
    return inside
