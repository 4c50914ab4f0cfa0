"""Questions of a comparison one by one: filtering, the payload of the answer view, the export."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from workbench.evaluation import filter_items
from workbench.i18n import Lang, t
from workbench.review import side_for
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Vote
from workbench.text.diff import diff

Side = Literal["baseline", "finetuned"]
BLIND_SEED = 0
FILTERS = (
    "all",
    "unreviewed",
    "rescued",
    "newly_refused",
    "worse",
    "better",
    "refusal_lost",
    "quote_missing",
    "important",
)
"""The filters on offer; `unreviewed` needs the votes, the others are those of `workbench.evaluation`."""
KINDS = ("all", "answerable", "unseen", "unanswerable", "general")
FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


class Choice(NamedTuple):
    """What a person wants to see."""

    filter: str = "all"
    kind: str = "all"
    search: str = ""


class Seat(NamedTuple):
    """Which side stands where."""

    left: Side
    right: Side


def select(
    items: Sequence[ComparisonItem], choice: Choice, reviewed: AbstractSet[str]
) -> list[ComparisonItem]:
    """The questions that a choice lets through, in reading order.

    Args:
        items: All questions.
        choice: Filter, kind and words.
        reviewed: Ids that this reviewer has judged.
    """
    if choice.filter == "unreviewed":
        kept = [item for item in items if item.id not in reviewed]
    else:
        kept = filter_items(items, choice.filter if choice.filter in FILTERS else "all")
    if choice.kind in KINDS[1:]:
        kept = [item for item in kept if item.kind == choice.kind]
    word = choice.search.strip().casefold()
    return [item for item in kept if word in _haystack(item)] if word else kept


def _haystack(item: ComparisonItem) -> str:
    return "\n".join((item.question, item.baseline.prediction, item.finetuned.prediction)).casefold()


def count_filters(
    items: Sequence[ComparisonItem], reviewed: AbstractSet[str], lang: Lang
) -> list[tuple[str, str]]:
    """The filters with the number of questions behind each, for a drop-down list."""
    return [
        (
            t(
                "compare_tab.filter.choice",
                lang,
                name=t(f"compare_tab.filter.{name}", lang),
                count=len(select(items, Choice(name), reviewed)),
            ),
            name,
        )
        for name in FILTERS
    ]


def seat_sides(comparison: str, sample: str, reviewer: str, blind: bool) -> Seat:
    """Baseline left and fine-tuned right; while names are hidden, by the hash of question and reviewer."""
    left: Side = side_for(BLIND_SEED, comparison, sample, reviewer) if blind else "baseline"
    return Seat(left, "finetuned" if left == "baseline" else "baseline")


def build_item(item: ComparisonItem, seat: Seat, blind: bool, lang: Lang) -> dict[str, Any]:
    """What the answer view draws of one question."""
    left, right = _answer_of(item, seat.left), _answer_of(item, seat.right)
    return {
        "id": item.id,
        "kind": item.kind,
        "question": item.question,
        "documents": list(item.documents),
        "target": item.target,
        "oracle_position": item.oracle_position,
        "left": _side(left, "" if blind else seat.left, _label("left", seat.left, blind, lang)),
        "right": _side(right, "" if blind else seat.right, _label("right", seat.right, blind, lang)),
        "diff": [
            {"op": part.op, "a": part.text_a, "b": part.text_b, "important": part.important}
            for part in diff(left.prediction, right.prediction)
        ],
    }


def _answer_of(item: ComparisonItem, side: Side) -> ScoredAnswer:
    return item.baseline if side == "baseline" else item.finetuned


def _label(place: Literal["left", "right"], side: Side, blind: bool, lang: Lang) -> str:
    if blind:
        return t(f"compare_tab.answer.{'a' if place == 'left' else 'b'}", lang)
    return t(f"compare_tab.answer.{side}", lang)


def _side(answer: ScoredAnswer, side: str, label: str) -> dict[str, Any]:
    return {
        "label": label,
        "side": side,
        "text": answer.prediction,
        "state": answer.state,
        "quotes": [quote.model_dump() for quote in answer.quotes],
    }


def verdict_of(pressed: str, seat: Seat) -> Literal["baseline", "finetuned", "tie", "both_bad"]:
    """The verdict behind a button (left, right, tie, bad)."""
    if pressed == "left":
        return seat.left
    if pressed == "right":
        return seat.right
    return "tie" if pressed == "tie" else "both_bad"


def say_verdict(vote: Vote, seat: Seat, blind: bool, lang: Lang) -> str:
    """A vote as a sentence; while names are hidden it must not give the sides away."""
    if not blind or vote.verdict in ("tie", "both_bad"):
        name = t(f"compare_tab.verdict.{vote.verdict}", lang)
    else:
        name = t(f"compare_tab.vote.{'a' if vote.verdict == seat.left else 'b'}", lang)
    said = t("compare_tab.your_vote", lang, verdict=name)
    return f"{said} {vote.comment}".strip()


def escape_cell(value: str) -> str:
    """A cell that a spreadsheet cannot take for a formula."""
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA_START) else value


CSV_COLUMNS = (
    "sample",
    "kind",
    "question",
    "target",
    "baseline",
    "finetuned",
    "reviewer",
    "verdict",
    "left",
    "comment",
    "at",
)


def build_csv(items: Sequence[ComparisonItem], votes: Sequence[Vote], lang: Lang) -> bytes:
    """Questions and votes as CSV, one row per vote, in UTF-8 with BOM, which Excel in Japan needs."""
    by_sample: dict[str, list[Vote]] = {}
    for vote in votes:
        by_sample.setdefault(vote.sample_id, []).append(vote)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([t(f"compare_tab.csv.{name}", lang) for name in CSV_COLUMNS])
    for item in items:
        for vote in by_sample.get(item.id, [None]):
            row = _csv_row(item, vote, lang)
            writer.writerow([escape_cell(str(row[name])) for name in CSV_COLUMNS])
    return out.getvalue().encode("utf-8-sig", "replace")


def _csv_row(item: ComparisonItem, vote: Vote | None, lang: Lang) -> Mapping[str, str]:
    row = {
        "sample": item.id,
        "kind": t(f"compare_tab.kind.{item.kind}", lang),
        "question": item.question,
        "target": item.target,
        "baseline": item.baseline.prediction,
        "finetuned": item.finetuned.prediction,
    }
    if vote is None:
        return {**dict.fromkeys(CSV_COLUMNS, ""), **row}
    moment = datetime.fromtimestamp(vote.at, UTC).astimezone()
    return row | {
        "reviewer": vote.reviewer,
        "verdict": t(f"compare_tab.verdict.{vote.verdict}", lang),
        "left": t(f"compare_tab.answer.{vote.left}", lang),
        "comment": vote.comment,
        "at": moment.isoformat(timespec="seconds"),
    }
