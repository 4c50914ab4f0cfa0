"""What a review can be saved as: one module per format, one line per format here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from workbench.errors import InputError, StateError
from workbench.review.exports.comparator import write_comparator
from workbench.review.exports.csv_table import write_csv
from workbench.review.exports.jsonl import write_lines, write_votes
from workbench.review.exports.page import write_page
from workbench.review.exports.pairs import Row, dpo_rows, kto_rows, sft_rows
from workbench.review.exports.report import write_report
from workbench.review.exports.source import ExportSource, GateNote, load_source
from workbench.schemas.exported import ExportedQuestion
from workbench.text.escape import clean_xml


class Export(NamedTuple):
    """A format. Its words are `review.export.<name>`."""

    suffix: str
    """End of the file name."""
    make: Callable[[ExportSource], bytes | list[Row]]
    """The file; or the rows of a training file, whose questions must stay out of later test sets."""


def _write_workbook(source: ExportSource) -> bytes:
    # imported here: what writes workbooks is slow to load, and the page starts without it
    from workbench.review.exports.workbook import write_workbook

    return write_workbook(source)


EXPORTS: dict[str, Export] = {
    "xlsx": Export(".xlsx", _write_workbook),
    "csv": Export(".csv", write_csv),
    "votes": Export(".votes.jsonl", write_votes),
    "dpo": Export(".dpo.jsonl", dpo_rows),
    "kto": Export(".kto.jsonl", kto_rows),
    "sft": Export(".sft.jsonl", sft_rows),
    "llm-comparator": Export(".comparator.json", write_comparator),
    "html": Export(".html", write_page),
    "report": Export(".report.html", write_report),
}


class Exported(NamedTuple):
    """A finished export."""

    name: str
    """Suggested file name."""
    data: bytes
    questions: tuple[ExportedQuestion, ...] = ()
    """Those that went into a training file."""
    rows: int = 0
    """Rows of a training file."""
    rebuilt: int = 0
    """Rows whose prompt was put together from question and documents, since the one asked is not kept."""


def export(source: ExportSource, name: str) -> Exported:
    """A review in a format.

    Raises:
        InputError: `export_unknown`.
        StateError: `no_votes`, or `export_no_rows_<name>` where no vote gives a row.
    """
    if name not in EXPORTS:
        raise InputError("export_unknown", name=name, names=", ".join(EXPORTS))
    if name == "votes" and not source.votes:
        raise StateError("no_votes", name=source.title)
    one = EXPORTS[name]
    made = one.make(source)
    if isinstance(made, list):
        return _export_rows(source, name, one.suffix, made)
    return Exported(f"{source.title}{one.suffix}", made)


def _export_rows(source: ExportSource, name: str, suffix: str, rows: list[Row]) -> Exported:
    if not rows:
        raise StateError(f"export_no_rows_{name}", name=source.title)
    used = {row["meta"]["sample_id"] for row in rows}
    marked = tuple(
        ExportedQuestion(
            comparison=source.comparison,
            sample_id=item.key,
            question=item.question,
            format=name,
            at=source.moment,
        )
        for item in source.items
        if clean_xml(item.key) in used
    )
    rebuilt = sum(not row["meta"]["prompt_as_asked"] for row in rows)
    return Exported(f"{source.title}{suffix}", write_lines(rows), marked, len(rows), rebuilt)


__all__ = ["EXPORTS", "Export", "ExportSource", "Exported", "GateNote", "export", "load_source"]
