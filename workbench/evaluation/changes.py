"""The figures of two sides over the same questions: differences, how sure they are, where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.evaluation.items import ANSWERED, own_score
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
_PARTS: tuple[PartCode, ...] = ("rescued", "newly_refused", "both_answered", "both_refused", "other")


def measure_changes(items: Pairs, *, draws: int, seed: int) -> list[Change]:
    """The change of every figure that was measured; questions with an error on a side are left out."""
    valid = [item for item in items if item.category != "failed"]
    changes = [measure(valid) for measure in RATE_CHANGES.values()]
    changes.append(_answered_f1(valid, draws, seed))
    return [change for change in changes if change.n]


def decompose(items: Pairs, *, draws: int, seed: int) -> Decomposition:
    """The change of the mean F1 as a sum over groups of questions.

    The score counts everything but an answer as 0, over the questions that a document answers. The parts'
    contributions add up to the total.
    """
    asked = [item for item in items if item.category != "failed" and _answerable(item)]
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
    group = [item for item in asked if _PART_OF.get(item.category, "other") == code]
    change = sum(own_score(item.finetuned) - own_score(item.baseline) for item in group)
    mean = change / len(group) if group else None
    return DeltaPart(code=code, n=len(group), contribution=change / len(asked), mean_change=mean)


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
        if _answerable(item) and item.baseline.state in ANSWERED and item.finetuned.state in ANSWERED
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
