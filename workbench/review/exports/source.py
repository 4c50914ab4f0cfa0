"""What every export is made from, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pydantic import ValidationError

from workbench.artifacts import ArtifactStore, read_json, read_jsonl
from workbench.errors import InputError, NotFoundError, StateError
from workbench.i18n import Lang
from workbench.review.settle import deciding_votes, first_looks, group_by_sample
from workbench.review.store import VoteStore
from workbench.schemas.artifact import Artifact
from workbench.schemas.chat import ChatMessage
from workbench.schemas.comparison import ComparisonItem, ComparisonSummary
from workbench.schemas.evaluation import ScoredAnswer, Side, Vote
from workbench.schemas.review import VoteSummary

Messages = tuple[ChatMessage, ...]


@dataclass(frozen=True)
class GateNote:
    """What a gate said, for the report."""

    verdict: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...] = ()
    """Sentences in the reader's language."""


@dataclass(frozen=True)
class ExportSource:
    """A comparison with everything that people said of it."""

    comparison: str
    title: str
    items: Sequence[ComparisonItem]
    votes: Sequence[Vote]
    """Those that count, repeats and adjudications included."""
    summary: VoteSummary
    figures: ComparisonSummary | None = None
    prompts: Mapping[str, Messages] = field(default_factory=dict[str, Messages])
    """As they were asked, by question; what is missing is rebuilt from question and documents."""
    lang: Lang = "ja"
    moment: float = 0.0
    """Seconds since the epoch."""
    gate: GateNote | None = None

    @cached_property
    def deciding(self) -> dict[str, Vote]:
        """The vote that speaks for each settled question."""
        return deciding_votes(self.votes)

    @cached_property
    def by_sample(self) -> dict[str, list[Vote]]:
        """Votes by question, without repeats, adjudications last."""
        looks = group_by_sample(first_looks(self.votes))
        rulings = group_by_sample([vote for vote in self.votes if vote.adjudication])
        return {name: [*looks.get(name, []), *rulings.get(name, [])] for name in {**looks, **rulings}}

    def label(self, side: Side) -> str:
        """The name of the run on a side; empty where nobody gave one."""
        return self.figures.labels.get(side, "") if self.figures else ""


def load_source(
    artifacts: ArtifactStore,
    votes: VoteStore,
    comparison: str,
    lang: Lang,
    *,
    gate: GateNote | None = None,
) -> ExportSource:
    """Read a comparison, its votes and the prompts of its evaluations.

    Raises:
        NotFoundError: There is no such comparison.
        StateError: `not_a_comparison`.
        InputError: `comparison_items_unreadable`.
    """
    artifact = artifacts.get(comparison)
    if artifact.kind != "comparison":
        raise StateError("not_a_comparison", id=comparison)
    path = artifacts.file(comparison, "items.jsonl")
    try:
        items = [ComparisonItem.model_validate(line) for line in read_jsonl(path)]
        figures = ComparisonSummary.model_validate(read_json(artifacts.file(comparison, "summary.json")))
    except ValidationError as exc:
        raise InputError("comparison_items_unreadable", path=str(path)) from exc
    return ExportSource(
        comparison=comparison,
        title=artifact.name,
        items=items,
        votes=votes.votes(comparison),
        summary=votes.summary(comparison),
        figures=figures,
        prompts=_read_prompts(artifacts, artifact),
        lang=lang,
        moment=artifacts.clock(),
        gate=gate,
    )


def prompt_of(source: ExportSource, item: ComparisonItem) -> tuple[list[dict[str, str]], bool]:
    """The messages of a question, and whether they are those that were asked.

    Where they are not kept (an older evaluation, a file of answers), documents and question stand in one message.
    """
    asked = source.prompts.get(item.key, ())
    if asked:
        return [{"role": one.role, "content": one.content} for one in asked], True
    return [{"role": "user", "content": "\n\n".join([*item.documents, item.question])}], False


def answer_of(item: ComparisonItem, side: Side) -> ScoredAnswer:
    """The answer on a side."""
    return item.baseline if side == "baseline" else item.finetuned


def _read_prompts(artifacts: ArtifactStore, comparison: Artifact) -> dict[str, Messages]:
    """Both sides were asked the same; the first evaluation that is still there tells what."""
    for side in ("finetuned", "baseline"):
        try:
            path = artifacts.file(str(comparison.details.get(side, "")), "answers.jsonl")
        except (NotFoundError, InputError):
            continue
        answers = [_read_prompt(line) for line in read_jsonl(path)]
        return {answer.key: answer.messages for answer in answers if answer and answer.messages}
    return {}


def _read_prompt(line: Mapping[str, object]) -> ScoredAnswer | None:
    try:
        return ScoredAnswer.model_validate(line)
    except ValidationError:
        return None
