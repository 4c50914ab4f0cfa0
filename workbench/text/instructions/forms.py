"""Marks that can be found in a text: placeholders, lists, headings, JSON, a title, a postscript.

Where the published checker searches with a pattern that takes time with the square of the text's length, the
same finds are counted here in one pass.
"""

from __future__ import annotations

import json
import re

from workbench.text.instructions.base import compile_pattern

CONSTRAINED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_EMPHASIS = re.compile(r"\*([^\n*]*)\*")
_STRONG = re.compile(r"\*\*([^\n*]*)\*\*")
_FENCE_OPENERS = ("```json", "```Json", "```JSON", "```")
_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}


def counts_placeholders(text: str, *, num_placeholders: int) -> bool:
    """At least so many `[…]`, each within one line."""
    found = 0
    for line in text.split("\n"):
        position = 0
        while (opened := line.find("[", position)) >= 0 and (closed := line.find("]", opened)) >= 0:
            found += 1
            position = closed + 1
    return found >= num_placeholders


def counts_bullets(text: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin with `*` or `-`; `**` begins none, `---` does."""
    return _count_stars(text) + _count_dashes(text) == num_bullets


def _count_stars(text: str) -> int:
    """Quirk kept: a line with nothing but `*` takes the next line into its bullet."""
    lines, found, index = text.split("\n"), 0, 0
    while index < len(lines):
        line = lines[index].lstrip()
        lone = line == "*" and index + 1 < len(lines)
        found += lone or (line[:1] == "*" and line[1:2] not in ("", "*"))
        index += 2 if lone else 1
    return found


def _count_dashes(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.lstrip().startswith("-"))


def chooses_answer(text: str) -> bool:
    """One of the three fixed answers occurs anywhere."""
    return any(answer in text for answer in CONSTRAINED_ANSWERS)


def counts_highlights(text: str, *, num_highlights: int) -> bool:
    """At least so many `*…*` within one line; what stands in `**…**` is counted beside the pairs around it."""
    found = [*_EMPHASIS.findall(text), *_STRONG.findall(text)]
    return sum(1 for inner in found if inner.strip()) >= num_highlights


def counts_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many headings such as `Section 1`. The argument's name is the published one."""
    heading = compile_heading(section_spliter)
    return len(heading.split(text)) - 1 >= num_sections


def compile_heading(word: str) -> re.Pattern[str]:
    """A heading: the word, taken as a regular expression, and a number.

    Raises:
        ValueError: As `compile_pattern`.
    """
    compile_pattern(word)
    return re.compile(rf"\s?{word.strip()}\s?\d+\s?")


def is_json(text: str) -> bool:
    """The whole text is JSON, in a Markdown fence or not."""
    plain = text.strip()
    for opener in _FENCE_OPENERS:
        plain = plain.removeprefix(opener)
    try:
        json.loads(plain.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def has_title(text: str) -> bool:
    """A `<<title>>` within one line."""
    return any(_line_has_title(line) for line in text.split("\n"))


def _line_has_title(line: str) -> bool:
    start, end = line.find("<<"), line.rfind(">>")
    return start >= 0 and start + 2 < end and bool(line[start : end + 2].lstrip("<").rstrip(">").strip())


def has_postscript(text: str, *, postscript_marker: str) -> bool:
    """The marker of a postscript, in either case, anywhere."""
    marker = postscript_marker.strip()
    pattern = _POSTSCRIPTS.get(marker) or compile_pattern(marker.lower())
    return pattern.search(text.lower()) is not None
