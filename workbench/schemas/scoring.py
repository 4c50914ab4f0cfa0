"""What `workbench score` and `workbench diff` find in files of answers."""

from __future__ import annotations

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.comparison import ChangeVerdict, Decomposition, Sentence
from workbench.schemas.evaluation import RunMetrics, SampleState


class ScoredItem(StrictModel):
    """One question of a scored file."""

    id: str
    state: SampleState
    scores: dict[str, float | tuple[float, ...]] = Field(default_factory=dict[str, float | tuple[float, ...]])
    """All figures; those with several values are lists. Empty where nothing was answered."""


class ScoreReport(StrictModel):
    """What one file of answers scored."""

    protocol: str
    """Name and version."""
    task: str
    primary: str
    metrics: dict[str, float]
    """Mean of each score; how it was taken says `workbench.evaluation.task_figures`."""
    summary: RunMetrics
    items: tuple[ScoredItem, ...]
    warnings: tuple[Sentence, ...] = ()
    """What is odd about the file; texts `sentence.<code>`."""


class DiffSide(StrictModel):
    """One side of a difference, over the questions that count on both."""

    mean: float | None
    correct: int
    """Questions with the full score."""
    n: int
    """Questions in the file."""
    errors: int = 0
    unanswered: int = 0
    """Empty and cut-off answers."""


class DiffReport(StrictModel):
    """Two files of answers to the same questions."""

    protocol: str
    primary: str
    n: int
    """Questions that count on both sides."""
    a: DiffSide
    b: DiffSide
    delta: float | None
    """Mean of b minus mean of a."""
    ci: tuple[float, float] | None
    """95 %: Wald's for paired shares where scores are 0 or 1, by paired bootstrap otherwise."""
    p: float | None
    """Exact McNemar where scores are 0 or 1, of the paired bootstrap otherwise."""
    lost: int
    gained: int
    verdict: ChangeVerdict
    decomposition: Decomposition
    warnings: tuple[Sentence, ...] = ()
