"""Which answers of two runs belong together: the same question, found by its id, never by its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.schemas.evaluation import ScoredAnswer

Key = tuple[str, str, str]
"""Kind, task and id: ids need only be unique within a test set."""
Pair = tuple[ScoredAnswer, ScoredAnswer]


def key_of(answer: ScoredAnswer) -> Key:
    """What identifies a question among all of a run."""
    return answer.kind, answer.task, answer.id


def is_same_question(before: ScoredAnswer, after: ScoredAnswer) -> bool:
    """Whether two answers with the same key answer the same text with the same documents."""
    return before.question == after.question and before.documents == after.documents


def pair_up(before: Sequence[ScoredAnswer], after: Sequence[ScoredAnswer]) -> list[Pair]:
    """The questions that both sides were asked, in the order of the first."""
    others: Mapping[Key, ScoredAnswer] = {key_of(answer): answer for answer in after}
    return [
        (answer, others[key_of(answer)])
        for answer in before
        if key_of(answer) in others and is_same_question(answer, others[key_of(answer)])
    ]
