"""From what a judge said about a question to one judgement. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from workbench.evaluation.judging.material import BASELINE, CANDIDATE, Ask, Material, Subject, is_identical
from workbench.schemas.evaluation import Side
from workbench.schemas.judging import (
    CallState,
    Choice,
    JudgeCall,
    Judgement,
    JudgeMode,
    JudgeVerdict,
    Rubric,
    correctness_of,
)

_SAME = 1e-9
Winner = Literal["baseline", "finetuned", "tie"]


def judge_subjects(
    material: Material, calls: Mapping[str, JudgeCall], mode: JudgeMode, rubric: Rubric | None, primary: str
) -> list[Judgement]:
    """One judgement per question that was asked about to the end, in the order of the run.

    Args:
        material: What was asked.
        calls: The last call about each judgement, by the ask's name.
        mode: How the judge judges.
        rubric: None for rewards.
        primary: The criterion that counts.
    """
    by_subject: dict[str, list[Ask]] = {subject.key: [] for subject in material.subjects}
    for ask in material.asks:
        by_subject[ask.subject.key].append(ask)
    judgements: list[Judgement] = []
    for subject in material.subjects:
        asks = by_subject[subject.key]
        said = [calls[ask.name] for ask in asks if ask.name in calls]
        # a question of which some calls are still open when the job is stopped is not half judged
        if len(said) < len(asks):
            continue
        if mode == "pairwise":
            judgements.append(_judge_pair(subject, said))
        else:
            judgements.append(_judge_scores(subject, said, rubric, primary))
    return judgements


def winner_of(call: JudgeCall) -> Winner:
    """The side that a usable reply to a pair prefers."""
    winners: Mapping[Choice, Winner] = {"first": call.side, "second": _other(call.side)}
    return winners.get(call.choice, "tie")


def orders_of(calls: Iterable[JudgeCall]) -> list[tuple[JudgeCall, JudgeCall]]:
    """The repeats of a pair that have a usable reply in both orders."""
    usable = {(call.repeat, call.side): call for call in calls if call.state == "ok"}
    repeats = sorted({repeat for repeat, _ in usable})
    return [
        (usable[repeat, BASELINE], usable[repeat, CANDIDATE])
        for repeat in repeats
        if (repeat, BASELINE) in usable and (repeat, CANDIDATE) in usable
    ]


def _judge_pair(subject: Subject, calls: Sequence[JudgeCall]) -> Judgement:
    if is_identical(subject):
        return _begin(subject).model_copy(update={"state": "identical", "verdict": "tie"})
    orders = orders_of(calls)
    if not orders:
        return _failed(subject, calls)
    disagreements = sum(winner_of(first) != winner_of(second) for first, second in orders)
    agreed: list[Winner] = [
        winner_of(first) for first, second in orders if winner_of(first) == winner_of(second)
    ]
    changes = {
        "verdict": _majority(agreed, len(orders)),
        "disagreements": disagreements,
        "calls": tuple(calls),
    }
    return _begin(subject).model_copy(update=changes)


def _majority(agreed: Sequence[Winner], of: int) -> JudgeVerdict:
    for side in (BASELINE, CANDIDATE):
        if agreed.count(side) * 2 > of:
            return side
    return "tie"


def _judge_scores(
    subject: Subject, calls: Sequence[JudgeCall], rubric: Rubric | None, primary: str
) -> Judgement:
    scores = {side: _mean_scores(calls, side) for side in subject.answers}
    if any(primary not in given for given in scores.values()):
        return _failed(subject, calls)
    own = scores[CANDIDATE][primary]
    changes: dict[str, object] = {"scores": scores[CANDIDATE], "calls": tuple(calls)}
    if BASELINE in scores:
        gain = own - scores[BASELINE][primary]
        changes["baseline_scores"] = scores[BASELINE]
        changes["verdict"] = "tie" if abs(gain) <= _SAME else CANDIDATE if gain > 0 else BASELINE
    elif rubric is not None:
        changes["band"] = correctness_of(own, rubric.low, rubric.high)
    return _begin(subject).model_copy(update=changes)


def _mean_scores(calls: Sequence[JudgeCall], side: Side) -> dict[str, float]:
    usable = [call.scores for call in calls if call.state == "ok" and call.side == side]
    names = dict.fromkeys(name for scores in usable for name in scores)
    given = {name: [scores[name] for scores in usable if name in scores] for name in names}
    return {name: sum(values) / len(values) for name, values in given.items()}


def _begin(subject: Subject) -> Judgement:
    answer, before = subject.answer, subject.answers.get(BASELINE)
    return Judgement(
        id=answer.id,
        kind=answer.kind,
        task=answer.task,
        genre=answer.genre,
        question=answer.question,
        state="judged",
        length=len(answer.prediction),
        baseline_length=len(before.prediction) if before else 0,
    )


def _failed(subject: Subject, calls: Sequence[JudgeCall]) -> Judgement:
    reasons: list[CallState] = [call.state for call in calls if call.state != "ok"]
    # every call may be usable by itself and still lack the criterion that counts
    reason = reasons[0] if reasons else "unreadable"
    changes = {"state": "error", "reason": reason, "calls": tuple(calls)}
    return _begin(subject).model_copy(update=changes)


def _other(side: Side) -> Side:
    return CANDIDATE if side == BASELINE else BASELINE
