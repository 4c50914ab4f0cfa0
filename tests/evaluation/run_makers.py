"""Runs with chosen per-question scores, for tests of tables, genres and gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.evaluation.runs import Side
from workbench.schemas.evaluation import SampleState, ScoredAnswer, TaskFigures

JCQ = "jcq_chat"


def task_answer(
    name: str,
    score: float | None,
    *,
    task: str = JCQ,
    metric: str = "correct",
    state: SampleState = "answered",
    **fields: Any,
) -> ScoredAnswer:
    """An answer to a question of a task; None: nothing to score (then the state should say why)."""
    return ScoredAnswer(
        id=name,
        kind="task",
        task=task,
        question=f"質問 {name}",
        prediction="1",
        answer_state="ok",
        state=state,
        primary=metric,
        scores={} if score is None else {metric: score},
        **fields,
    )


def task_run(
    name: str,
    scores: Sequence[float],
    *,
    task: str = JCQ,
    metric: str = "correct",
    details: Mapping[str, Any] | None = None,
    figures: TaskFigures | None = None,
    **fields: Any,
) -> Side:
    """A run of one task with these scores."""
    answers = [
        task_answer(str(number), score, task=task, metric=metric, **fields)
        for number, score in enumerate(scores)
    ]
    return Side(name, answers, {"label": name, **(details or {})}, {task: figures} if figures else {})


def figures_of(task: str = JCQ, protocol: str = "jcq_chat@1", **fields: Any) -> TaskFigures:
    return TaskFigures(task=task, protocol=protocol, primary="correct", n=0, **fields)


def flipped(n: int, right: int, lost: int, gained: int) -> tuple[list[float], list[float]]:
    """0/1 scores of two runs: so many right before, so many of them lost, so many others gained."""
    before = [1.0] * right + [0.0] * (n - right)
    after = [0.0] * lost + [1.0] * (right - lost + gained) + [0.0] * (n - right - gained)
    return before, after


def article() -> tuple[Side, Side]:
    """The seed article's JCommonsenseQA: 1,029 to 1,024 right of 1,119, 24 lost and 19 gained."""
    before, after = flipped(1119, 1029, 24, 19)
    return task_run("base", before), task_run("ft", after)
