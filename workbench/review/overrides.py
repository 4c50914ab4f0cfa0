"""Takes the word of people over the program's about what an answer is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.schemas.evaluation import ScoredAnswer, Side
from workbench.schemas.review import HumanState, StateOverride

_JUDGED = frozenset({"answered", "partial", "refused"})


def apply_overrides(
    answers: Sequence[ScoredAnswer], overrides: Sequence[StateOverride], side: Side
) -> list[ScoredAnswer]:
    """The answers of one side with the states that reviewers gave them, and the scores that follow from those.

    Empty answers, those that were cut off and errors stay what they are: nothing was answered. The scores of
    a task are its protocol's own and stay too.

    Args:
        answers: Of one side.
        overrides: What reviewers say, one for each answer at most.
        side: Which one.
    """
    states: dict[str, HumanState] = {one.sample_id: one.state for one in overrides if one.side == side}
    return [_override(answer, states.get(answer.key)) for answer in answers]


def _override(answer: ScoredAnswer, state: HumanState | None) -> ScoredAnswer:
    if state is None or state == answer.state or answer.state not in _JUDGED:
        return answer
    follows = {"refused": float(state == "refused"), "partial": float(state == "partial")}
    scores = {
        name: follows.get(name, value) if answer.kind != "task" else value
        for name, value in answer.scores.items()
    }
    return answer.model_copy(update={"state": state, "scores": scores})
