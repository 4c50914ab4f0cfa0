"""What reviewers have judged, kept between their clicks: of ten thousand questions only what is new is read again."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

from workbench.review.database import bind, unbind
from workbench.schemas.review import Done, QueueKey

KEPT = 40
"""Reviewers whose work is kept; each takes about two megabytes with ten thousand questions."""
_NEWEST = "SELECT COALESCE(MAX(number), 0), COUNT(*) FROM votes WHERE comparison = ? AND reviewer = ? AND undone = 0"
_SINCE = (
    "SELECT sample_id, is_repeat, verdict, at, is_adjudication FROM votes"
    " WHERE comparison = ? AND reviewer = ? AND undone = 0 AND number > ? ORDER BY number"
)


class _Kept(NamedTuple):
    """As of the rows that are not undone: numbers are never given twice, so these two tell all of them apart."""

    newest: int
    total: int
    done: Mapping[QueueKey, Done]


class Judged:
    """What each reviewer has judged, as the file has it. Any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._lock = Lock()

    def read(self, connection: sqlite3.Connection, comparison: str, reviewer: str) -> Mapping[QueueKey, Done]:
        """The reviewer's latest verdict on each question, adjudications left out.

        Args:
            connection: Of which one state of the file is seen.
            comparison: Artifact id.
            reviewer: Name.
        """
        whose = bind(comparison), bind(reviewer)
        newest, total = connection.execute(_NEWEST, whose).fetchone()
        with self._lock:
            kept = self._kept.get((comparison, reviewer))
        if kept is not None and (kept.newest, kept.total) == (newest, total):
            return kept.done
        since = kept.newest if kept is not None and kept.newest < newest else 0
        rows = connection.execute(_SINCE, (*whose, since)).fetchall()
        if kept is None or kept.total + len(rows) != total:
            # something was taken back: what it had replaced counts again
            kept = _Kept(0, 0, {})
            rows = rows if since == 0 else connection.execute(_SINCE, (*whose, 0)).fetchall()
        # later rows replace earlier ones on the same question
        done = {**kept.done, **_read_rows(rows)}
        with self._lock:
            self._kept[comparison, reviewer] = _Kept(newest, total, done)
            self._kept.move_to_end((comparison, reviewer))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return done


def _read_rows(rows: Sequence[Any]) -> dict[QueueKey, Done]:
    return {
        QueueKey(unbind(name), bool(again)): Done(verdict, at)
        for name, again, verdict, at, adjudication in rows
        if not adjudication
    }
