from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.review.makers import vote
from workbench.errors import ResourceError, StateError
from workbench.paths import Workspace
from workbench.review import VoteStore
from workbench.schemas.evaluation import PinnedNote
from workbench.schemas.exported import ExportedQuestion
from workbench.schemas.review import (
    Done,
    QueueKey,
    ReviewPlan,
    ReviewSession,
    ReviewSettings,
    VoteDraft,
)


@pytest.fixture
def votes(workspace: Workspace) -> VoteStore:
    return VoteStore(workspace, clock=lambda: 123.0)


def test_a_vote_comes_back_as_it_was_cast(votes: VoteStore, workspace: Workspace) -> None:
    given = vote(comment="根拠が明確 <b>😀</b>'; DROP TABLE votes;--")
    votes.cast(given)
    assert VoteStore(workspace).votes("c1") == [given]


def test_a_vote_without_a_time_gets_one(votes: VoteStore) -> None:
    assert votes.cast(vote(at=0.0)).at == 123.0
    assert votes.votes("c1")[0].at == 123.0


def test_the_latest_verdict_of_a_reviewer_counts(votes: VoteStore) -> None:
    votes.cast(vote(verdict="tie"))
    votes.cast(vote(verdict="baseline"))
    votes.cast(vote(reviewer="鈴木"))
    assert [(one.reviewer, one.verdict) for one in votes.votes("c1")] == [
        ("佐藤", "baseline"),
        ("鈴木", "finetuned"),
    ]
    assert votes.votes("c1", reviewer="鈴木")[0].verdict == "finetuned"
    assert votes.votes("other") == []


def test_undo_takes_back_only_ones_own_last_vote(votes: VoteStore) -> None:
    votes.cast(vote("s1", "tie"))
    votes.cast(vote("s1", "baseline"))
    votes.cast(vote("s2", "finetuned", reviewer="鈴木"))
    undone = votes.undo("c1", "佐藤")
    assert undone is not None
    assert undone.verdict == "baseline"
    assert [one.verdict for one in votes.votes("c1", "佐藤")] == ["tie"]
    votes.undo("c1", "佐藤")
    assert votes.undo("c1", "佐藤") is None
    assert [one.reviewer for one in votes.votes("c1")] == ["鈴木"]


def test_several_reviewers_save_at_once_and_nothing_is_lost(workspace: Workspace) -> None:
    failures: list[BaseException] = []

    def write(reviewer: str) -> None:
        store = VoteStore(workspace)
        try:
            for index in range(15):
                store.cast(vote(f"s{index}", reviewer=reviewer))
        except ResourceError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(f"r{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert VoteStore(workspace).summary("c1").votes == 90


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that is opened from now on."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def note(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", note)
    return connections


def test_a_request_opens_the_file_once_and_leaves_nothing_open(
    votes: VoteStore, opened: list[sqlite3.Connection]
) -> None:
    with votes.held():
        assert votes.votes("c1") == []
        votes.cast(vote())
        with votes.held():
            votes.undo("c1", "佐藤")
        votes.cast(vote(verdict="tie"))
        assert [one.verdict for one in votes.votes("c1")] == ["tie"]
        assert len(opened) == 1
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    assert [one.verdict for one in votes.votes("c1")] == ["tie"]


def test_a_connection_is_held_for_its_own_thread_only(
    votes: VoteStore, opened: list[sqlite3.Connection]
) -> None:
    votes.cast(vote())
    with votes.held(), ThreadPoolExecutor(1) as pool:
        assert votes.comparisons() == {"c1": 1}
        assert pool.submit(votes.comparisons).result() == {"c1": 1}
    assert len(opened) == 3


def test_an_error_in_a_request_takes_back_its_own_transaction_alone(
    votes: VoteStore, opened: list[sqlite3.Connection]
) -> None:
    broken = vote("s2").model_copy(update={"verdict": None})
    with votes.held():
        votes.cast(vote("s1"))
        with pytest.raises(StateError, match="review_db_damaged"):
            votes.cast(broken)
        votes.cast(vote("s3"))
    assert [one.sample_id for one in votes.votes("c1")] == ["s1", "s3"]
    assert len(opened) == 2


def test_reading_makes_no_file(votes: VoteStore, workspace: Workspace) -> None:
    assert votes.votes("c1") == []
    assert not workspace.review_db.exists()


def test_a_file_that_is_no_database_is_named(votes: VoteStore, workspace: Workspace) -> None:
    workspace.review_db.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StateError, match="review_db_damaged"):
        votes.cast(vote())


def test_a_newer_format_is_refused_and_left_alone(votes: VoteStore, workspace: Workspace) -> None:
    votes.cast(vote())
    connection = sqlite3.connect(workspace.review_db)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="review_db_newer"):
        votes.cast(vote())


def test_a_place_that_cannot_be_written_is_named(workspace: Workspace) -> None:
    workspace.review_db.mkdir()
    with pytest.raises(ResourceError, match="review_db_unusable"):
        VoteStore(workspace).cast(vote())


FULL: dict[str, Any] = {
    "strength": "clear",
    "correctness": {"baseline": "wrong", "finetuned": "right"},
    "tags": {"baseline": ("fact_error", "独自の理由")},
    "notes": (PinnedNote(side="baseline", start=0, end=4, text="金額が違う"),),
    "correction": "300円です。\n第5条による。",
    "states": {"baseline": "partial"},
    "comment": "=HYPERLINK(1)",
}


def test_everything_of_a_vote_comes_back(votes: VoteStore) -> None:
    given = vote(**FULL, blind=True, selection="random", repeat=True)
    votes.cast(given)
    assert votes.votes("c1") == [given]
    assert votes.vote_of("c1", "佐藤", QueueKey("s1", True)) == given
    assert votes.vote_of("c1", "佐藤", QueueKey("s1")) is None


