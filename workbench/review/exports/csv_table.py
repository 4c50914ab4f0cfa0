"""One row per vote as CSV, with the byte order mark that Excel in Japan needs, and without formulas."""

from __future__ import annotations

import csv
import io

from workbench.i18n import t
from workbench.review.exports.source import ExportSource, answer_of
from workbench.review.exports.words import clean_cell, say, say_kind, say_moment, say_notes, say_tags
from workbench.review.settle import SIDES
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Vote
from workbench.text.escape import escape_cell

QUESTION_COLUMNS = ("sample", "kind", "question", "target", "baseline", "finetuned")
VOTE_COLUMNS = (
    "reviewer",
    "verdict",
    "strength",
    "left",
    "selection",
    "role",
    *(f"{name}_{side}" for name in ("correctness", "tags", "state", "notes") for side in SIDES),
    "correction",
    "comment",
    "at",
)


def write_csv(source: ExportSource) -> bytes:
    """Every question; those with several votes once per vote, those without a vote once."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([t(f"review.column.{name}", source.lang) for name in (*QUESTION_COLUMNS, *VOTE_COLUMNS)])
    by_sample: dict[str, list[Vote]] = {}
    for vote in source.votes:
        by_sample.setdefault(vote.sample_id, []).append(vote)
    for item in source.items:
        for vote in by_sample.get(item.key, [None]):
            row = question_cells(source, item) | (vote_cells(source, item, vote) if vote else {})
            writer.writerow(
                [escape_cell(clean_cell(row.get(name, ""))) for name in (*QUESTION_COLUMNS, *VOTE_COLUMNS)]
            )
    return out.getvalue().encode("utf-8-sig")


def question_cells(source: ExportSource, item: ComparisonItem) -> dict[str, str]:
    """A question and its two answers, by column."""
    return {
        "sample": item.key,
        "kind": say_kind(source.lang, item),
        "question": item.question,
        "target": item.target,
        "baseline": item.baseline.prediction,
        "finetuned": item.finetuned.prediction,
    }


def vote_cells(source: ExportSource, item: ComparisonItem, vote: Vote) -> dict[str, str]:
    """What a reviewer said, by column."""
    lang = source.lang
    role = "adjudication" if vote.adjudication else "repeat" if vote.repeat else "vote"
    cells = {
        "reviewer": vote.reviewer,
        "verdict": say(lang, "verdict", vote.verdict),
        "strength": say(lang, "strength", vote.strength),
        "left": say(lang, "side", vote.left),
        "selection": say(lang, "selection", vote.selection),
        "role": say(lang, "role", role),
        "correction": vote.correction,
        "comment": vote.comment,
        "at": say_moment(vote.at),
    }
    for side in SIDES:
        cells |= {
            f"correctness_{side}": say(lang, "correctness", vote.correctness.get(side, "")),
            f"tags_{side}": say_tags(lang, vote.tags.get(side, ())),
            f"state_{side}": say(lang, "state", vote.states.get(side, "")),
            f"notes_{side}": say_notes(vote, side, answer_of(item, side).prediction),
        }
    return cells
