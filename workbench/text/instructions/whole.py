"""Instructions on the text as a whole: what it begins and ends with, its case, its language, two answers in one."""

from __future__ import annotations

from workbench.text.instructions.base import Relation, holds
from workbench.text.instructions.capitals import count_capital_words
from workbench.text.instructions.language import detect_language


def is_in_language(text: str, *, language: str) -> bool:
    """Langdetect takes the text for this language; where it finds no feature in it, the instruction is followed."""
    return detect_language(text) in (language, None)


def is_upper_english(text: str) -> bool:
    """English in capitals throughout; where no language can be told, followed."""
    return text.isupper() and detect_language(text) in ("en", None)


def is_lower_english(text: str) -> bool:
    """English in small letters throughout; where no language can be told, followed."""
    return text.islower() and detect_language(text) in ("en", None)


def counts_capital_words(text: str, *, capital_frequency: int, capital_relation: Relation) -> bool:
    """Words in capitals are frequent or seldom enough."""
    return holds(count_capital_words(text), capital_relation, capital_frequency)


def has_no_comma(text: str) -> bool:
    """No ASCII comma, in numbers neither."""
    return "," not in text


def gives_two_answers(text: str) -> bool:
    """Two different answers with `******` between them; an empty part is allowed at the very start and end only."""
    parts = [part.strip() for part in text.split("******")]
    answers = [part for part in parts if part]
    return all(parts[1:-1]) and len(answers) == 2 and answers[0] != answers[1]


def repeats_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    """The text begins with the request, whatever the case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def ends_with(text: str, *, end_phrase: str) -> bool:
    """The text ends with a phrase, whatever the case; double quotation marks around the text do not count."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def is_quoted(text: str) -> bool:
    """The text stands in straight double quotation marks."""
    plain = text.strip()
    return len(plain) > 1 and plain[0] == plain[-1] == '"'
