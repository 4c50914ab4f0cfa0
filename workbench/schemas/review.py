"""What the votes of reviewers add up to."""

from __future__ import annotations

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.evaluation import Interval


class VoteSummary(StrictModel):
    """All valid votes on one comparison: each reviewer's latest verdict on each question."""

    comparison: str
    votes: int = 0
    samples: int = 0
    """Questions with at least one vote."""
    baseline: int = 0
    finetuned: int = 0
    tie: int = 0
    both_bad: int = 0
    win_rate: Interval
    """Share of `finetuned` among the decisive votes (baseline or finetuned), with its Wilson interval."""
    left_share: Interval
    """Share of decisive votes for the side that stood left: far from one half, position decided."""
    disagreements: int = 0
    """Questions on which reviewers gave different verdicts."""
    reviewers: dict[str, int] = Field(default_factory=dict[str, int])
    """Votes per reviewer."""
