"""The file that keeps a review: its tables, how an older one becomes a new one, and its connections."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, cast

from filelock import FileLock

from workbench.artifacts.files import Record, dump_json
from workbench.errors import ResourceError, StateError
from workbench.paths import Workspace

SCHEMA_VERSION = 2
BUSY_SECONDS = 30.0

_VOTES = """
CREATE TABLE votes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    comparison TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    is_repeat INTEGER NOT NULL,
    is_adjudication INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    current INTEGER NOT NULL DEFAULT 1
);
"""
# the columns beside `body`, the whole vote as JSON, are there to be searched
_INDEXES = """
CREATE UNIQUE INDEX votes_current ON votes
    (comparison, reviewer, sample_id, is_repeat, is_adjudication) WHERE current = 1;
CREATE INDEX votes_by_sample ON votes (comparison, sample_id) WHERE current = 1;
CREATE INDEX votes_by_number ON votes (comparison, reviewer, number) WHERE undone = 0;
"""
_BESIDE = """
CREATE TABLE drafts (
    comparison TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    is_repeat INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (comparison, reviewer, sample_id, is_repeat)
) WITHOUT ROWID;
CREATE TABLE sessions (
    comparison TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (comparison, reviewer)
) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE exported (
    comparison TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    format TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (comparison, sample_id, format)
) WITHOUT ROWID;
"""
_FROM_1 = """
INSERT INTO votes (number, comparison, sample_id, reviewer, is_repeat, is_adjudication, verdict, at, body,
    undone, current)
SELECT number, comparison, sample_id, reviewer, 0, 0, verdict, at,
    json_object('comparison', comparison, 'sample_id', sample_id, 'reviewer', reviewer, 'verdict', verdict,
        'left', left_side, 'comment', comment, 'at', at),
    undone,
    undone = 0 AND number = (
        SELECT MAX(number) FROM votes_1 AS later WHERE later.undone = 0 AND later.comparison = old.comparison
        AND later.reviewer = old.reviewer AND later.sample_id = old.sample_id)
FROM votes_1 AS old
"""


class _Held(threading.local):
    """The connection that a thread keeps for several pieces of work, once the first of them has opened it."""

    stack: ExitStack | None = None
    connection: sqlite3.Connection | None = None


class ReviewDatabase:
    """Connections to the file; every one is opened for one piece of work, so any thread may ask for one.

    Args:
        workspace: Where the file lies; it is made by the first writer.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.review_db
        self._lock = workspace.locks / "review.lock"
        self._held = _Held()

    @property
    def exists(self) -> bool:
        return self._path.exists()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A connection that sees one state of the file from its first query on.

        Raises:
            ResourceError: `review_db_unusable`.
            StateError: `review_db_damaged`, or `review_db_newer`.
        """
        with self._connected() as connection, _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A connection inside a transaction, which is durable when the block is left, or never was.

        Raises:
            ResourceError: `review_db_unusable`.
            StateError: `review_db_damaged`, or `review_db_newer`.
        """
        # immediate: two writers wait for each other here instead of failing in the middle
        with self._connected() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
            yield connection

    @contextmanager
    def held(self) -> Generator[None]:
        """One connection for all that this thread does inside the block, one after the other.

        Opening the file takes longer than most of what is asked of it. Nothing stays open behind the block, so
        the file may be copied or replaced between two requests.
        """
        held = self._held
        if held.stack is not None:
            yield
            return
        try:
            with ExitStack() as held.stack:
                yield
        finally:
            held.stack = held.connection = None

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        held = self._held
        try:
            if held.connection is not None:
                yield held.connection
            elif held.stack is not None:
                held.connection = held.stack.enter_context(self._opened())
                yield held.connection
            else:
                with self._opened() as connection:
                    yield connection
        except (sqlite3.OperationalError, OSError) as exc:
            raise ResourceError("review_db_unusable", path=str(self._path), reason=str(exc)) from exc
        except sqlite3.DatabaseError as exc:
            raise StateError("review_db_damaged", path=str(self._path)) from exc

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            self._prepare(connection)
            yield connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # a vote that was shown as saved must survive a power cut
        connection.execute("PRAGMA synchronous = FULL")
        if self._version(connection) < SCHEMA_VERSION:
            # sqlite does not wait when two processes switch a new file to the log at once
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock, is_singleton=False):
                connection.execute("PRAGMA journal_mode = WAL")
                with _transaction(connection, "BEGIN IMMEDIATE"):
                    _migrate(connection, self._version(connection))

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StateError("review_db_newer", path=str(self._path), version=version)
        return version


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Generator[None]:
    connection.execute(begin)
    # commits, or rolls back where something is raised
    with connection:
        yield


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file to the present form inside the open transaction. Every row is kept, undone ones too."""
    if version == SCHEMA_VERSION:
        return
    if version == 1:
        connection.execute("ALTER TABLE votes RENAME TO votes_1")
        connection.execute("DROP INDEX votes_by_question")
        connection.execute("CREATE INDEX votes_1_by_question ON votes_1 (comparison, reviewer, sample_id)")
    # one by one: `executescript` would commit first
    for statement in (_VOTES + _BESIDE).split(";"):
        connection.execute(statement)
    if version == 1:
        connection.execute(_FROM_1)
        connection.execute("DROP TABLE votes_1")
    for statement in _INDEXES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def bind(text: str) -> str | bytes:
    """A text as sqlite takes it: one with lone surrogates (broken ids of a file) goes in as bytes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def unbind(value: str | bytes) -> str:
    """What `bind` was given."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def pack(record: Record) -> str:
    """A record as the JSON of a `body` column."""
    return dump_json(record).decode("utf-8")


def unpack(body: str) -> dict[str, Any]:
    """The values of a `body` column."""
    return cast("dict[str, Any]", json.loads(body))
