"""An Excel workbook: one row per question, a sheet with all votes, and a sheet with the figures."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill
from openpyxl.styles import Side as Line
from openpyxl.utils import get_column_letter

from workbench.i18n import t
from workbench.review.exports import csv_table
from workbench.review.exports.pairs import correcting_vote
from workbench.review.exports.source import ExportSource, answer_of
from workbench.review.exports.words import clean_cell, is_formula, say, say_tags
from workbench.review.settle import DECISIVE, SIDES
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Interval

COLUMNS: dict[str, int] = {
    "sample": 14,
    "kind": 14,
    "question": 44,
    "target": 36,
    "baseline": 52,
    "finetuned": 52,
    "state_baseline": 12,
    "state_finetuned": 12,
    "score_change": 11,
    "verdict": 16,
    "votes": 20,
    "correctness_baseline": 10,
    "correctness_finetuned": 10,
    "tags_baseline": 22,
    "tags_finetuned": 22,
    "correction": 44,
    "comment": 36,
}
"""Columns with their width in characters."""

_WRAP = Alignment(wrap_text=True, vertical="top")
_HEAD_FONT, _HEAD_FILL = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="2F3E4E")
_EDGE = Border(bottom=Line(style="thin", color="D5DAE0"))
_FILLS = {
    "finetuned": PatternFill("solid", fgColor="DDF2E3"),
    "baseline": PatternFill("solid", fgColor="FBE0DD"),
    "tie": PatternFill("solid", fgColor="ECEFF3"),
    "both_bad": PatternFill("solid", fgColor="FDEBCB"),
}
_GOOD, _BAD = Font(color="1B7F3B"), Font(color="B3261E")
Value = str | float | int | None


def write_workbook(source: ExportSource) -> bytes:
    """The workbook's bytes."""
    book = Workbook(write_only=True)
    _write_items(book, source)
    _write_votes(book, source)
    _write_figures(book, source)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_items(book: Any, source: ExportSource) -> None:
    sheet = _begin(book, source, "items", COLUMNS, frozen="D2", rows=len(source.items))
    for item in source.items:
        cells = _item_values(source, item)
        row = [_cell(sheet, cells.get(name)) for name in COLUMNS]
        _colour(row, source, item)
        sheet.append(row)


def _write_votes(book: Any, source: ExportSource) -> None:
    names = ("sample", *csv_table.VOTE_COLUMNS)
    widths = {name: COLUMNS.get(name, 16) for name in names}
    items = {item.key: item for item in source.items}
    known = [vote for vote in source.votes if vote.sample_id in items]
    sheet = _begin(book, source, "votes", widths, frozen="B2", rows=len(known))
    for vote in known:
        cells = csv_table.vote_cells(source, items[vote.sample_id], vote) | {"sample": vote.sample_id}
        sheet.append([_cell(sheet, cells[name]) for name in names])


def _write_figures(book: Any, source: ExportSource) -> None:
    sheet = _begin(book, source, "figures", {"figure": 46, "value": 26}, frozen="A2", rows=0)
    for name, value in _figures(source):
        sheet.append([_cell(sheet, name), _cell(sheet, value)])


def _begin(
    book: Any, source: ExportSource, name: str, widths: dict[str, int], *, frozen: str, rows: int
) -> Any:
    """A sheet with its header. A sheet that is only written takes its looks before its first row."""
    sheet = book.create_sheet(t(f"review.sheet.{name}", source.lang))
    sheet.freeze_panes = frozen
    for index, width in enumerate(widths.values(), start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    if rows:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(widths))}{rows + 1}"
    header = [_cell(sheet, t(f"review.column.{column}", source.lang)) for column in widths]
    for cell in header:
        cell.font, cell.fill = _HEAD_FONT, _HEAD_FILL
    sheet.append(header)
    return sheet


def _cell(sheet: Any, value: Value) -> Any:
    """A wrapped cell; text is stored as text, whatever it begins with."""
    cell: Any = WriteOnlyCell(sheet, clean_cell(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"
        # keeps it text when somebody edits the cell
        cell.quotePrefix = is_formula(value)
    cell.alignment, cell.border = _WRAP, _EDGE
    return cell


def _colour(row: Sequence[Any], source: ExportSource, item: ComparisonItem) -> None:
    cells = dict(zip(COLUMNS, row, strict=True))
    deciding = source.deciding.get(item.key)
    if deciding is not None:
        cells["verdict"].fill = _FILLS[deciding.verdict]
        if deciding.verdict in DECISIVE:
            cells[deciding.verdict].fill = _FILLS["finetuned"]
    if item.delta:
        cells["score_change"].font = _GOOD if item.delta > 0 else _BAD
    if item.delta is not None:
        cells["score_change"].number_format = "+0.00;-0.00;0.00"


def _item_values(source: ExportSource, item: ComparisonItem) -> dict[str, Value]:
    lang, votes = source.lang, source.by_sample.get(item.key, [])
    deciding = source.deciding.get(item.key)
    settled = say(lang, "verdict", deciding.verdict) if deciding else t("review.split", lang) if votes else ""
    corrected = correcting_vote(source, item)
    values: dict[str, Value] = {
        **csv_table.question_cells(source, item),
        "score_change": item.delta,
        "verdict": settled,
        "votes": "\n".join(f"{vote.reviewer}: {say(lang, 'verdict', vote.verdict)}" for vote in votes),
        "correction": corrected.correction if corrected else "",
        "comment": "\n".join(f"{vote.reviewer}: {vote.comment}" for vote in votes if vote.comment),
    }
    for side in SIDES:
        marks = [vote.correctness[side] for vote in votes if side in vote.correctness]
        tags = Counter(tag for vote in votes for tag in vote.tags.get(side, ()))
        values |= {
            f"state_{side}": say(lang, "state", answer_of(item, side).state),
            f"correctness_{side}": " ".join(say(lang, "correctness", mark) for mark in marks),
            f"tags_{side}": say_tags(lang, tags),
        }
    return values


def _figures(source: ExportSource) -> Iterable[tuple[str, Value]]:
    summary, lang = source.summary, source.lang
    yield t("review.figure.comparison", lang), source.title
    yield t("review.figure.questions", lang), len(source.items)
    yield t("review.figure.votes", lang), summary.votes
    yield t("review.figure.samples", lang), summary.samples
    for verdict in ("finetuned", "baseline", "tie", "both_bad"):
        yield say(lang, "verdict", verdict), getattr(summary, verdict)
    yield t("review.figure.win_rate", lang), _say_interval(summary.win_rate)
    for name, part in summary.by_selection.items():
        label = t("review.figure.win_rate_of", lang, selection=say(lang, "selection", name))
        yield label, _say_interval(part.win_rate)
    yield t("review.figure.left_share", lang), _say_interval(summary.left_share)
    if summary.consistency:
        yield t("review.figure.consistency", lang), _say_interval(summary.consistency.rate)
    yield t("review.figure.disagreements", lang), summary.disagreements
    for name in ("raw", "kappa", "weighted_kappa", "alpha"):
        value = getattr(summary.agreement, name)
        if value is not None:
            yield t(f"review.figure.{name}", lang), round(value, 3)


def _say_interval(figure: Interval) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    return f"{figure.value:.1%} ({figure.low:.1%}–{figure.high:.1%}, n={figure.n})"
