"""Whether a recipe's outcome is accepted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from workbench.schemas.evaluation import RunMetrics
from workbench.schemas.recipe import Guard, GuardCondition

Verdict = Literal["pass", "fail", "inconclusive"]


def check_guard(
    guard: Guard, baseline: RunMetrics, finetuned: RunMetrics, differ: int
) -> list[GuardCondition]:
    """The guard's conditions against the figures of both sides.

    Args:
        guard: The limits.
        baseline: Figures of the base model.
        finetuned: Figures of the fine-tuned model.
        differ: Number of questions that the two answered differently.
    """
    conditions: list[GuardCondition] = []
    if guard.adapter_must_differ:
        held = differ > 0
        conditions.append(GuardCondition(code="adapter_differs", held=held, value=float(differ), limit=1.0))
    before, after = baseline.general_accuracy, finetuned.general_accuracy
    asked = any("general" in side.by_kind for side in (baseline, finetuned))
    if before and after is not None:
        drop = (before - after) / before
        held = drop <= guard.general_drop_max
        conditions.append(
            GuardCondition(code="general_drop", held=held, value=drop, limit=guard.general_drop_max)
        )
    elif asked:
        conditions.append(GuardCondition(code="general_drop", held=None, limit=guard.general_drop_max))
    return conditions


def give_verdict(conditions: Sequence[GuardCondition]) -> Verdict:
    """`fail` where one condition fails, `inconclusive` where one could not be checked, else `pass`."""
    if any(condition.held is False for condition in conditions):
        return "fail"
    if any(condition.held is None for condition in conditions):
        return "inconclusive"
    return "pass"
