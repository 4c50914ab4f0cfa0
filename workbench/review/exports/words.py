"""Words and cells that several formats share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from workbench.i18n import Lang, has_key, t
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Side, Vote
from workbench.text.escape import clean_xml, escape_cell

CELL_LIMIT = 31_000
"""Characters of a cell; Excel holds 32,767, and a note of what was cut follows."""


def clean_cell(text: str) -> str:
    """Text that fits a cell of a spreadsheet; says how long it was where it was cut."""
    return clean_xml(text) if len(text) <= CELL_LIMIT else f"{clean_xml(text[:CELL_LIMIT])}…（{len(text):,}）"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run a cell with this text."""
    start = text[:100]
    return escape_cell(start) != clean_xml(start)


def cut(text: str, limit: int) -> str:
    """The beginning of a text on one line, with an ellipsis where something was left out."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit and len(text) <= limit * 4 else f"{line[: limit - 1].rstrip()}…"


def say(lang: Lang, area: str, code: str) -> str:
    """The word for a code, for example `say("ja", "verdict", "tie")`; empty for an empty code."""
    return t(f"review.{area}.{code}", lang) if code else ""


def say_tag(lang: Lang, tag: str) -> str:
    """A reason in words: of the catalogue, or the project's own as it is."""
    key = f"review.tag.{tag}"
    return t(key, lang) if has_key(key, lang) else tag


def say_tags(lang: Lang, tags: Iterable[str]) -> str:
    """Reasons side by side."""
    return t("review.list_comma", lang).join(say_tag(lang, tag) for tag in tags)


def say_kind(lang: Lang, item: ComparisonItem) -> str:
    """The kind of a question, or its task's name."""
    return item.task or say(lang, "kind", item.kind)


def say_moment(seconds: float) -> str:
    """A moment in this machine's time zone, `2026-11-21 07:25`; empty for none."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M") if seconds else ""


def say_notes(vote: Vote, side: Side, answer: str) -> str:
    """Passages that a reviewer marked in an answer, one a line: 「passage」 words."""
    lines = [
        f"「{cut(answer[note.start : note.end], 80)}」 {note.text}".rstrip()
        for note in vote.notes
        if note.side == side
    ]
    return "\n".join(lines)
