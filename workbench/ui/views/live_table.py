"""Finished answers of a running evaluation as a table, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.i18n import Lang, has_key, t
from workbench.ui.views.evaluation import side_name
from workbench.ui.views.html import Child, Html, chip, el, join, paragraph, table
from workbench.ui.views.words import NOTHING, cut, say_decimal

SHOWN_ANSWERS = 20
QUESTION_CHARS, EXPECTED_CHARS, ANSWER_CHARS = 90, 60, 140
QUOTE_TONES = {"verbatim": "good", "elided": "good", "near": "warn"}
STATE_TONES = {
    "answered": "",
    "partial": "warn",
    "refused": "",
    "empty": "bad",
    "truncated": "bad",
    "error": "bad",
}
FAILED = frozenset({"empty", "truncated", "error"})
SHOWN_FIELDS = (
    *("kind", "task", "question", "target", "references", "prediction", "state", "primary", "scores"),
    *("extracted", "quotes", "seconds", "error_code"),
)
"""What the table needs of a line of the journal."""

Line = Mapping[str, Any]


class LiveAnswer(NamedTuple):
    """One finished answer of a running evaluation."""

    side: str
    line: Line


def own_score(line: Line) -> tuple[str, float] | None:
    """Name and value of the score that counts for the question; None where it has none (yet)."""
    scores: Mapping[str, float] = line.get("scores") or {}
    names = (str(line.get("primary") or ""), "correct", "char_f1", "refused")
    name = next((name for name in names if name in scores), None)
    return None if name is None else (name, float(scores[name]))


def _is_wrong(line: Line) -> bool:
    own = own_score(line)
    return own is not None and own[1] == 0.0


FILTERS: dict[str, Callable[[Line], bool]] = {
    "all": lambda line: "state" in line,
    "failed": lambda line: line.get("state") in FAILED,
    "wrong": _is_wrong,
    "refused": lambda line: line.get("state") == "refused",
}
"""What the table can be narrowed to."""


def render_answers(
    answers: Sequence[LiveAnswer], counts: Mapping[str, int], filter_: str, lang: Lang
) -> Html:
    """The newest finished answers, newest first.

    Args:
        answers: Newest last, of each side one after the other.
        counts: How many finished answers each filter lets through.
        filter_: The chosen filter.
        lang: The page's language.
    """
    if not counts["all"]:
        return paragraph(t("evaluate_tab.answers.none", lang), "wb-soft")
    note = " ".join(
        t(f"evaluate_tab.answers.count.{name}", lang, count=f"{counts[name]:,}") for name in FILTERS
    )
    shown = _newest_first(answers)[:SHOWN_ANSWERS]
    if not shown:
        return join(
            [
                paragraph(note, "wb-soft wb-tiny"),
                paragraph(t("evaluate_tab.answers.no_such", lang), "wb-soft"),
            ]
        )
    columns = ("kind", "side", "question", "expected", "answer", "state", "score", "seconds")
    head: list[Child] = [t(f"evaluate_tab.col.{name}", lang) for name in columns]
    rows = [_answer_row(answer, lang) for answer in shown]
    body = table(head, rows, cls="wv-live", numbers=(7,))
    return join([paragraph(note, "wb-soft wb-tiny"), body])


def _newest_first(answers: Sequence[LiveAnswer]) -> list[LiveAnswer]:
    """The sides' newest answers in turn: what ran last stands last in the list of evaluations."""
    return list(reversed(answers))


def _answer_row(answer: LiveAnswer, lang: Lang) -> list[Child]:
    line = answer.line
    return [
        _say_kind(line, lang),
        el("span", side_name(answer.side, lang), cls=f"wv-side-{answer.side}"),
        cut(_flat(line.get("question")), QUESTION_CHARS),
        _say_expected(line, lang),
        _say_answer(line, lang),
        _say_state(line, lang),
        _say_score(line, lang),
        say_decimal(float(line.get("seconds") or 0.0), 1),
    ]


def _flat(value: object) -> str:
    return " ".join(str(value or "").split())


def _say_kind(line: Line, lang: Lang) -> str:
    kind = str(line.get("kind", ""))
    if kind == "task":
        return str(line.get("task") or NOTHING)
    return t(f"sample_kind.{kind}", lang) if has_key(f"sample_kind.{kind}", lang) else NOTHING


def _say_expected(line: Line, lang: Lang) -> str:
    if line.get("kind") == "unanswerable":
        return t("evaluate_tab.expected.refusal", lang)
    accepted = [_flat(line.get("target")), *(_flat(text) for text in line.get("references") or ())]
    first = next((text for text in accepted if text), "")
    return cut(first, EXPECTED_CHARS) if first else NOTHING


def _say_answer(line: Line, lang: Lang) -> Child:
    if line.get("state") == "error":
        key = f"error.{line.get('error_code')}.message"
        return el("span", t(key, lang) if has_key(key, lang) else str(line.get("error_code")), cls="wb-soft")
    said = cut(_flat(line.get("prediction")), ANSWER_CHARS)
    taken = _flat(line.get("extracted"))
    if not taken or taken == _flat(line.get("prediction")):
        return said
    return join(
        [said, el("br"), el("small", t("evaluate_tab.extracted", lang, text=cut(taken, 40)), cls="wb-soft")]
    )


def _say_state(line: Line, lang: Lang) -> Child:
    state = str(line.get("state", ""))
    chips = [chip(t(f"answer_state.{state}", lang), STATE_TONES[state])] if state in STATE_TONES else []
    best = next((str(quote.get("state")) for quote in line.get("quotes") or ()), "")
    if best:
        keys = {"verbatim": "verbatim", "elided": "near", "near": "near"}
        chips.append(chip(t(f"quote.{keys.get(best, 'missing')}", lang), QUOTE_TONES.get(best, "bad")))
    return join(chips, " ") if chips else NOTHING


def _say_score(line: Line, lang: Lang) -> Child:
    own = own_score(line)
    if own is None:
        return NOTHING
    name, value = own
    key = f"evaluate_tab.score.{name}"
    small = el("small", t(key, lang) if has_key(key, lang) else name, cls="wb-soft")
    return join([el("b", say_decimal(value)), el("br"), small])
