"""Reads the records of CSV, XLSX and JSON files one by one, whatever wrote them.

A record that cannot be read comes out as a `Record` with a reason: one bad row never stops a file. Faults of
the whole file are `InputError`s.
"""

from __future__ import annotations

import csv
import json
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO, cast
from xml.etree.ElementTree import ParseError

from workbench.errors import InputError
from workbench.generation.encoding import Encoding, Sample, detect_encoding, error_handler, read_sample
from workbench.generation.faq_columns import guess_columns
from workbench.schemas.generation import FaqSource

# what the archive, the XML and the package itself raise over a damaged or foreign workbook; an archive that is
# compressed in a way that Python does not know is the last one
_XLSX_FAULTS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    NotImplementedError,
)

Kind = Literal["csv", "xlsx", "jsonl", "json"]

MAX_BYTES = 2 << 30
"""Largest file that is read."""
MAX_JSON_BYTES = 256 << 20
"""Largest JSON array: it is parsed in one piece, unlike lines."""
_CELL_LIMIT = 1 << 20
_HEADER_SEARCH = 10
_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP_MARK = b"PK\x03\x04"
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})


class Record(NamedTuple):
    """One data row: its cells by column name, or why it cannot be read."""

    cells: dict[str, str]
    fault: str = ""


@dataclass(frozen=True)
class FileFormat:
    """What a file is, found from its content."""

    kind: Kind
    encoding: Encoding
    delimiter: str = ","


@dataclass(frozen=True)
class Opened:
    """A file whose header was read; the records follow."""

    form: FileFormat
    columns: tuple[str, ...]
    records: Iterator[Record]


def detect_format(path: Path, source: FaqSource) -> FileFormat:
    """What the file is; its name only helps between CSV and JSON.

    Raises:
        InputError: The file is missing, a folder, empty, too big, encrypted, or no text and no workbook.
    """
    size = _check_file(path)
    sample = read_sample(path)
    if sample.head.startswith(_OLE_MARK):
        # Excel puts an encrypted workbook into this old container, where the name stands in UTF-16
        locked = "EncryptedPackage".encode("utf-16-le") in sample.head + sample.tail
        raise InputError("faq_xlsx_password" if locked else "faq_xls_old", name=path.name)
    if sample.head.startswith(_ZIP_MARK):
        _check_workbook(path)
        return FileFormat("xlsx", "utf-8")
    encoding = detect_encoding(sample)
    if encoding is None:
        raise InputError("faq_binary", name=path.name)
    text = _decode(sample, encoding)
    if not text.strip():
        raise InputError("faq_empty", name=path.name)
    first = text.lstrip()[:1]
    if path.suffix.lower() in _JSON_SUFFIXES and first in ("{", "["):
        if first == "[" and size > MAX_JSON_BYTES:
            raise InputError("faq_json_too_big", name=path.name, limit_mb=MAX_JSON_BYTES >> 20)
        return FileFormat("json" if first == "[" else "jsonl", encoding)
    return FileFormat("csv", encoding, _sniff_delimiter(text, source))


@contextmanager
def open_records(path: Path, source: FaqSource) -> Generator[Opened, None, None]:
    """Open a FAQ file; its records are read while they are asked for."""
    form = detect_format(path, source)
    if form.kind == "xlsx":
        with _open_xlsx(path, source) as opened:
            yield opened
        return
    with path.open("r", encoding=form.encoding, errors=error_handler(form.encoding), newline="") as file:
        if form.kind == "csv":
            yield _from_rows(form, _csv_rows(file, form.delimiter), source, path.name)
        else:
            yield _from_objects(form, file, path.name)


def _check_file(path: Path) -> int:
    if not path.is_file():
        raise InputError("faq_missing", path=str(path))
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as exc:
        raise InputError("faq_unreadable", path=str(path)) from exc
    if size == 0:
        raise InputError("faq_empty", name=path.name)
    if size > MAX_BYTES:
        raise InputError("faq_too_big", name=path.name, size_mb=size >> 20, limit_mb=MAX_BYTES >> 20)
    return size


