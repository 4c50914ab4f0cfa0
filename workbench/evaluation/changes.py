"""The figures of two sides over the same questions: differences, how sure they are, where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.evaluation.items import ANSWERED, own_score
from workbench.evaluation.measures import Measure, has_refused, is_judged, is_rate, primary_of, read_score
from workbench.evaluation.paired import measure_change, read_pairs
from workbench.evaluation.summary import has_reference, is_true
from workbench.schemas.comparison import Change, ComparisonItem, Decomposition, DeltaPart, PartCode
from workbench.schemas.evaluation import ScoredAnswer
from workbench.text.stats import (
    bootstrap_mean,
    flip_difference,
    judge_flips,
    judge_interval,
    mcnemar_exact,
    paired_bootstrap,
)

Pairs = Sequence[ComparisonItem]

_PART_OF: dict[str, PartCode] = {
    "rescued": "rescued",
    "newly_refused": "newly_refused",
    "both_answered_better": "both_answered",
    "both_answered_worse": "both_answered",
    "both_answered_same": "both_answered",
    "both_refused": "both_refused",
}
_TASK_PART: dict[tuple[bool, bool], PartCode] = {
    (True, False): "rescued",
    (False, True): "newly_refused",
    (False, False): "both_answered",
    (True, True): "both_refused",
}
"""By whether each side refused."""
_PARTS: tuple[PartCode, ...] = ("rescued", "newly_refused", "both_answered", "both_refused", "other")


def measure_changes(items: Pairs, *, draws: int, seed: int) -> list[Change]:
    """The change of every figure that was measured; questions with an error on a side are left out."""
    valid = [item for item in items if item.category != "failed"]
    changes = [measure(valid) for measure in RATE_CHANGES.values()]
    changes.append(_answered_f1(valid, draws, seed))
    changes += [_task_change(name, group, draws, seed) for name, group in group_tasks(valid).items()]
    return [change for change in changes if change.n]


def group_tasks(items: Pairs) -> dict[str, list[ComparisonItem]]:
    """The questions of named tasks by task."""
    groups: dict[str, list[ComparisonItem]] = {}
    for item in items:
        if item.kind == "task":
            groups.setdefault(item.task, []).append(item)
    return groups


def count_task_leaks(items: Pairs) -> dict[str, tuple[int, int]]:
    """Refusals before and after in each task without documents, where nothing speaks for refusing."""
    leaks: dict[str, tuple[int, int]] = {}
    for name, group in group_tasks(items).items():
        plain = [item for item in group if not item.documents]
        before, after = (
            sum(answer.state == "refused" for answer in side)
            for side in ([item.baseline for item in plain], [item.finetuned for item in plain])
        )
        leaks[name] = (before, after)
    return leaks


def _task_change(name: str, items: Pairs, draws: int, seed: int) -> Change:
    """The change of a task's own score."""
    answers = [item.baseline for item in items]
    primary = primary_of(answers)
    judged = is_judged(primary, [*answers, *(item.finetuned for item in items)])
    measure = Measure(primary, read_score(primary, judged=judged))
    paired = read_pairs([(item.baseline, item.finetuned) for item in items], measure)
    return measure_change(primary, paired, draws=draws, seed=seed, task=name)


def decompose(items: Pairs, *, draws: int, seed: int) -> Decomposition:
    """The change of the mean F1 as a sum over groups of questions.

    The score counts everything but an answer as 0, over the questions that a document answers. The parts'
    contributions add up to the total.
    """
    return _split([item for item in items if item.category != "failed" and _answerable(item)], draws, seed)


def decompose_tasks(items: Pairs, *, draws: int, seed: int) -> dict[str, Decomposition]:
    """The same for each task whose score is more than right or wrong and that was refused at least once.

    A refusal counts what the task's protocol gives it.
    """
    return {
        name: _split(group, draws, seed)
        for name, group in group_tasks([item for item in items if item.category != "failed"]).items()
        if any(has_refused(answer) for item in group for answer in (item.baseline, item.finetuned))
        and not is_rate([own_score(answer) for item in group for answer in (item.baseline, item.finetuned)])
    }


