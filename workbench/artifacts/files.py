"""The one place that writes files which must never be seen half-written.

A whole file goes to a hidden file beside its target and takes the target's name at the end. Lines are
appended to a journal in one write each, so that a process that dies leaves at most one broken last line,
which the next writer cuts off and every reader ignores.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from workbench.errors import InputError

logger = logging.getLogger(__name__)

Record = Mapping[str, Any] | BaseModel
"""What becomes one line of a journal."""


def to_plain(value: object) -> Any:
    """The value as JSON can hold it: records become mappings, paths text, numbers that are not finite null.

    Null stands for NaN and infinity because a browser refuses a JSON text that holds them.
    """
    if isinstance(value, BaseModel):
        return to_plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(key): to_plain(item) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in cast("Iterable[Any]", value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def dump_json(value: object, *, indent: int | None = None) -> bytes:
    """JSON as UTF-8 bytes. Characters that UTF-8 cannot hold (broken file names) are written as escapes."""
    plain: Any = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    try:
        # nearly all that is written is plain already, or becomes so where it is not
        text = json.dumps(plain, ensure_ascii=False, indent=indent, allow_nan=False, default=to_plain)
    except (TypeError, ValueError):
        # only now gone through value by value: a number that is not finite, or a key that is no text
        plain = to_plain(plain)
        text = json.dumps(plain, ensure_ascii=False, indent=indent)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(plain, indent=indent, default=to_plain).encode("ascii")


def write_bytes_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file in one step.

    Args:
        path: The target; its folder must exist.
        data: The whole new content.
        durable: Wait until the disk holds it. False for what is rewritten several times a second.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        # gone already where all went well
        temporary.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a text file in one step."""
    write_bytes_atomic(path, text.encode("utf-8"), durable=durable)


def write_json_atomic(path: Path, value: object, *, durable: bool = True) -> None:
    """Replace a JSON file in one step; readable by people, ends with a newline."""
    write_bytes_atomic(path, dump_json(value, indent=1) + b"\n", durable=durable)


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        FileNotFoundError: There is none.
        InputError: `json_unreadable` where it is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except ValueError as exc:  # also a UnicodeDecodeError
        raise InputError("json_unreadable", path=str(path)) from exc


def sync_file(path: Path) -> None:
    """Wait until the disk holds a file or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def repair_tail(path: Path) -> int:
    """Cut a half-written last line off a file of lines; the number of bytes cut."""
    if not path.exists():
        return 0
    with path.open("r+b") as handle:
        size = handle.seek(0, os.SEEK_END)
        keep = size
        while keep > 0:
            start = max(0, keep - 65536)
            handle.seek(start)
            newline = handle.read(keep - start).rfind(b"\n")
            keep = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        if keep < size:
            handle.truncate(keep)
    return size - keep


class JsonlWriter:
    """Appends records to a file of JSON lines; safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        cut = repair_tail(path)
        if cut:
            logger.info("cut a half-written line of %d bytes off %s", cut, path.name)
        self._handle = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._dirty = False

    def append(self, *records: Record) -> None:
        """Write records, one line each, in one call of the system."""
        data = b"".join(dump_json(record) + b"\n" for record in records)
        with self._lock:
            written = self._handle.write(data)
            while written < len(data):  # a nearly full disk takes a part and refuses the rest
                data = data[written:]
                written = self._handle.write(data)
            self._dirty = True

    def sync(self) -> None:
        """Wait until the disk holds everything appended so far."""
        with self._lock:
            if not self._dirty or self._handle.closed:
                return
            self._dirty = False
            os.fsync(self._handle.fileno())

    def close(self) -> None:
        with self._lock:
            self._handle.close()

    def __enter__(self) -> JsonlWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def append_jsonl(path: Path, records: Iterable[Record], *, durable: bool = False) -> None:
    """Append records to a file of JSON lines; for many calls keep a `JsonlWriter` open instead."""
    with JsonlWriter(path) as writer:
        writer.append(*records)
        if durable:
            writer.sync()


def write_jsonl_atomic(path: Path, records: Iterable[Record]) -> int:
    """Replace a file of JSON lines in one step; the number of lines."""
    lines = [dump_json(record) + b"\n" for record in records]
    write_bytes_atomic(path, b"".join(lines))
    return len(lines)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file of JSON lines. Lines that are no JSON objects are skipped, with a log line."""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            record = parse_line(line)
            if record is not None:
                yield record
            elif line.strip():
                logger.warning("%s line %d is no JSON object; skipped", path, number)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """One line as a record, or None where it is no whole JSON object."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
