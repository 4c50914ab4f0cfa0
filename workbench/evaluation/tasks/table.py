"""Questions of a person's own: one a row, columns by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from workbench.evaluation.tasks.questions import Dataset, Question
from workbench.evaluation.tasks.rows import Row, read_rows

COLUMNS = ("id", "question", "answer", "references", "choices", "documents", "genre", "source", "key_facts")
MAX_CHOICES = 10
"""Labels are single digits."""
SEPARATOR = "|"
"""Between the choices of one cell, and between alternative names of a column in a task file."""


def read_table(path: Path, fields: Mapping[str, str]) -> Dataset:
    """Questions from a table.

    Args:
        path: JSONL, CSV or XLSX.
        fields: Our name of a column -> the file's names for it, separated by `|`.

    Raises:
        NotFoundError: The file does not exist.
        InputError: The file, or a line of it, cannot be read.
    """
    return Dataset(tuple(_read_row(_Cells(row, fields)) for row in read_rows(path)))


class _Cells:
    """One row by our names of the columns."""

    def __init__(self, row: Row, fields: Mapping[str, str]) -> None:
        self.row = row
        self._fields = fields

    def get(self, name: str) -> Any:
        for column in self._fields.get(name, name).split(SEPARATOR):
            value = self.row.values.get(column)
            if value is not None and value != "":
                return value
        return None

    def text(self, name: str) -> str:
        value = self.get(name)
        if isinstance(value, dict | list):
            raise self.row.fault("task_line_bad", field=name)
        # a spreadsheet makes 3.0 of 3
        return (
            str(int(value)) if isinstance(value, float) and value.is_integer() else str(value or _zero(value))
        )

    def texts(self, name: str, *, split: bool = True) -> tuple[str, ...]:
        """A list: as such, as JSON in a cell, or separated by line breaks or `|`."""
        value = self.get(name)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _parse_list(value, value)
        if value is None:
            return ()
        if isinstance(value, list):
            items = cast("list[object]", value)
        else:
            text = str(value)
            items = (text.split("\n") if "\n" in text else text.split(SEPARATOR)) if split else [text]
        return tuple(_flat(item) for item in items if str(item).strip())

    def source(self) -> str:
        """Where the documents come from; a file may use the column for something that is no name."""
        return "" if isinstance(self.get("source"), dict | list) else self.text("source")

    def facts(self) -> list[str | list[str]]:
        """Key facts; an inner list holds alternatives of which one is enough."""
        value = self.get("key_facts")
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _parse_list(value, value)
        if isinstance(value, list):
            return [
                [str(text) for text in cast("list[object]", fact)] if isinstance(fact, list) else str(fact)
                for fact in cast("list[object]", value)
            ]
        return list(self.texts("key_facts"))


def _read_row(cells: _Cells) -> Question:
    question = cells.text("question")
    if not question.strip():
        raise cells.row.fault("task_line_bad", field="question")
    choices = cells.texts("choices") or _numbered_choices(cells.row)
    if choices and not 2 <= len(choices) <= MAX_CHOICES:
        raise cells.row.fault("task_line_bad", field="choices")
    answer = cells.text("answer")
    facts = cells.facts()
    return Question(
        id=cells.text("id"),
        input=question,
        question=question,
        answer=answer,
        output=answer,
        references=cells.texts("references"),
        choices=choices,
        documents=cells.texts("documents", split=False),
        genre=cells.text("genre"),
        source=cells.source(),
        meta={"key_facts": facts} if facts else {},
        line=cells.row.number,
    )


def _numbered_choices(row: Row) -> tuple[str, ...]:
    """Columns choice0, choice1, …, as JGLUE has them."""
    found: list[str] = []
    while str(row.values.get(f"choice{len(found)}") or "").strip():
        found.append(str(row.values[f"choice{len(found)}"]))
    return tuple(found)


def _parse_list(text: str, otherwise: object) -> object:
    try:
        value: object = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return otherwise
    return cast("list[object]", value) if isinstance(value, list) else otherwise


def _flat(value: object) -> str:
    """A document may be a mapping with its text, as retrieval tools write it."""
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value)
        named = next((key for key in ("text", "content", "body") if key in inner), None)
        return str(inner[named] if named else inner)
    return str(value).strip()


def _zero(value: object) -> str:
    # 0 is an answer; None and "" are not
    return "0" if value == 0 and value is not None and not isinstance(value, bool) else ""
