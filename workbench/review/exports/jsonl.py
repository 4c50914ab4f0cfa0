"""JSON lines: the votes as they are, and training rows."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.artifacts.files import Record, dump_json
from workbench.review.exports.source import ExportSource


def write_votes(source: ExportSource) -> bytes:
    """One vote a line, with all that belongs to it; hidden repeats and adjudications carry their marks."""
    return write_lines(source.votes)


def write_lines(records: Iterable[Record]) -> bytes:
    """Records as JSON lines in UTF-8."""
    return b"".join(dump_json(record) + b"\n" for record in records)