def _split(asked: Pairs, draws: int, seed: int) -> Decomposition:
    if not asked:
        return Decomposition(n=0, total=bootstrap_mean([]))
    before = [own_score(item.baseline) for item in asked]
    after = [own_score(item.finetuned) for item in asked]
    parts = tuple(_part(code, asked) for code in _PARTS)
    return Decomposition(
        n=len(asked),
        before=sum(before) / len(asked),
        after=sum(after) / len(asked),
        total=paired_bootstrap(before, after, draws=draws, seed=seed).model_copy(
            # the same sum as the parts', so that what is shown adds up to the last digit
            update={"value": sum(part.contribution for part in parts)}
        ),
        parts=parts,
    )


def _part(code: PartCode, asked: Pairs) -> DeltaPart:
    group = [item for item in asked if _part_of(item) == code]
    change = sum(own_score(item.finetuned) - own_score(item.baseline) for item in group)
    mean = change / len(group) if group else None
    return DeltaPart(code=code, n=len(group), contribution=change / len(asked), mean_change=mean)


def _part_of(item: ComparisonItem) -> PartCode:
    if item.kind != "task":
        return _PART_OF.get(item.category, "other")
    refused = (has_refused(item.baseline), has_refused(item.finetuned))
    if not (item.baseline.scores and item.finetuned.scores):
        return "other"
    return _TASK_PART[refused]


def _answerable(item: ComparisonItem) -> bool:
    return has_reference(item.baseline)


def _rate_change(
    metric: str, score: str, counts: Callable[[ComparisonItem], bool], *, higher_is_better: bool
) -> Callable[[Pairs], Change]:
    def measure(items: Pairs) -> Change:
        asked = [item for item in items if counts(item)]
        n = len(asked)
        before = [is_true(item.baseline, score) for item in asked]
        after = [is_true(item.finetuned, score) for item in asked]
        gained = sum(new and not old for old, new in zip(before, after, strict=True))
        lost = sum(old and not new for old, new in zip(before, after, strict=True))
        return Change(
            metric=metric,
            before=sum(before) / n if n else None,
            after=sum(after) / n if n else None,
            n=n,
            rate=True,
            difference=flip_difference(gained, lost, n),
            gained=gained if higher_is_better else lost,
            lost=lost if higher_is_better else gained,
            p=mcnemar_exact(gained, lost),
            verdict=judge_flips(gained, lost, n, higher_is_better=higher_is_better),
        )

    return measure


def _kind(name: str) -> Callable[[ComparisonItem], bool]:
    return lambda item: item.kind == name


RATE_CHANGES: dict[str, Callable[[Pairs], Change]] = {
    "over_refusal_rate": _rate_change("over_refusal_rate", "refused", _answerable, higher_is_better=False),
    "correct_refusal_rate": _rate_change(
        "correct_refusal_rate", "refused", _kind("unanswerable"), higher_is_better=True
    ),
    "verbatim_quote_rate": _rate_change(
        "verbatim_quote_rate", "oracle_quote", _answerable, higher_is_better=True
    ),
    "general_accuracy": _rate_change("general_accuracy", "correct", _kind("general"), higher_is_better=True),
}


def _answered_f1(items: Pairs, draws: int, seed: int) -> Change:
    both = [
        item
        for item in items
        if _answerable(item)
        and all(one.state in ANSWERED and "char_f1" in one.scores for one in (item.baseline, item.finetuned))
    ]
    before, after = _f1([item.baseline for item in both]), _f1([item.finetuned for item in both])
    difference = paired_bootstrap(before, after, draws=draws, seed=seed)
    return Change(
        metric="answered_f1",
        before=sum(before) / len(both) if both else None,
        after=sum(after) / len(both) if both else None,
        n=len(both),
        difference=difference,
        gained=sum(item.category == "both_answered_better" for item in both),
        lost=sum(item.category == "both_answered_worse" for item in both),
        verdict=judge_interval(difference),
    )


def _f1(answers: Sequence[ScoredAnswer]) -> list[float]:
    return [answer.scores["char_f1"] for answer in answers]
