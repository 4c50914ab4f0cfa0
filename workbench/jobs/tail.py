"""Reads only what is new in a file of JSON lines that another process appends to."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from workbench.artifacts.files import parse_line

logger = logging.getLogger(__name__)

_MARK_BYTES = 64
_CHUNK_LINES = 2000


class JsonlTail:
    """A reader that remembers how far it read.

    A last line without its newline is left for the next read. Where the file was cut or replaced (the bytes
    before our position are no longer what they were) reading starts again from the beginning and `restarts`
    goes up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._mark = b""
        self.restarts = 0

    def read(self) -> list[dict[str, Any]]:
        """Records appended since the last call; lines that are no JSON objects are skipped."""
        data = self._read_bytes()
        end = data.rfind(b"\n") + 1
        if end == 0:
            return []
        whole = data[:end]
        self._offset += end
        self._mark = (self._mark + whole[-_MARK_BYTES:])[-_MARK_BYTES:]
        return self._parse(whole)

    def _read_bytes(self) -> bytes:
        try:
            if self._path.stat().st_size == self._offset:
                return b""
            with self._path.open("rb") as handle:
                handle.seek(self._offset - len(self._mark))
                data = handle.read()
                if data.startswith(self._mark):
                    return data[len(self._mark) :]
                self.restarts += 1
                self._offset, self._mark = 0, b""
                handle.seek(0)
                return handle.read()
        except FileNotFoundError:
            return b""

    def _parse(self, data: bytes) -> list[dict[str, Any]]:
        lines = data.splitlines()
        records: list[dict[str, Any]] = []
        for start in range(0, len(lines), _CHUNK_LINES):
            chunk = lines[start : start + _CHUNK_LINES]
            records += _parse_together(chunk) or self._parse_each(chunk)
        return records

    def _parse_each(self, lines: list[bytes]) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        for line in lines:
            record = parse_line(line)
            if record is not None:
                records.append(record)
            elif line.strip():
                logger.warning("a line of %s is no JSON object; skipped", self._path)
        return records


def _parse_together(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """Lines parsed as one array, which takes half the time; None where any of them is no JSON object."""
    try:
        values: list[Any] = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        return None
    whole = len(values) == len(lines) and all(isinstance(value, dict) for value in values)
    return values if whole else None
