"""The result table as files: CSV and XLSX for spreadsheets, Markdown for reports, JSON for scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.evaluation.naming import NOTHING, say_bench, say_bounds, say_change, say_measure, say_value
from workbench.i18n import Lang, t
from workbench.schemas.comparison import Sentence
from workbench.schemas.table import Difference, RunTable, TableCell, TableColumn, TableRow
from workbench.text.escape import clean_xml, escape_cell, escape_markdown

FIGURES = (
    "run",
    "label",
    "model",
    "bench",
    "metric",
    "protocol",
    "value",
    "low",
    "high",
    "n",
    "errors",
    "empty",
    "truncated",
    "chance",
    "difference",
    "difference_low",
    "difference_high",
    "pairs",
    "gained",
    "lost",
    "p",
    "p_adjusted",
    "verdict",
)
Value = str | float | int | None


def say_column(column: TableColumn, lang: Lang) -> str:
    """A column's head: bench, figure, and which way is better."""
    way = t("table.higher" if column.higher_is_better else "table.lower", lang)
    return f"{say_bench(column.bench, lang)}: {say_measure(column.metric, lang)} ({way})"


def say_cell(cell: TableCell | None, column: TableColumn, lang: Lang) -> str:
    """A figure with its interval, and what became of it against the reference."""
    if cell is None or cell.value.value is None:
        return NOTHING
    own = say_value(cell.value.value, rate=column.rate)
    bounds = say_bounds(cell.value, lang, rate=column.rate)
    said = f"{own} [{bounds}] n={cell.n}" if bounds else f"{own} n={cell.n}"
    said += t("table.errors", lang, count=cell.errors) if cell.errors else ""
    return f"{said} / {say_difference(cell.difference, column, lang)}" if cell.difference else said


def say_difference(found: Difference, column: TableColumn, lang: Lang) -> str:
    """The paired difference with its interval and its verdict."""
    change = say_change(found.interval.value, lang, rate=column.rate)
    bounds = say_bounds(found.interval, lang, rate=column.rate, signed=True)
    return f"{change} [{bounds}] {t(f'table.verdict.{found.verdict}', lang)}"


def say_correction(table: RunTable, lang: Lang) -> str:
    """How the number of differences in the table was answered for; empty where there is but one."""
    if table.comparisons < 2:
        return ""
    return t(f"table.correction.{table.correction}", lang, count=table.comparisons)


def say_warning(sentence: Sentence, lang: Lang) -> str:
    """Why a run may not be compared as it is."""
    return t(f"sentence.{sentence.code}", lang, **sentence.params)


def list_figures(table: RunTable) -> list[dict[str, Value]]:
    """Every figure of every run as one record; the names are `FIGURES`."""
    return [
        _figure(row, column, cell)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell is not None
    ]


def _figure(row: TableRow, column: TableColumn, cell: TableCell) -> dict[str, Value]:
    found = cell.difference
    values: dict[str, Value] = {
        "run": row.run,
        "label": row.label,
        "model": row.model,
        "bench": column.bench,
        "metric": column.metric,
        "protocol": column.protocol,
        "value": cell.value.value,
        "low": cell.value.low,
        "high": cell.value.high,
        "chance": column.chance,
    }
    values |= {name: getattr(cell, name) for name in ("n", "errors", "empty", "truncated")}
    if found is None:
        return {**dict.fromkeys(FIGURES), **values}
    values |= {
        "difference": found.interval.value,
        "difference_low": found.interval.low,
        "difference_high": found.interval.high,
        "pairs": found.n,
    }
    values |= {name: getattr(found, name) for name in ("gained", "lost", "p", "p_adjusted", "verdict")}
    return {**dict.fromkeys(FIGURES), **values}


def to_csv(table: RunTable, lang: Lang) -> bytes:
    """One line per run and figure, in UTF-8 with BOM, which Excel in Japan needs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([t(f"table.field.{name}", lang) for name in FIGURES])
    for figure in list_figures(table):
        writer.writerow([_csv_cell(figure[name]) for name in FIGURES])
    return out.getvalue().encode("utf-8-sig")


def _csv_cell(value: Value) -> Value:
    # numbers stay numbers: only text can be taken for a formula
    return escape_cell(value) if isinstance(value, str) else value


def to_xlsx(table: RunTable, lang: Lang) -> bytes:
    """A sheet to read, and one with every number."""
    # imported here: it is slow to load, and few tables become workbooks
    from openpyxl import Workbook

    book = Workbook()
    read: Any = book.active
    read.title = t("table.sheet.read", lang)
    _fill(read, [t("table.field.label", lang), *(say_column(one, lang) for one in table.columns)])
    for row in table.rows:
        cells = zip(table.columns, row.cells, strict=True)
        _fill(read, [row.label, *(say_cell(cell, column, lang) for column, cell in cells)])
    if table.comparisons > 1:
        _fill(read, [say_correction(table, lang)])
    numbers: Any = book.create_sheet(t("table.sheet.numbers", lang))
    _fill(numbers, [t(f"table.field.{name}", lang) for name in FIGURES])
    for figure in list_figures(table):
        _fill(numbers, [figure[name] for name in FIGURES])
    for sheet, width in ((read, 34), (numbers, 14)):
        _dress(sheet, width)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(sheet: Any, values: Sequence[Value]) -> None:
    row: int = sheet.max_row + 1 if sheet["A1"].value is not None else 1
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(row=row, column=column)
        cell.value = clean_xml(value) if isinstance(value, str) else value
        if isinstance(value, str):
            # a text that begins with "=" stays a text
            cell.data_type = "s"


def _dress(sheet: Any, width: int) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "B2"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(cell.column)].width = width
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")


def to_text(table: RunTable, lang: Lang) -> str:
    """The table for a terminal: figure by figure, one run a line."""
    lines: list[str] = []
    for index, column in enumerate(table.columns):
        lines.append(say_column(column, lang))
        lines += [f"  {row.label}: {say_cell(row.cells[index], column, lang)}" for row in table.rows]
    lines += [line for line in [say_correction(table, lang)] if line]
    lines += [f"! {row.label}: {say_warning(one, lang)}" for row in table.rows for one in row.warnings]
    return "\n".join(lines)


def to_markdown(table: RunTable, lang: Lang) -> bytes:
    """The table as people read it, with what speaks against comparing."""
    head = [t("table.field.label", lang), *(say_column(column, lang) for column in table.columns)]
    lines = [_md_row(head), f"|{' --- |' * len(head)}"]
    for row in table.rows:
        cells = zip(table.columns, row.cells, strict=True)
        lines.append(_md_row([row.label, *(say_cell(cell, column, lang) for column, cell in cells)]))
    lines += ["", escape_markdown(say_correction(table, lang)), ""]
    lines += [
        f"- {escape_markdown(row.label)}: {escape_markdown(say_warning(warning, lang))}"
        for row in table.rows
        for warning in row.warnings
    ]
    return "\n".join([*lines, ""]).encode("utf-8")


def _md_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escape_markdown(cell) for cell in cells)} |"


def to_json(table: RunTable, lang: Lang) -> bytes:
    """The whole record."""
    return table.model_dump_json(indent=1).encode("utf-8")


FORMATS: Mapping[str, Callable[[RunTable, Lang], bytes]] = {
    "csv": to_csv,
    "xlsx": to_xlsx,
    "md": to_markdown,
    "json": to_json,
}
"""By the ending of the file."""
