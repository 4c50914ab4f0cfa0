from __future__ import annotations

from collections.abc import Sequence

import pytest

from workbench.evaluation.judging import NEEDED_VERDICTS, check_judge
from workbench.schemas.evaluation import Vote
from workbench.schemas.judging import Judgement, JudgeVerdict


def said(number: int, verdict: JudgeVerdict, state: str = "judged") -> Judgement:
    values = {"id": f"q{number}", "kind": "general", "question": "q", "state": state, "verdict": verdict}
    return Judgement.model_validate(values)


def vote(number: int, verdict: str, reviewer: str = "佐藤", **changes: object) -> Vote:
    values = {"comparison": "c", "sample_id": f"q{number}", "reviewer": reviewer, "left": "baseline"}
    return Vote.model_validate(values | {"verdict": verdict} | changes)


def both(pairs: Sequence[tuple[str, JudgeVerdict]]) -> tuple[list[Judgement], list[Vote]]:
    judgements = [said(number, judge) for number, (_, judge) in enumerate(pairs)]
    return judgements, [vote(number, human) for number, (human, _) in enumerate(pairs)]


def test_thirty_agreeing_verdicts_make_a_judge_usable() -> None:
    pairs: list[tuple[str, JudgeVerdict]] = [("finetuned", "finetuned")] * 15 + [
        ("baseline", "baseline")
    ] * 15
    check = check_judge(*both(pairs))
    assert (check.n, check.agreement, check.kappa, check.usable, check.reason) == (30, 1.0, 1.0, True, "ok")
    assert check.interval.low is not None
    assert check.interval.low < 0.95


def test_twenty_nine_do_not() -> None:
    pairs: list[tuple[str, JudgeVerdict]] = [("finetuned", "finetuned")] * 14 + [
        ("baseline", "baseline")
    ] * 15
    check = check_judge(*both(pairs))
    assert (check.n, check.needed, check.usable, check.reason) == (29, NEEDED_VERDICTS, False, "too_few")
    assert check.kappa == 1.0


def test_agreement_by_chance_is_none() -> None:
    cases: list[tuple[str, JudgeVerdict]] = [
        ("finetuned", "finetuned"),
        ("finetuned", "baseline"),
        ("baseline", "finetuned"),
        ("baseline", "baseline"),
    ]
    check = check_judge(*both(cases * 10))
    assert check.agreement == 0.5
    assert check.kappa == pytest.approx(0.0)
    assert (check.usable, check.reason) == (False, "by_chance")


def test_verdicts_that_are_all_the_same_test_nothing_and_say_so() -> None:
    check = check_judge(*both([("finetuned", "finetuned")] * 40))
    assert (check.agreement, check.kappa, check.usable, check.reason) == (1.0, None, True, "one_sided")


def test_no_votes_at_all_is_too_few() -> None:
    check = check_judge([said(1, "finetuned")], [])
    assert (check.n, check.agreement, check.kappa, check.usable) == (0, None, None, False)


def test_both_bad_is_a_tie_for_a_judge_that_knows_no_other_word() -> None:
    check = check_judge(*both([("both_bad", "tie"), ("tie", "tie"), ("finetuned", "tie")]))
    assert check.agreement == pytest.approx(2 / 3)
    assert (check.decisive_n, check.decisive_agreement) == (0, None)


def test_an_adjudication_decides_and_a_split_vote_is_left_out() -> None:
    judgements = [said(0, "finetuned"), said(1, "finetuned"), said(2, "finetuned")]
    votes = [
        vote(0, "baseline", "甲"),
        vote(0, "baseline", "乙"),
        vote(0, "finetuned", "丙", adjudication=True),
        vote(1, "finetuned", "甲"),
        vote(1, "baseline", "乙"),
        vote(2, "finetuned", "甲"),
        vote(2, "finetuned", "乙"),
        vote(2, "baseline", "丙"),
    ]
    check = check_judge(judgements, votes)
    assert (check.n, check.agreement, check.split) == (2, 1.0, 1)


def test_hidden_repeats_and_changed_minds_count_once() -> None:
    judgements = [said(0, "finetuned")]
    votes = [
        vote(0, "baseline", at=1.0),
        vote(0, "finetuned", at=2.0),
        vote(0, "baseline", repeat=True, at=3.0),
    ]
    assert check_judge(judgements, votes).agreement == 1.0


def test_a_question_that_the_judge_could_not_judge_is_no_agreement() -> None:
    judgements = [said(0, "", "error"), said(1, "tie", "identical")]
    check = check_judge(judgements, [vote(0, "finetuned"), vote(1, "tie")])
    assert (check.n, check.agreement) == (1, 1.0)


def test_a_question_of_a_task_is_found_by_the_name_that_votes_use() -> None:
    judgement = said(0, "finetuned").model_copy(update={"task": "jcq", "kind": "task"})
    found = vote(0, "finetuned").model_copy(update={"sample_id": "jcq/q0"})
    assert check_judge([judgement], [found]).n == 1


def test_scores_of_one_run_are_compared_with_how_right_people_call_it() -> None:
    bands = ["right", "partly", "wrong"]
    judgements = [said(n, "").model_copy(update={"band": bands[n % 3]}) for n in range(30)]
    votes = [vote(n, "tie", correctness={"baseline": bands[n % 3], "finetuned": "wrong"}) for n in range(30)]
    own = check_judge(judgements, votes, side="baseline")
    other = check_judge(judgements, votes, side="finetuned")
    assert (own.basis, own.agreement, own.usable) == ("correctness", 1.0, True)
    assert (other.agreement, other.usable) == (pytest.approx(1 / 3), False)
