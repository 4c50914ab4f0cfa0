"""A file of the first format becomes one of the present, and nothing in it is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.review.makers import vote
from workbench.errors import StateError
from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.review.database import SCHEMA_VERSION

# as the first version of the program made it
FIRST = """
CREATE TABLE votes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    comparison TEXT NOT NULL, sample_id TEXT NOT NULL, reviewer TEXT NOT NULL, verdict TEXT NOT NULL,
    left_side TEXT NOT NULL, comment TEXT NOT NULL, at REAL NOT NULL, undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX votes_by_question ON votes (comparison, reviewer, sample_id, number);
PRAGMA user_version = 1;
"""
ROWS = [
    ("c1", "s1", "佐藤", "tie", "baseline", "まよう", 1.0, 0),
    ("c1", "s1", "佐藤", "finetuned", "baseline", "やはりこちら 😀 '\";--", 2.0, 0),
    ("c1", "s1", "鈴木", "baseline", "finetuned", "", 3.0, 0),
    ("c1", "s2", "佐藤", "both_bad", "baseline", "", 4.0, 0),
    ("c1", "s2", "佐藤", "tie", "baseline", "取り消した", 5.0, 1),
    ("c1", "s3", "佐藤", "tie", "finetuned", "取り消しだけ", 6.0, 1),
    ("c2", "s1", "佐藤", "finetuned", "finetuned", "別の比較", 7.0, 0),
]


@pytest.fixture
def old(workspace: Workspace) -> Workspace:
    with closing(sqlite3.connect(workspace.review_db)) as connection:
        connection.executescript(FIRST)
        connection.executemany(
            "INSERT INTO votes (comparison, sample_id, reviewer, verdict, left_side, comment, at, undone)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ROWS,
        )
        connection.commit()
    return workspace


def test_every_vote_that_counted_still_counts(old: Workspace) -> None:
    votes = VoteStore(old)
    found = [(one.sample_id, one.reviewer, one.verdict, one.left, one.at) for one in votes.votes("c1")]
    assert found == [
        ("s1", "佐藤", "finetuned", "baseline", 2.0),
        ("s1", "鈴木", "baseline", "finetuned", 3.0),
        ("s2", "佐藤", "both_bad", "baseline", 4.0),
    ]
    assert votes.votes("c1")[0].comment == "やはりこちら 😀 '\";--"
    assert [one.comment for one in votes.votes("c2")] == ["別の比較"]


def test_replaced_and_undone_rows_are_kept(old: Workspace) -> None:
    VoteStore(old).votes("c1")
    with closing(sqlite3.connect(old.review_db)) as connection:
        rows = connection.execute("SELECT comparison, sample_id, reviewer, verdict, at, undone FROM votes")
        assert sorted(rows) == sorted((*row[:4], *row[6:]) for row in ROWS)
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert "votes_1" not in tables


def test_undo_reaches_back_into_old_votes(old: Workspace) -> None:
    votes = VoteStore(old)
    votes.cast(vote("s2", "finetuned", at=9.0))
    assert [one and one.verdict for one in (votes.undo("c1", "佐藤"), votes.undo("c1", "佐藤"))] == [
        "finetuned",
        "both_bad",
    ]
    taken = votes.undo("c1", "佐藤")
    assert taken is not None
    assert (taken.sample_id, taken.verdict) == ("s1", "finetuned")
    assert [(one.reviewer, one.verdict) for one in votes.votes_on("c1", "s1")] == [
        ("佐藤", "tie"),
        ("鈴木", "baseline"),
    ]


def test_an_interrupted_move_leaves_the_old_file_whole(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a row that the new table refuses, after the old one was renamed
    with closing(sqlite3.connect(old.review_db)) as connection:
        before = connection.execute("SELECT * FROM votes").fetchall()
    with monkeypatch.context() as broken:
        broken.setattr("workbench.review.database._FROM_1", "INSERT INTO nowhere SELECT 1")
        with pytest.raises(Exception, match="review_db"):
            VoteStore(old).votes("c1")
    with closing(sqlite3.connect(old.review_db)) as connection:
        assert connection.execute("SELECT * FROM votes").fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert len(VoteStore(old).votes("c1")) == 3


def test_a_newer_file_is_refused(old: Workspace) -> None:
    with closing(sqlite3.connect(old.review_db)) as connection:
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(StateError, match="review_db_newer"):
        VoteStore(old).votes("c1")
