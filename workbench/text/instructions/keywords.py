"""Keywords and letters. A keyword is a regular expression, unescaped, as the published checker takes it."""

from __future__ import annotations

from workbench.text.instructions.base import Relation, compile_pattern, holds


def has_keywords(text: str, *, keywords: tuple[str, ...]) -> bool:
    """Every keyword occurs, within longer words too."""
    return all(compile_pattern(keyword).search(text) for keyword in keywords)


def counts_keyword(text: str, *, keyword: str, frequency: int, relation: Relation) -> bool:
    """A keyword occurs often enough or seldom enough."""
    return holds(len(compile_pattern(keyword.strip()).findall(text)), relation, frequency)


def avoids_words(text: str, *, forbidden_words: tuple[str, ...]) -> bool:
    """None of the words stands in the text as a word of its own."""
    return not any(compile_pattern(rf"\b{word}\b").search(text) for word in forbidden_words)


def counts_letter(text: str, *, letter: str, let_frequency: int, let_relation: Relation) -> bool:
    """A letter, in either case, occurs often enough or seldom enough.

    For a sign that is no letter from a to z the published checker draws a letter at random, so that its verdict
    is chance (2 of the 541 prompts: `#` and `!`). Here the sign itself is counted.
    """
    return holds(text.lower().count(letter), let_relation, let_frequency)
