from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest

from workbench.artifacts import ArtifactStore, read_json, read_jsonl
from workbench.errors import ResourceError, StateError
from workbench.paths import Workspace
from workbench.review import VoteStore, publish, side_for
from workbench.schemas.evaluation import Vote


def vote(sample: str = "s1", verdict: Any = "finetuned", reviewer: str = "佐藤", **values: Any) -> Vote:
    known: dict[str, Any] = {"comparison": "c1", "left": "baseline", "at": 1.0}
    return Vote(sample_id=sample, verdict=verdict, reviewer=reviewer, **{**known, **values})


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


def test_the_summary_counts_decisive_votes_only(votes: VoteStore) -> None:
    verdicts = ["finetuned"] * 6 + ["baseline"] * 2 + ["tie", "both_bad"]
    for index, verdict in enumerate(verdicts):
        votes.cast(vote(f"s{index}", verdict))
    votes.cast(vote("s0", "baseline", reviewer="鈴木"))
    summary = votes.summary("c1")
    assert (summary.votes, summary.samples, summary.disagreements) == (11, 10, 1)
    assert (summary.finetuned, summary.baseline, summary.tie, summary.both_bad) == (6, 3, 1, 1)
    assert (summary.win_rate.value, summary.win_rate.n) == (pytest.approx(6 / 9), 9)
    assert summary.win_rate.low is not None
    assert summary.win_rate.low < 0.5
    # the baseline always stood left, so the left side won three times
    assert summary.left_share.value == pytest.approx(3 / 9)
    assert summary.reviewers == {"佐藤": 10, "鈴木": 1}


def test_no_votes_have_no_win_rate(votes: VoteStore) -> None:
    assert votes.summary("c1").win_rate.value is None


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


def test_each_side_stands_left_about_half_the_time() -> None:
    sides = [side_for(0, "c1", f"s{index}", "佐藤") for index in range(1000)]
    assert 430 < sides.count("baseline") < 570


def test_sides_are_settled_by_question_and_reviewer() -> None:
    assert side_for(0, "c1", "s1", "佐藤") == side_for(0, "c1", "s1", "佐藤")
    same = sum(side_for(0, "c1", f"s{i}", "佐藤") == side_for(0, "c1", f"s{i}", "鈴木") for i in range(1000))
    assert 430 < same < 570
    other = sum(side_for(0, "c1", f"s{i}", "佐藤") == side_for(1, "c1", f"s{i}", "佐藤") for i in range(1000))
    assert 430 < other < 570


def test_votes_are_published_with_their_comparison(workspace: Workspace) -> None:
    artifacts = ArtifactStore(workspace)
    draft = artifacts.begin("comparison", "finetuned")
    (draft.folder / "summary.json").write_text("{}", encoding="utf-8")
    comparison = draft.commit().id
    votes = VoteStore(workspace)
    with pytest.raises(StateError, match="no_votes"):
        publish(votes, artifacts, comparison)
    votes.cast(vote(comparison=comparison))
    review = publish(votes, artifacts, comparison)
    assert review.kind == "review"
    assert [ref.id for ref in review.inputs] == [comparison]
    assert review.numbers["win_rate"] == 1.0
    assert read_json(artifacts.file(review.id, "summary.json"))["finetuned"] == 1
    assert len(list(read_jsonl(artifacts.file(review.id, "votes.jsonl")))) == 1
    assert [user.id for user in artifacts.users_of(comparison)] == [review.id]
