"""Two evaluations of the same questions side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.evaluation import Interval, RunMetrics, SampleKind, ScoredAnswer

ChangeVerdict = Literal["improved", "worse", "no_difference", "too_few"]

PartCode = Literal["rescued", "newly_refused", "both_answered", "both_refused", "other"]

ItemCategory = Literal[
    "rescued",
    "newly_refused",
    "both_answered_better",
    "both_answered_worse",
    "both_answered_same",
    "both_refused",
    "no_answer",
    "refusal_gained",
    "refusal_lost",
    "both_refuse_rightly",
    "both_answer_wrongly",
    "general_gained",
    "general_lost",
    "general_same",
    "task_gained",
    "task_lost",
    "task_same",
    "failed",
]
"""What became of one question. The first seven concern questions that a document answers (`no_answer`: a side
gave an empty or cut-off answer), the next four those that none answers; `task_…`: questions of a named task, by
their own score; `failed`: an error on a side."""


class Sentence(StrictModel):
    """A statement for people: text `sentence.<code>` of the catalogue with its parameters."""

    code: str
    params: dict[str, str | int | float] = Field(default_factory=dict[str, str | int | float])


class Change(StrictModel):
    """One figure on both sides, over the questions that both sides share."""

    metric: str
    """Name of a field of RunMetrics, or a score of the task. `answered_f1` is taken over the questions that both
    sides answered, so that it compares like with like."""
    task: str = ""
    """Name of the task; empty for the RAFT sets and the small general task."""
    before: float | None
    after: float | None
    n: int
    rate: bool = False
    """Every question counts 0 or 1."""
    difference: Interval
    gained: int = 0
    """Questions where the side after is better; for rates, flips."""
    lost: int = 0
    p: float | None = None
    """Exact McNemar for rates; for a task's other scores, of the paired bootstrap."""
    verdict: ChangeVerdict


class DeltaPart(StrictModel):
    """The share that one group of questions has in the change of the mean score."""

    code: PartCode
    n: int
    contribution: float
    """Sum of the group's changes over the number of all questions; the parts add up to the total."""
    mean_change: float | None = None


class Decomposition(StrictModel):
    """Where the change of the mean F1 comes from, with refusals counted as 0 as the seed article did."""

    n: int
    before: float | None = None
    after: float | None = None
    total: Interval
    parts: tuple[DeltaPart, ...] = ()


class ComparisonItem(StrictModel):
    """One line of `items.jsonl`."""

    id: str
    kind: SampleKind
    task: str = ""
    question: str
    documents: tuple[str, ...] = ()
    target: str = ""
    oracle_position: int | None = None
    baseline: ScoredAnswer
    finetuned: ScoredAnswer
    delta: float | None = None
    """Change of the question's own score: F1 (refusals as 0), right refusal or label; None after an error."""
    category: ItemCategory
    differs: bool
    """The two answers are not the same text."""
    important: bool = False
    """Numbers, dates, articles, money or negation differ between the two answers."""

    @property
    def key(self) -> str:
        """What votes call the question; `id` alone is unique only within a task."""
        return self.baseline.key

    @property
    def source(self) -> str:
        """Where the documents come from, as either evaluation knows it."""
        return self.finetuned.source or self.baseline.source


class ComparisonSummary(StrictModel):
    """`summary.json` of a comparison."""

    baseline: str
    """Artifact id of the evaluation."""
    finetuned: str
    labels: dict[Literal["baseline", "finetuned"], str] = Field(
        default_factory=dict[Literal["baseline", "finetuned"], str]
    )
    metrics: dict[Literal["baseline", "finetuned"], RunMetrics]
    """Over the shared questions."""
    n: int
    """Shared questions."""
    unpaired: int = 0
    """Questions that only one side was asked, or whose documents differ."""
    differ: int = 0
    """Shared questions with different answers."""
    changes: tuple[Change, ...] = ()
    decomposition: Decomposition
    task_decompositions: dict[str, Decomposition] = Field(default_factory=dict[str, Decomposition])
    """The same for each task with refusals whose score is more than right or wrong; its score as it stands."""
    categories: dict[str, int] = Field(default_factory=dict[str, int])
    """Questions per category."""
    sentences: tuple[Sentence, ...] = ()
    warnings: tuple[Sentence, ...] = ()
    """Why the two may not be compared as they are; texts `sentence.<code>` too."""
