"""Votes in SQLite (write-ahead log): several reviewers save at once, and a crash loses nothing.

Nothing is overwritten: a changed verdict is a new row, an undone one keeps its row with a mark. What counts
is each reviewer's latest row on a question that is not undone; a hidden repeat and an adjudication count
beside it. What is typed before a verdict is a draft, saved on every action.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from workbench.errors import StateError
from workbench.paths import Workspace
from workbench.review.database import ReviewDatabase, bind, pack, unbind, unpack
from workbench.review.judged import Judged
from workbench.review.tally import tally
from workbench.schemas.base import Model
from workbench.schemas.evaluation import Vote
from workbench.schemas.exported import ExportedQuestion
from workbench.schemas.review import (
    Done,
    QueueKey,
    ReviewSession,
    ReviewSettings,
    VoteDraft,
    VoteSummary,
)

_KEY = "comparison = ? AND reviewer = ? AND sample_id = ? AND is_repeat = ?"
_SETTINGS = "review"
_TYPED = ("strength", "correctness", "tags", "notes", "correction", "states", "comment")
"""What a draft and a vote share."""


class VoteStore:
    """The votes of a workspace. Any thread may use it; every call opens a connection of its own unless `held`.

    Each call is one transaction, durable when it returns. All of them raise:
        ResourceError: `review_db_unusable` where the file cannot be read or written.
        StateError: `review_db_damaged`, or `review_db_newer`.

    Args:
        workspace: Where the database lies; it is made with the first vote.
        clock: Seconds since the epoch, for votes without a time.
    """

    def __init__(self, workspace: Workspace, *, clock: Callable[[], float] = time.time) -> None:
        self._path = workspace.review_db
        self._database = ReviewDatabase(workspace)
        self._judged = Judged()
        self._clock = clock

    def held(self) -> AbstractContextManager[None]:
        """One connection for all calls of this thread inside the block: for a request that makes several."""
        return self._database.held()

    def cast(self, vote: Vote) -> Vote:
        """Save a vote; returns it with its time. It replaces an earlier one, and its draft goes."""
        timed = vote if vote.at else vote.model_copy(update={"at": self._clock()})
        key = _vote_key(timed)
        with self._database.writing() as connection:
            connection.execute(
                f"UPDATE votes SET current = 0 WHERE {_KEY} AND is_adjudication = ? AND current = 1",
                (*key, timed.adjudication),
            )
            connection.execute(
                "INSERT INTO votes (comparison, reviewer, sample_id, is_repeat, is_adjudication, verdict, at,"
                " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, timed.adjudication, timed.verdict, timed.at, pack(timed)),
            )
            if not timed.adjudication:
                connection.execute(f"DELETE FROM drafts WHERE {_KEY}", key)
        return timed

    def undo(self, comparison: str, reviewer: str) -> Vote | None:
        """Take back the reviewer's last vote on the comparison; a verdict it had replaced counts again.

        What was typed with it is a draft again, unless a newer draft lies there.

        Returns:
            The vote that was taken back, or None where there is none.
        """
        if not self._database.exists:
            return None
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT number, body FROM votes"
                " WHERE comparison = ? AND reviewer = ? AND undone = 0 ORDER BY number DESC LIMIT 1",
                (bind(comparison), bind(reviewer)),
            ).fetchone()
            if row is None:
                return None
            vote = self._to_vote(row[1])
            _take_back(connection, row[0], vote)
        return vote

    def votes(self, comparison: str, reviewer: str | None = None) -> list[Vote]:
        """The votes that count, oldest first: each reviewer's latest on each question.

        Reads all of them, repeats and adjudications too: for summaries and exports, not for every click.

        Args:
            comparison: Artifact id.
            reviewer: Only this one's votes: reviewers do not see each other's until both are done.
        """
        where, values = "comparison = ? AND current = 1", [bind(comparison)]
        if reviewer is not None:
            where, values = f"{where} AND reviewer = ?", [*values, bind(reviewer)]
        rows = self._read(f"SELECT number, body FROM votes WHERE {where}", values)
        return [self._to_vote(body) for _, body in sorted(rows)]

    def votes_on(self, comparison: str, sample_id: str) -> list[Vote]:
        """Everybody's votes on one question, oldest first."""
        query = "SELECT number, body FROM votes WHERE comparison = ? AND sample_id = ? AND current = 1"
        rows = self._read(query, [bind(comparison), bind(sample_id)])
        return [self._to_vote(body) for _, body in sorted(rows)]

    def vote_of(self, comparison: str, reviewer: str, key: QueueKey) -> Vote | None:
        """A reviewer's own vote on one place of the queue."""
        rows = self._read(
            f"SELECT body FROM votes WHERE {_KEY} AND is_adjudication = 0 AND current = 1",
            _key(comparison, reviewer, key),
        )
        return self._to_vote(rows[0][0]) if rows else None

    def done(self, comparison: str, reviewer: str) -> Mapping[QueueKey, Done]:
        """What a reviewer has judged; asked again, only what has changed since is read."""
        if not self._database.exists:
            return {}
        with self._database.reading() as connection:
            return self._judged.read(connection, comparison, reviewer)

    def count(self, comparison: str) -> dict[str, int]:
        """Questions judged by each reviewer, repeats and adjudications left out."""
        rows = self._read(
            "SELECT reviewer, COUNT(*) FROM votes WHERE comparison = ? AND current = 1"
            " AND is_repeat = 0 AND is_adjudication = 0 GROUP BY reviewer ORDER BY reviewer",
            [bind(comparison)],
        )
        return {unbind(name): count for name, count in rows}

    def comparisons(self) -> dict[str, int]:
        """Votes that count by comparison, for every comparison with votes."""
        rows = self._read(
            "SELECT comparison, COUNT(*) FROM votes WHERE current = 1 AND is_repeat = 0"
            " AND is_adjudication = 0 GROUP BY comparison ORDER BY comparison",
            [],
        )
        return {unbind(name): count for name, count in rows}

    def summary(self, comparison: str) -> VoteSummary:
        """What the votes add up to."""
        exported = {row.sample_id for row in self.exported(comparison)}
        return tally(comparison, self.votes(comparison), exported=len(exported))

    def save_draft(self, draft: VoteDraft) -> VoteDraft:
        """Keep what a reviewer has entered so far; returns it with its time."""
        timed = draft if draft.at else draft.model_copy(update={"at": self._clock()})
        key = _key(draft.comparison, draft.reviewer, QueueKey(draft.sample_id, draft.repeat))
        with self._database.writing() as connection:
            _write_draft(connection, key, timed, replace=True)
        return timed

    def draft(self, comparison: str, reviewer: str, key: QueueKey) -> VoteDraft | None:
        """What a reviewer had entered on a question without a verdict yet."""
        rows = self._read(f"SELECT body FROM drafts WHERE {_KEY}", _key(comparison, reviewer, key))
        return self._parse(VoteDraft, rows[0][0]) if rows else None

    def save_session(self, reviewer: str, session: ReviewSession) -> None:
        """Keep where a reviewer is."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sessions (comparison, reviewer, body) VALUES (?, ?, ?)",
                (bind(session.plan.comparison), bind(reviewer), pack(session)),
            )

    def session(self, comparison: str, reviewer: str) -> ReviewSession | None:
        """Where a reviewer stopped, or None where they never began."""
        rows = self._read(
            "SELECT body FROM sessions WHERE comparison = ? AND reviewer = ?",
            [bind(comparison), bind(reviewer)],
        )
        return self._parse(ReviewSession, rows[0][0]) if rows else None

    def settings(self) -> ReviewSettings:
        """What the people of the workspace have agreed on."""
        rows = self._read("SELECT body FROM settings WHERE name = ?", [_SETTINGS])
        return self._parse(ReviewSettings, rows[0][0]) if rows else ReviewSettings()

    def save_settings(self, settings: ReviewSettings) -> None:
        """Replace the settings."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings (name, body) VALUES (?, ?)", (_SETTINGS, pack(settings))
            )

    def mark_exported(self, rows: Sequence[ExportedQuestion]) -> None:
        """Remember that questions went into a training file."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO exported (comparison, sample_id, format, body) VALUES (?, ?, ?, ?)",
                [(bind(row.comparison), bind(row.sample_id), row.format, pack(row)) for row in rows],
            )

    def exported(self, comparison: str) -> list[ExportedQuestion]:
        """Questions of a comparison that went into a training file."""
        rows = self._read("SELECT body FROM exported WHERE comparison = ?", [bind(comparison)])
        return [self._parse(ExportedQuestion, row[0]) for row in rows]

    def _read(self, query: str, values: Iterable[Any]) -> list[Any]:
        # looking must not make a file
        if not self._database.exists:
            return []
        with self._database.reading() as connection:
            return connection.execute(query, tuple(values)).fetchall()

    def _to_vote(self, body: str) -> Vote:
        return self._parse(Vote, body)

    def _parse(self, model: type[Model], body: str) -> Model:
        try:
            return model.model_validate(unpack(body))
        except ValueError as exc:  # no JSON, or not what the model wants
            raise StateError("review_db_damaged", path=str(self._path)) from exc


def _key(comparison: str, reviewer: str, key: QueueKey) -> tuple[Any, ...]:
    return bind(comparison), bind(reviewer), bind(key.sample_id), int(key.repeat)


def _vote_key(vote: Vote) -> tuple[Any, ...]:
    return _key(vote.comparison, vote.reviewer, QueueKey(vote.sample_id, vote.repeat))


def _take_back(connection: sqlite3.Connection, number: int, vote: Vote) -> None:
    key = _vote_key(vote)
    connection.execute("UPDATE votes SET undone = 1, current = 0 WHERE number = ?", (number,))
    connection.execute(
        "UPDATE votes SET current = 1 WHERE number = (SELECT MAX(number) FROM votes"
        f" WHERE {_KEY} AND is_adjudication = ? AND undone = 0)",
        (*key, vote.adjudication),
    )
    if not vote.adjudication:
        draft = to_draft(vote)
        _write_draft(connection, key, draft, replace=False)


def _write_draft(
    connection: sqlite3.Connection, key: tuple[Any, ...], draft: VoteDraft, *, replace: bool
) -> None:
    connection.execute(
        f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO drafts"
        " (comparison, reviewer, sample_id, is_repeat, body) VALUES (?, ?, ?, ?, ?)",
        (*key, pack(draft)),
    )


def to_draft(vote: Vote) -> VoteDraft:
    """A vote without its verdict: to be changed."""
    return VoteDraft(
        comparison=vote.comparison,
        sample_id=vote.sample_id,
        reviewer=vote.reviewer,
        repeat=vote.repeat,
        at=vote.at,
        **{name: getattr(vote, name) for name in _TYPED},
    )


def to_vote(draft: VoteDraft, **given: Any) -> Vote:
    """A draft with its verdict.

    Args:
        draft: What was entered.
        **given: The other fields of a vote: verdict, left, blind, selection, adjudication.
    """
    return Vote(
        comparison=draft.comparison,
        sample_id=draft.sample_id,
        reviewer=draft.reviewer,
        repeat=draft.repeat,
        **{name: getattr(draft, name) for name in _TYPED},
        **given,
    )
