"""What several votes on one question come to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from workbench.schemas.evaluation import Side, Vote
from workbench.schemas.review import HumanState, StateOverride, Verdict

T = TypeVar("T")

SIDES: tuple[Side, Side] = ("baseline", "finetuned")
DECISIVE: frozenset[Verdict] = frozenset({"baseline", "finetuned"})


def first_looks(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that count in a rate: no hidden repeats, no adjudications."""
    return [vote for vote in votes if not vote.repeat and not vote.adjudication]


def group_by_sample(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    """Votes by question, in the order given."""
    groups: dict[str, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(vote.sample_id, []).append(vote)
    return groups


def visible_votes(votes: Sequence[Vote], reviewer: str) -> list[Vote]:
    """What a reviewer may see: their own votes, and others' on questions that they have judged themselves."""
    judged = {vote.sample_id for vote in first_looks(votes) if vote.reviewer == reviewer}
    return [vote for vote in votes if vote.reviewer == reviewer or vote.sample_id in judged]


def adjudicate(votes: Sequence[Vote]) -> dict[str, Verdict | None]:
    """The verdict on each question: of its latest adjudication, else of the majority of its reviewers.

    None where reviewers are split and nobody has settled it.
    """
    return {name: _settle(group) for name, group in group_by_sample(votes).items()}


def deciding_votes(votes: Sequence[Vote]) -> dict[str, Vote]:
    """The vote that speaks for each settled question: the adjudication, else the latest with its verdict."""
    deciding: dict[str, Vote] = {}
    for name, group in group_by_sample(votes).items():
        verdict = _settle(group)
        fitting = [vote for vote in group if not vote.repeat and vote.verdict == verdict]
        if fitting:
            deciding[name] = max(fitting, key=lambda vote: (vote.adjudication, vote.at))
    return deciding


def collect_overrides(votes: Sequence[Vote]) -> list[StateOverride]:
    """One for each answer whose state people overrule: the adjudicator's, else the majority's, else the latest."""
    given: dict[tuple[str, Side], list[tuple[Vote, HumanState]]] = {}
    for vote in votes:
        for side, state in vote.states.items():
            if not vote.repeat:
                given.setdefault((vote.sample_id, side), []).append((vote, state))
    return [_override(name, side, group) for (name, side), group in given.items()]


def _settle(group: Sequence[Vote]) -> Verdict | None:
    adjudications = [vote for vote in group if vote.adjudication]
    if adjudications:
        return max(adjudications, key=lambda vote: vote.at).verdict
    given: list[Verdict] = [vote.verdict for vote in group if not vote.repeat]
    return _majority(given)


def _majority(values: Sequence[T]) -> T | None:
    """The value that comes up more often than every other."""
    counts = Counter(values).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _override(sample_id: str, side: Side, group: Sequence[tuple[Vote, HumanState]]) -> StateOverride:
    latest, state = max(group, key=lambda pair: (pair[0].adjudication, pair[0].at))
    if not latest.adjudication:
        states: list[HumanState] = [given for _, given in group]
        state = _majority(states) or state
    reviewer = next(vote.reviewer for vote, given in reversed(group) if given == state)
    return StateOverride(sample_id=sample_id, side=side, state=state, reviewer=reviewer)
