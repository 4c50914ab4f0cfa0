"""Brings judgements and people's votes together: how far people agree with a judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from workbench.artifacts import ArtifactStore, read_jsonl
from workbench.errors import InputError, StateError
from workbench.evaluation.judging.check import Labelled, check_labels, label_items
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import Side, Vote
from workbench.schemas.judging import JudgeCheck, Judgement, JudgeVerdict

VotesOf = Callable[[str], Sequence[Vote]]
"""Votes on a comparison: `VoteStore(workspace).votes`, or those of a published review."""
_SWAPPED: dict[JudgeVerdict, JudgeVerdict] = {"baseline": "finetuned", "finetuned": "baseline"}


class Place(NamedTuple):
    """Where the judged runs stand in a comparison that people voted on."""

    comparison: str
    side: Side
    """Of a single run."""
    swapped: bool
    """Of two runs: they stand the other way round."""


def check_judgement(artifacts: ArtifactStore, votes_of: VotesOf, judgement_id: str) -> JudgeCheck:
    """How people agree with the judge behind a judgement.

    Counted are all judgements of the workspace by the very same judge (model, rubric, sampling, protocol), newest
    first: agreement that was shown on last month's comparison is known of the judge today. The same answers count
    once.

    Args:
        artifacts: Where judgements and comparisons lie.
        votes_of: The votes on a comparison.
        judgement_id: Of a judgement.

    Raises:
        NotFoundError: `artifact_missing`.
        StateError: `not_a_judgement`.
        InputError: `judgement_unreadable`.
    """
    artifact = artifacts.get(judgement_id)
    if artifact.kind != "judgement":
        raise StateError("not_a_judgement", id=judgement_id)
    same = [one for one in artifacts.list("judgement") if _key(one) == _key(artifact)]
    return check_labels(list(_label_all(artifacts, votes_of, same)))


def read_judgements(artifacts: ArtifactStore, judgement_id: str) -> list[Judgement]:
    """The judgements of an artifact.

    Raises:
        InputError: `judgement_unreadable`.
    """
    path = artifacts.file(judgement_id, "judgements.jsonl")
    try:
        return [Judgement.model_validate(line) for line in read_jsonl(path)]
    except ValidationError as exc:
        raise InputError("judgement_unreadable", path=str(path)) from exc


def _label_all(artifacts: ArtifactStore, votes_of: VotesOf, judged: Sequence[Artifact]) -> Iterator[Labelled]:
    comparisons = artifacts.list("comparison")
    seen: set[tuple[str, str]] = set()
    for artifact in judged:
        runs = tuple(str(one) for one in artifact.details.get("evaluations", ()))
        for place in find_places(runs, comparisons):
            votes = votes_of(place.comparison)
            if not votes:
                continue
            judgements = read_judgements(artifacts, artifact.id)
            fresh = [one for one in judgements if (place.comparison, one.key) not in seen]
            seen |= {(place.comparison, one.key) for one in fresh if one.state != "error"}
            if place.swapped:
                fresh = [_swap(one) for one in fresh]
            yield label_items(fresh, votes, side=place.side)


def find_places(runs: Sequence[str], comparisons: Sequence[Artifact]) -> list[Place]:
    """The comparisons in which the judged runs stand."""
    places: list[Place] = []
    for comparison in comparisons:
        baseline, finetuned = (str(comparison.details.get(side, "")) for side in ("baseline", "finetuned"))
        if len(runs) == 2:
            if set(runs) == {baseline, finetuned}:
                places.append(Place(comparison.id, "finetuned", runs[0] == finetuned))
            continue
        standing: dict[Side, str] = {"baseline": baseline, "finetuned": finetuned}
        places += [Place(comparison.id, side, False) for side, run in standing.items() if run in runs]
    return places


def _swap(judgement: Judgement) -> Judgement:
    verdict = _SWAPPED.get(judgement.verdict, judgement.verdict)
    return judgement.model_copy(update={"verdict": verdict})


def _key(artifact: Artifact) -> str:
    return str(artifact.details.get("judge_key", artifact.id))
