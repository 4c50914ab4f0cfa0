"""How long a text is and how it is divided."""

from __future__ import annotations

import re

from workbench.text.instructions.base import Relation, holds
from workbench.text.instructions.english_sentences import count_sentences

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD_ENDS = re.compile(r"[.,?!'\"]")


def counts_words(text: str, *, num_words: int, relation: Relation) -> bool:
    r"""Runs of `\w` are words: `don't` is two, a Japanese sentence without a sign in it is one."""
    return holds(len(_WORD.findall(text)), relation, num_words)


def counts_sentences(text: str, *, num_sentences: int, relation: Relation) -> bool:
    """Sentences by our own rule; the published checker uses a trained splitter that is not part of this program."""
    return holds(count_sentences(text), relation, num_sentences)


def counts_divided_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """So many paragraphs between dividers `***`; an empty one is allowed at the very start and end only."""
    parts = [part.strip() for part in _DIVIDER.split(text)]
    return all(parts[1:-1]) and sum(1 for part in parts if part) == num_paragraphs


def starts_paragraph(text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    r"""So many paragraphs between empty lines, and the nth begins with a word.

    Quirk kept: paragraphs without text are not counted, and yet keep their place in the order.
    """
    paragraphs = text.split("\n\n")
    filled = sum(1 for paragraph in paragraphs if paragraph.strip())
    if filled != num_paragraphs or nth_paragraph > filled:
        return False
    words = paragraphs[nth_paragraph - 1].split(maxsplit=1)
    if not words:
        return False
    bare = words[0].lstrip("'").lstrip('"')
    return "".join(char.lower() for char in _WORD_ENDS.split(bare, maxsplit=1)[0]) == first_word.lower()