def test_a_repeat_and_an_adjudication_count_beside_the_vote(votes: VoteStore) -> None:
    votes.cast(vote(verdict="baseline"))
    votes.cast(vote(verdict="finetuned", repeat=True))
    votes.cast(vote(verdict="tie", adjudication=True))
    assert [one.verdict for one in votes.votes_on("c1", "s1")] == ["baseline", "finetuned", "tie"]
    assert votes.done("c1", "佐藤") == {
        QueueKey("s1"): Done("baseline", 1.0),
        QueueKey("s1", True): Done("finetuned", 1.0),
    }
    assert votes.count("c1") == {"佐藤": 1}
    assert votes.comparisons() == {"c1": 1}


def test_a_draft_is_kept_until_its_vote_and_comes_back_with_undo(votes: VoteStore) -> None:
    draft = VoteDraft(comparison="c1", sample_id="s1", reviewer="佐藤", **FULL)
    saved = votes.save_draft(draft)
    assert saved.at == 123.0
    assert votes.draft("c1", "佐藤", QueueKey("s1")) == saved
    assert votes.draft("c1", "鈴木", QueueKey("s1")) is None
    assert votes.draft("c1", "佐藤", QueueKey("s1", True)) is None
    votes.cast(vote(**FULL))
    assert votes.draft("c1", "佐藤", QueueKey("s1")) is None
    votes.undo("c1", "佐藤")
    back = votes.draft("c1", "佐藤", QueueKey("s1"))
    assert back is not None
    assert {name: getattr(back, name) for name in FULL} == FULL


def test_undo_does_not_overwrite_what_was_typed_since(votes: VoteStore) -> None:
    votes.cast(vote(comment="古い"))
    votes.save_draft(VoteDraft(comparison="c1", sample_id="s1", reviewer="佐藤", comment="新しい"))
    votes.undo("c1", "佐藤")
    kept = votes.draft("c1", "佐藤", QueueKey("s1"))
    assert kept is not None
    assert kept.comment == "新しい"


def test_undo_goes_back_through_everything_in_order(votes: VoteStore) -> None:
    votes.cast(vote("s1", "tie"))
    votes.cast(vote("s2", "baseline"))
    votes.cast(vote("s1", "finetuned", repeat=True))
    votes.cast(vote("s1", "both_bad", adjudication=True))
    taken = [votes.undo("c1", "佐藤") for _ in range(5)]
    assert [one and one.verdict for one in taken] == ["both_bad", "finetuned", "baseline", "tie", None]
    assert votes.votes("c1") == []


def test_a_session_goes_on_where_it_stopped(votes: VoteStore, workspace: Workspace) -> None:
    session = ReviewSession(plan=ReviewPlan(comparison="c1", size=20), sample_id="s7", repeat=True, at=5.0)
    votes.save_session("佐藤", session)
    votes.save_session("佐藤", session.model_copy(update={"sample_id": "s8"}))
    again = VoteStore(workspace).session("c1", "佐藤")
    assert again is not None
    assert again.key == QueueKey("s8", True)
    assert votes.session("c1", "鈴木") is None


def test_tags_can_be_the_projects_own(votes: VoteStore, workspace: Workspace) -> None:
    assert "fact_error" in votes.settings().tags
    votes.save_settings(ReviewSettings(tags=("fact_error", "税率の誤り")))
    assert VoteStore(workspace).settings().tags == ("fact_error", "税率の誤り")


def test_exported_questions_are_remembered_once_per_format(votes: VoteStore) -> None:
    rows = [
        ExportedQuestion(comparison="c1", sample_id="s1", question="q", format=name, at=1.0)
        for name in ("dpo", "sft", "dpo")
    ]
    votes.mark_exported(rows)
    assert sorted(one.format for one in votes.exported("c1")) == ["dpo", "sft"]
    assert votes.exported("c2") == []


def test_ids_with_broken_characters_are_kept_apart_and_come_back(votes: VoteStore) -> None:
    odd, other = "\ud800-質問", "\udfff-質問"
    votes.cast(vote(odd, "tie"))
    votes.cast(vote(other, "baseline"))
    votes.save_draft(VoteDraft(comparison="c1", sample_id=odd, reviewer="佐藤", comment="x"))
    assert set(votes.done("c1", "佐藤")) == {QueueKey(odd), QueueKey(other)}
    assert [one.verdict for one in votes.votes_on("c1", odd)] == ["tie"]
    assert votes.draft("c1", "佐藤", QueueKey(odd)) is not None


def test_looking_at_nothing_makes_no_file(votes: VoteStore, workspace: Workspace) -> None:
    assert votes.session("c1", "佐藤") is None
    assert votes.undo("c1", "佐藤") is None
    assert votes.settings() == ReviewSettings()
    assert votes.summary("c1").votes == 0
    assert not workspace.review_db.exists()


def test_a_row_that_was_damaged_is_named_and_the_file_is_left_alone(
    votes: VoteStore, workspace: Workspace
) -> None:
    votes.cast(vote())
    with sqlite3.connect(workspace.review_db) as connection:
        connection.execute("UPDATE votes SET body = '{broken'")
    connection.close()
    with pytest.raises(StateError, match="review_db_damaged"):
        votes.votes("c1")


def test_a_file_that_was_cut_off_is_named(votes: VoteStore, workspace: Workspace) -> None:
    for index in range(200):
        votes.cast(vote(f"s{index}", comment="長いコメント" * 50))
    with sqlite3.connect(workspace.review_db) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = workspace.review_db.read_bytes()
    workspace.review_db.write_bytes(data[: len(data) // 2])
    with pytest.raises((StateError, ResourceError), match="review_db"):
        votes.votes("c1")
