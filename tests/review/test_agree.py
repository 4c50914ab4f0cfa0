from __future__ import annotations

import pytest

from tests.review.makers import item, vote
from workbench.review import check_metric, check_metrics, find_disagreements, measure_agreement
from workbench.schemas.review import Verdict


def test_two_reviewers_have_kappas_and_three_have_alpha() -> None:
    first = [vote(f"s{i}", "finetuned" if i < 6 else "baseline", "a", strength="clear") for i in range(10)]
    second = [vote(f"s{i}", "finetuned" if i < 5 else "baseline", "b") for i in range(10)]
    told = measure_agreement([*first, *second])
    assert (told.reviewers, told.questions, told.pairs) == (2, 10, 10)
    assert told.raw == 0.9
    assert told.kappa == pytest.approx(0.8)
    assert told.weighted_kappa is not None
    assert told.alpha is not None
    third = measure_agreement([*first, *second, vote("s0", "tie", "c")])
    assert third.kappa is None
    assert third.alpha is not None
    assert third.pairs == 12


def test_one_reviewer_agrees_with_nobody() -> None:
    told = measure_agreement([vote("s1"), vote("s2"), vote("s1", repeat=True)])
    assert (told.reviewers, told.questions, told.raw) == (1, 0, None)


def test_disagreements_name_who_differs_and_open_ones_come_first() -> None:
    votes = [
        vote("s1", "finetuned", "a"),
        vote("s1", "baseline", "b"),
        vote("s2", "tie", "a"),
        vote("s2", "finetuned", "b"),
        vote("s3", "finetuned", "a"),
        vote("s4", "finetuned", "a"),
        vote("s5", "tie", "a"),
        vote("s1", "tie", "c", adjudication=True),
    ]
    items = [item("s3", delta=-0.4), item("s4", delta=0.4), item("s5", delta=0.9)]
    judge: dict[str, Verdict] = {"s4": "baseline", "s3": "finetuned"}
    found = find_disagreements(votes, items, judge)
    assert [(one.sample_id, one.kinds, one.opposed) for one in found] == [
        ("s2", ("humans",), False),
        ("s3", ("metric",), True),
        ("s4", ("judge",), True),
        ("s1", ("humans",), True),
    ]
    assert found[-1].settled == "tie"
    assert found[-1].verdicts == {"a": "finetuned", "b": "baseline"}


def test_a_metric_is_measured_by_the_side_that_people_prefer() -> None:
    items = [
        item("s1", delta=0.2, baseline={"scores": {"char_f1": 0.2}}, finetuned={"scores": {"char_f1": 0.1}}),
        item("s2", delta=0.2, baseline={"scores": {"char_f1": 0.2}}, finetuned={"scores": {"char_f1": 0.2}}),
        item("s3", delta=-0.2, baseline={"scores": {"char_f1": 0.2}}, finetuned={"scores": {"char_f1": 0.9}}),
        item("s4", delta=None),
    ]
    votes = [vote("s1"), vote("s2"), vote("s3"), vote("s4"), vote("gone")]
    own = check_metric(items, votes)
    assert (own.agree, own.n, own.equal) == (2, 3, 0)
    overlap = check_metric(items, votes, "char_f1")
    assert (overlap.agree, overlap.n, overlap.equal) == (1, 2, 2)
    checks = {check.metric: check for check in check_metrics(items, votes, {"s1": "finetuned", "s2": "tie"})}
    assert checks["judge"].agree == checks["judge"].n == 1
    # every answer here is as long as the other
    assert (checks["length"].n, checks["length"].equal) == (0, 4)
    assert "refused" not in checks


def test_fewer_unsupported_specifics_are_better() -> None:
    items = [
        item(
            "s1",
            baseline={"scores": {"unsupported_specifics": 3.0}},
            finetuned={"scores": {"unsupported_specifics": 0.0}},
        )
    ]
    assert check_metric(items, [vote("s1", "finetuned")], "unsupported_specifics").agree == 1


def test_undecided_questions_check_nothing() -> None:
    assert check_metric([item("s1")], [vote("s1", "tie"), vote("s1", "both_bad", "b")]).n == 0
    assert check_metrics([], []) == []