def _check_workbook(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as exc:
        raise InputError("faq_xlsx_broken", name=path.name) from exc
    if not any(entry.filename.startswith("xl/") for entry in entries):
        raise InputError("faq_binary", name=path.name)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES:
        raise InputError("faq_too_big", name=path.name, size_mb=unpacked >> 20, limit_mb=MAX_BYTES >> 20)


def _decode(sample: Sample, encoding: Encoding) -> str:
    return sample.head.decode(encoding, error_handler(encoding))


# ---- rows with a header ----


def _from_rows(form: FileFormat, rows: Iterator[list[str] | None], source: FaqSource, name: str) -> Opened:
    """Records under the header, which is the first of ten rows whose names fit, else the first row.

    Titles and notes above the header are common in workbooks.
    """
    filled = dropwhile(lambda row: row is not None and not any(row), rows)
    ahead = list(islice(filled, _HEADER_SEARCH))
    at = next((i for i, row in enumerate(ahead) if row and _fits(row, source)), None)
    if at is None:
        at = next((i for i, row in enumerate(ahead) if row and any(row)), None)
    if at is None:
        raise InputError("faq_empty", name=name)
    columns = tuple(cell.strip() for cell in ahead[at] or [])
    records = _pair(columns, chain(ahead[at + 1 :], filled))
    return Opened(form, tuple(column for column in columns if column), records)


def _fits(row: Sequence[str], source: FaqSource) -> bool:
    cells = [cell.strip() for cell in row]
    guess = guess_columns(cells)
    question = source.question_column in cells if source.question_column else guess.question
    answer = source.answer_column in cells if source.answer_column else guess.answer
    return bool(question and answer)


def _pair(columns: Sequence[str], rows: Iterable[list[str] | None]) -> Iterator[Record]:
    """Empty rows count only where another row follows them: workbooks end with thousands of them."""
    empty = 0
    for row in rows:
        if row is not None and not row:
            continue
        if row is not None and not any(cell.strip() for cell in row):
            empty += 1
            continue
        yield from (Record({}, "row_empty") for _ in range(empty))
        empty = 0
        if row is None:
            yield Record({}, "row_unreadable")
        else:
            # reversed: of two columns with one name the first counts
            pairs = reversed(list(zip(columns, row, strict=False)))
            yield Record({name: cell for name, cell in pairs if name})


def _csv_rows(file: TextIO, delimiter: str) -> Iterator[list[str] | None]:
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(file, delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            # a cell beyond the limit, mostly a quotation mark never closed; the reader goes on after it
            yield None


def _sniff_delimiter(text: str, source: FaqSource) -> str:
    lines = text[: 1 << 16].splitlines(keepends=True)
    return max(",\t;", key=lambda delimiter: _delimiter_score(lines, delimiter, source))


def _delimiter_score(lines: list[str], delimiter: str, source: FaqSource) -> tuple[bool, int, int]:
    rows = [row for row in islice(_csv_rows(cast("TextIO", iter(lines)), delimiter), 30) if row]
    widths = [len(row) for row in rows]
    common = max(set(widths), key=widths.count) if widths else 0
    fits = any(_fits(row, source) for row in rows[:_HEADER_SEARCH])
    return (fits, widths.count(common) if common > 1 else 0, common)


# ---- workbooks ----


@contextmanager
def _open_xlsx(path: Path, source: FaqSource) -> Generator[Opened, None, None]:
    form = FileFormat("xlsx", "utf-8")
    # handed over open, because openpyxl goes by the name of a path
    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # openpyxl warns of styles and extensions that it does not need
                # imported here: it is slow to load, and few files are workbooks
                openpyxl: Any = import_module("openpyxl")
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except _XLSX_FAULTS as exc:
            raise InputError("faq_xlsx_broken", name=path.name) from exc
        try:
            yield _from_rows(form, _xlsx_rows(book, path.name), source, path.name)
        finally:
            book.close()


def _xlsx_rows(book: Any, name: str) -> Iterator[list[str] | None]:
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for sheet in sheets or book.worksheets:
                sheet.reset_dimensions()  # some writers note a wrong size, and rows would be missing
                found = False
                for row in sheet.iter_rows(values_only=True):
                    found = True
                    yield [_to_text(value) for value in row]
                if found:
                    return
    except _XLSX_FAULTS as exc:
        raise InputError("faq_xlsx_broken", name=name) from exc


# ---- JSON ----


def _from_objects(form: FileFormat, file: TextIO, name: str) -> Opened:
    objects = _json_array(file, name) if form.kind == "json" else _json_lines(file)
    ahead = list(islice(objects, 100))
    columns = tuple(dict.fromkeys(key for item in ahead if item is not None for key in item))
    if not columns:
        raise InputError("faq_json_no_objects", name=name)
    return Opened(form, columns, (_to_record(item) for item in chain(ahead, objects)))


def _json_lines(file: TextIO) -> Iterator[dict[str, Any] | None]:
    for line in file:
        if not line.strip():
            continue
        yield _as_object(_parse(line))


def _json_array(file: TextIO, name: str) -> Iterator[dict[str, Any] | None]:
    value = _parse(file.read())
    if not isinstance(value, list):
        raise InputError("faq_json_broken", name=name)
    for item in cast("list[object]", value):
        yield _as_object(item)


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _as_object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _to_record(item: dict[str, Any] | None) -> Record:
    if item is None:
        return Record({}, "row_unreadable")
    return Record({key: _to_text(value) for key, value in item.items()})


def _to_text(value: object) -> str:
    """A cell as text; lists and objects are no text and count as empty."""
    if value is None or isinstance(value, list | dict):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
