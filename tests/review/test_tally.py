from __future__ import annotations

from typing import Any

import pytest

from tests.review.makers import vote
from workbench.review import adjudicate, tally, visible_votes
from workbench.review.tally import count_needed
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import StateOverride


def series(verdict: Any, count: int, start: int = 0, **values: Any) -> list[Vote]:
    return [vote(f"s{index}", verdict, **values) for index in range(start, start + count)]


def test_votes_are_counted_and_questions_win() -> None:
    votes = [
        *series("finetuned", 6),
        *series("baseline", 2, 6),
        vote("s8", "tie"),
        vote("s9", "both_bad"),
        vote("s0", "baseline", "鈴木"),
    ]
    summary = tally("c1", votes)
    assert (summary.votes, summary.samples, summary.disagreements) == (11, 10, 1)
    assert (summary.finetuned, summary.baseline, summary.tie, summary.both_bad) == (6, 3, 1, 1)
    # s0 is a draw between two reviewers and decides nothing
    assert (summary.win_rate.value, summary.win_rate.n) == (pytest.approx(5 / 7), 7)
    # the baseline always stood left, so the left side won three times
    assert summary.left_share.value == pytest.approx(3 / 9)
    assert summary.reviewers == {"佐藤": 10, "鈴木": 1}


def test_a_question_counts_once_however_many_judged_it() -> None:
    votes = [vote("s0", "finetuned", f"r{number}") for number in range(30)] + [vote("s1", "baseline")]
    assert (tally("c1", votes).win_rate.value, tally("c1", votes).win_rate.n) == (0.5, 2)


def test_the_majority_or_the_adjudicator_decides() -> None:
    votes = [vote("s0", "finetuned", "a"), vote("s0", "baseline", "b"), vote("s0", "finetuned", "c")]
    assert adjudicate(votes) == {"s0": "finetuned"}
    votes.append(vote("s0", "baseline", "a", adjudication=True, at=9.0))
    assert adjudicate(votes) == {"s0": "baseline"}
    summary = tally("c1", votes)
    assert (summary.votes, summary.disagreements, summary.adjudicated) == (3, 1, 1)
    assert summary.win_rate.value == 0.0
    assert adjudicate([vote("s0", "tie", "a"), vote("s0", "baseline", "b")]) == {"s0": None}


def test_targeted_questions_are_in_no_win_rate() -> None:
    votes = [
        *series("finetuned", 4, selection="random"),
        *series("baseline", 9, 10, selection="targeted"),
    ]
    summary = tally("c1", votes)
    assert (summary.win_rate.value, summary.win_rate.n) == (1.0, 4)
    assert summary.by_selection["targeted"].win_rate.value == 0.0
    assert summary.by_selection["random"].votes == 4
    assert "all" not in summary.by_selection


def test_hidden_repeats_measure_the_reviewer_and_nothing_else() -> None:
    votes = [
        *series("finetuned", 3),
        vote("s0", "finetuned", repeat=True),
        vote("s1", "baseline", repeat=True),
        vote("s9", "tie", repeat=True),
        vote("s0", "baseline", "鈴木", repeat=True),
    ]
    summary = tally("c1", votes)
    assert summary.votes == 3
    assert summary.consistency is not None
    assert (summary.consistency.count, summary.consistency.n) == (1, 2)
    assert set(summary.consistency_by) == {"佐藤"}
    assert tally("c1", series("tie", 2)).consistency is None


def test_position_preference_is_tested() -> None:
    always_left = [
        vote(f"s{i}", "baseline" if i % 2 else "finetuned", left="baseline" if i % 2 else "finetuned")
        for i in range(20)
    ]
    summary = tally("c1", always_left)
    assert summary.left_share.value == 1.0
    assert summary.left_p is not None
    assert summary.left_p < 0.001
    assert tally("c1", series("tie", 5)).left_p is None


@pytest.mark.parametrize(
    ("won", "lost", "needed"),
    [(20, 10, 47), (15, 15, None), (16, 14, 1764), (29, 1, 0), (5, 2, None), (0, 0, None)],
)
def test_votes_still_needed_follow_the_present_rate(won: int, lost: int, needed: int | None) -> None:
    found = count_needed(won, lost)
    if needed in (None, 0):
        assert found == needed
    else:
        assert found == pytest.approx(needed, rel=0.1)
        assert count_needed(lost, won) == found


def test_reasons_correctness_and_corrections_are_counted_by_side() -> None:
    votes = [
        vote("s1", tags={"baseline": ("fact_error", "unclear")}, correctness={"baseline": "wrong"}),
        vote(
            "s2", tags={"baseline": ("fact_error",)}, correctness={"baseline": "wrong", "finetuned": "right"}
        ),
        vote("s3", correction="正しい答え", tags={"finetuned": ("dangerous",)}, repeat=True),
        vote("s4", correction="正しい答え"),
    ]
    summary = tally("c1", votes)
    assert summary.tags == {"baseline": {"fact_error": 2, "unclear": 1}, "finetuned": {}}
    assert summary.correctness == {"baseline": {"wrong": 2}, "finetuned": {"right": 1}}
    assert summary.corrections == 1


def test_overruled_states_go_by_adjudicator_majority_and_time() -> None:
    votes = [
        vote("s1", "tie", "a", states={"baseline": "refused"}, at=1.0),
        vote("s1", "tie", "b", states={"baseline": "answered"}, at=2.0),
        vote("s1", "tie", "c", states={"baseline": "refused"}, at=3.0),
        vote("s2", "tie", "a", states={"finetuned": "answered"}, at=1.0),
        vote("s2", "tie", "b", states={"finetuned": "partial"}, at=2.0),
        vote("s3", "tie", "a", states={"finetuned": "partial"}, at=5.0),
        vote("s3", "tie", "b", states={"finetuned": "refused"}, at=1.0, adjudication=True),
        vote("s4", "tie", "a", states={"finetuned": "refused"}, repeat=True),
    ]
    assert set(tally("c1", votes).overrides) == {
        StateOverride(sample_id="s1", side="baseline", state="refused", reviewer="c"),
        StateOverride(sample_id="s2", side="finetuned", state="partial", reviewer="b"),
        StateOverride(sample_id="s3", side="finetuned", state="refused", reviewer="b"),
    }


def test_no_votes_add_up_to_nothing() -> None:
    summary = tally("c1", [])
    assert summary.win_rate.value is None
    assert (summary.votes, summary.votes_needed, summary.win_p) == (0, None, None)
    assert summary.agreement.raw is None


def test_others_votes_are_seen_only_on_what_one_has_judged() -> None:
    votes = [vote("s1", "tie", "a"), vote("s2", "tie", "a"), vote("s1", "baseline", "b")]
    assert [(one.sample_id, one.reviewer) for one in visible_votes(votes, "b")] == [("s1", "a"), ("s1", "b")]
    assert len(visible_votes(votes, "a")) == 3
    assert visible_votes(votes, "c") == []
