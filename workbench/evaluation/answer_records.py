"""Reads the records of a file of answers one by one, so that a huge file takes no more memory than a small one.

JSON Lines, or one JSON list whatever the file is called. UTF-8 with or without a byte order mark, any line ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO, cast

from workbench.errors import InputError, NotFoundError

MAX_RECORD = 128 * 2**20
"""Characters of one record, which is held in memory whole. Large enough that one runaway answer of 100 MB, which is
no answer, does not cost the others theirs."""
_CHUNK = 2**20
_BETWEEN = re.compile(r"[\s,]*")


class Record(NamedTuple):
    """One answer as it stands in the file."""

    path: Path
    number: int
    """Line, or position in the list, from 1."""
    values: dict[str, object]

    def fault(self, code: str, **params: str) -> InputError:
        """An error that says where in the file it is."""
        return InputError(code, path=str(self.path), line=self.number, **params)


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file in order.

    Raises:
        NotFoundError: `answers_missing`.
        InputError: `answers_is_folder`, `answers_not_utf8`, `answers_empty`, `answers_line_not_json`,
            `answers_line_long`, `answers_locked`.
    """
    try:
        with path.open(encoding="utf-8-sig") as handle:
            yield from _read(handle, path)
    except FileNotFoundError as exc:
        raise NotFoundError("answers_missing", path=str(path)) from exc
    except IsADirectoryError as exc:
        raise InputError("answers_is_folder", path=str(path)) from exc
    except UnicodeDecodeError as exc:
        raise InputError("answers_not_utf8", path=str(path)) from exc
    except OSError as exc:
        raise InputError("answers_locked", path=str(path), reason=exc.strerror or "") from exc


def _read(handle: TextIO, path: Path) -> Iterator[Record]:
    skipped, first = 0, handle.read(1)
    while first and first.isspace():
        skipped += first == "\n"
        first = handle.read(1)
    if not first:
        raise InputError("answers_empty", path=str(path))
    if first == "[":
        yield from _read_list(handle, path)
    else:
        yield from _read_lines(handle, path, first, skipped + 1)


def _read_lines(handle: TextIO, path: Path, first: str, number: int) -> Iterator[Record]:
    line = first + handle.readline(MAX_RECORD)
    while line:
        if len(line) > MAX_RECORD:
            raise InputError("answers_line_long", path=str(path), line=number)
        if line.strip():
            yield _record(path, number, line)
        number += 1
        line = handle.readline(MAX_RECORD + 1)


def _record(path: Path, number: int, text: str) -> Record:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InputError("answers_line_not_json", path=str(path), line=number) from exc
    return _checked(path, number, value)


def _checked(path: Path, number: int, value: object) -> Record:
    if not isinstance(value, dict):
        raise InputError("answers_line_not_json", path=str(path), line=number)
    return Record(path, number, cast("dict[str, object]", value))


def _read_list(handle: TextIO, path: Path) -> Iterator[Record]:
    """The elements of a list whose opening bracket was read."""
    decoder = json.JSONDecoder()
    text, position, number = handle.read(_CHUNK), 0, 0
    while True:
        position = _skip(text, position)
        if position >= len(text):
            text, position = handle.read(_CHUNK), 0
            if not text:
                raise InputError("answers_line_not_json", path=str(path), line=number + 1)
            continue
        if text[position] == "]":
            break
        number += 1
        try:
            value, position = decoder.raw_decode(text, position)
        except RecursionError as exc:
            raise InputError("answers_line_not_json", path=str(path), line=number) from exc
        except ValueError as exc:
            text, position = _grow(handle, path, text[position:], number, exc), 0
            number -= 1
            continue
        yield _checked(path, number, value)
    if number == 0:
        raise InputError("answers_empty", path=str(path))


def _skip(text: str, position: int) -> int:
    found = _BETWEEN.match(text, position)
    return found.end() if found else position


def _grow(handle: TextIO, path: Path, rest: str, number: int, cause: ValueError) -> str:
    """More of the file behind an element that is not whole; doubling, so that long ones are not re-read often."""
    if len(rest) > MAX_RECORD:
        raise InputError("answers_line_long", path=str(path), line=number) from cause
    more = handle.read(max(_CHUNK, len(rest)))
    if not more:
        raise InputError("answers_line_not_json", path=str(path), line=number) from cause
    return rest + more
