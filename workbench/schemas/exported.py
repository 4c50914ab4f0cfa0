"""What left a review as training data."""

from __future__ import annotations

from workbench.schemas.base import StrictModel


class ExportedQuestion(StrictModel):
    """A question that went into a training file: later test sets must do without it."""

    comparison: str
    sample_id: str
    question: str
    format: str
    at: float
