"""Votes in SQLite (write-ahead log): several reviewers save at once, and a crash loses nothing.

Nothing is overwritten: a changed verdict is a new row, an undone one keeps its row with a mark. What counts
is each reviewer's latest row on a question that is not undone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Any

from workbench.errors import ResourceError, StateError
from workbench.paths import Workspace
from workbench.review.tally import tally
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import VoteSummary

SCHEMA_VERSION = 1
BUSY_SECONDS = 15.0
_CREATE = """
CREATE TABLE IF NOT EXISTS votes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    comparison TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    verdict TEXT NOT NULL,
    left_side TEXT NOT NULL,
    comment TEXT NOT NULL,
    at REAL NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS votes_by_question ON votes (comparison, reviewer, sample_id, number);
"""
_COLUMNS = "comparison, sample_id, reviewer, verdict, left_side, comment, at"
_CURRENT = f"""
SELECT {_COLUMNS} FROM votes WHERE number IN (
    SELECT MAX(number) FROM votes WHERE comparison = ? AND undone = 0 GROUP BY reviewer, sample_id
) ORDER BY number
"""


class VoteStore:
    """The votes of a workspace. Every call opens a connection of its own, so any thread may use it.

    Args:
        workspace: Where the database lies; it is made with the first vote.
        clock: Seconds since the epoch, for votes without a time.
    """

    def __init__(self, workspace: Workspace, *, clock: Callable[[], float] = time.time) -> None:
        self._path = workspace.review_db
        self._clock = clock

    def cast(self, vote: Vote) -> Vote:
        """Save a vote, at once and durably; returns it with its time.

        Raises:
            ResourceError: The database cannot be written.
            StateError: It is damaged, or of a newer version of the program.
        """
        timed = vote if vote.at else vote.model_copy(update={"at": self._clock()})
        row = (
            timed.comparison,
            timed.sample_id,
            timed.reviewer,
            timed.verdict,
            timed.left,
            timed.comment,
            timed.at,
        )
        with self._writing() as connection:
            connection.execute(f"INSERT INTO votes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return timed

    def undo(self, comparison: str, reviewer: str) -> Vote | None:
        """Take back the reviewer's last vote on the comparison; a verdict it had replaced counts again.

        Returns:
            The vote that was taken back, or None where there is none.
        """
        with self._writing() as connection:
            row = connection.execute(
                f"SELECT number, {_COLUMNS} FROM votes"
                " WHERE comparison = ? AND reviewer = ? AND undone = 0 ORDER BY number DESC LIMIT 1",
                (comparison, reviewer),
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE votes SET undone = 1 WHERE number = ?", (row[0],))
        return _to_vote(row[1:])

    def votes(self, comparison: str, reviewer: str | None = None) -> list[Vote]:
        """The votes that count, oldest first: each reviewer's latest on each question.

        Args:
            comparison: Artifact id.
            reviewer: Only this one's votes: reviewers do not see each other's until both are done.
        """
        if not self._path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute(_CURRENT, (comparison,)).fetchall()
        votes = [_to_vote(row) for row in rows]
        return [vote for vote in votes if reviewer is None or vote.reviewer == reviewer]

    def summary(self, comparison: str) -> VoteSummary:
        """What the votes add up to."""
        return tally(comparison, self.votes(comparison))

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        # the inner one commits, or rolls back where something is raised
        with self._connected() as connection, connection:
            # immediate: two writers wait for each other here instead of failing in the middle
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            ) as connection:
                self._prepare(connection)
                yield connection
        except sqlite3.OperationalError as exc:
            raise ResourceError("review_db_unusable", path=str(self._path), reason=str(exc)) from exc
        except sqlite3.DatabaseError as exc:
            raise StateError("review_db_damaged", path=str(self._path)) from exc

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StateError("review_db_newer", path=str(self._path), version=version)
        # a vote that was shown as saved must survive a power cut
        connection.execute("PRAGMA synchronous = FULL")
        if version < SCHEMA_VERSION:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN IMMEDIATE;{_CREATE}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
            )


def _to_vote(row: Any) -> Vote:
    comparison, sample_id, reviewer, verdict, left, comment, at = row
    return Vote(
        comparison=comparison,
        sample_id=sample_id,
        reviewer=reviewer,
        verdict=verdict,
        left=left,
        comment=comment,
        at=at,
    )
