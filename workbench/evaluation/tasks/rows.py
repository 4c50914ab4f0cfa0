"""Rows of a data file: JSONL, CSV and XLSX by the name's ending. Every fault names the file and the line."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from workbench.errors import InputError, NotFoundError

MAX_BYTES = 512 * 1024 * 1024
"""A larger file is no list of questions; it would only fill the memory."""
MAX_FIELD = 10_000_000
"""Characters in one cell of a CSV file."""
ENCODINGS = ("utf-8-sig", "cp932")
"""The second is what Excel in Japan writes."""


class Row(NamedTuple):
    """One row and where it stands."""

    path: Path
    number: int
    values: dict[str, Any]

    def fault(self, code: str, **params: str) -> InputError:
        return InputError(code, path=str(self.path), line=self.number, **params)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a data file.

    Raises:
        NotFoundError: `task_data_missing`.
        InputError: The file or a line of it cannot be read.
    """
    check_file(path)
    return _READERS.get(path.suffix.lower(), _read_jsonl)(path)


def check_file(path: Path) -> None:
    """Refuse what is no file, or is too large to be one of questions.

    Raises:
        NotFoundError: `task_data_missing`.
        InputError: `task_data_is_folder`, `task_data_too_big`.
    """
    if path.is_dir():
        raise InputError("task_data_is_folder", path=str(path))
    if not path.is_file():
        raise NotFoundError("task_data_missing", path=str(path))
    if path.stat().st_size > MAX_BYTES:
        raise InputError("task_data_too_big", path=str(path), megabytes=MAX_BYTES // 1024 // 1024)


def read_object(path: Path) -> dict[str, Any]:
    """A data file that is one JSON object.

    Raises:
        NotFoundError: `task_data_missing`.
        InputError: It is no such file.
    """
    check_file(path)
    try:
        value: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise InputError("task_data_not_utf8", path=str(path)) from exc
    except (json.JSONDecodeError, RecursionError) as exc:
        raise InputError("task_data_not_json", path=str(path)) from exc
    if not isinstance(value, dict):
        raise InputError("task_data_not_json", path=str(path))
    return cast("dict[str, Any]", value)


def _read_jsonl(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig") as handle:
            for number, text in enumerate(handle, start=1):
                if text.strip():
                    yield Row(path, number, _parse(path, number, text))
    except UnicodeDecodeError as exc:
        raise InputError("task_data_not_utf8", path=str(path)) from exc


def _parse(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as exc:
        raise InputError("task_line_not_json", path=str(path), line=number) from exc
    if not isinstance(value, dict):
        raise InputError("task_line_not_json", path=str(path), line=number)
    return cast("dict[str, Any]", value)


def _read_csv(path: Path) -> Iterator[Row]:
    encoding = _find_encoding(path)
    # a limit of the whole process; it is only ever raised
    csv.field_size_limit(max(MAX_FIELD, csv.field_size_limit()))
    with path.open(encoding=encoding, newline="") as handle:
        reader = csv.reader(handle)
        try:
            names = _header(path, next(reader, list[str]()))
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Row(path, reader.line_num, dict(zip(names, cells, strict=False)))
        except csv.Error as exc:
            raise InputError("task_line_not_csv", path=str(path), line=reader.line_num) from exc


def _find_encoding(path: Path) -> str:
    for encoding in ENCODINGS:
        try:
            with path.open(encoding=encoding) as handle:
                while handle.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise InputError("task_data_not_utf8", path=str(path))


def _read_xlsx(path: Path) -> Iterator[Row]:
    # imported here: it is slow to load, and few files are workbooks
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as exc:
        raise InputError("task_data_not_xlsx", path=str(path)) from exc
    try:
        sheet: Any = book.worksheets[0]
        rows = enumerate(sheet.iter_rows(values_only=True), start=1)
        names = _header(path, ["" if cell is None else str(cell) for cell in next(rows, (1, ()))[1]])
        for number, cells in rows:
            values = {name: cell for name, cell in zip(names, cells, strict=False) if cell is not None}
            if values:
                yield Row(path, number, values)
    finally:
        book.close()


def _header(path: Path, cells: Iterable[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    named = [name for name in names if name]
    if not named:
        raise InputError("task_data_no_header", path=str(path))
    if len(set(named)) < len(named):
        raise InputError("task_data_header_repeats", path=str(path))
    return names


_READERS = {".csv": _read_csv, ".xlsx": _read_xlsx}
