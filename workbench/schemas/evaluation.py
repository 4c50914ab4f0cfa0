"""Settings and records of an evaluation, and of the comparison of two."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.inference import AnswerState, Endpoint, Sampling

SampleState = Literal["answered", "partial", "refused", "empty", "truncated", "error"]
"""What an answer is, before any score. `empty`, `truncated` and `error` have no scores."""

QuoteState = Literal[
    "verbatim", "elided", "near", "misattributed", "from_question", "unsupported", "unclosed"
]


class TestFiles(StrictModel):
    """The test sets of one evaluation; an empty path leaves one out. Absolute paths."""

    answerable: str = ""
    unseen: str = ""
    unanswerable: str = ""
    general: str = ""
    """JSONL of five-choice questions: `id`, `question`, `choices`, `answer`."""


class EvaluateConfig(StrictModel):
    """Ask one model every question of the test sets and score the answers."""

    endpoint: Endpoint
    label: SafeName
    """Which side this is: `baseline`, `finetuned`, or a name of the person's own."""
    tests: TestFiles
    sampling: Sampling = Sampling()
    limit: int = Field(default=0, ge=0)
    """Questions per test set; 0: all."""
    protocol: str = "raft_v1"
    refusal_phrases: tuple[str, ...] = ()
    """Further phrases by which this project's model declines; searched for in each sentence of an answer."""
    provenance: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Facts about the serving side that a score must carry: engine, model hash, adapter hash, template hash."""


class Quote(StrictModel):
    """One quotation 「…」 of an answer, checked against the documents."""

    text: str
    state: QuoteState
    start: int
    """Character offsets of the quote's text in the answer."""
    end: int
    cited: int | None = None
    """Document number that the answer names, None where it names none."""
    found_in: int | None = None
    """1-based number of the document that holds the quote."""
    span: tuple[int, int] | None = None
    """Character offsets in that document."""


class ScoredAnswer(StrictModel):
    """One line of `answers.jsonl` of an evaluation."""

    id: str
    kind: Literal["answerable", "unseen", "unanswerable", "general"]
    question: str
    documents: tuple[str, ...] = ()
    target: str = ""
    oracle_position: int | None = None
    prediction: str
    answer_state: AnswerState
    state: SampleState
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    quotes: tuple[Quote, ...] = ()
    seconds: float = 0.0
    completion_tokens: int = 0
    error_code: str = ""


class Interval(StrictModel):
    """A figure with its 95 % interval; None where there is no data."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


class RunMetrics(StrictModel):
    """The figures of one side; rates are shares from 0 to 1, None where nothing could be measured."""

    n: int
    errors: int = 0
    over_refusal_rate: float | None = None
    """Refused although a document answers (answerable and unseen)."""
    correct_refusal_rate: float | None = None
    """Refused where no document answers."""
    verbatim_quote_rate: float | None = None
    """Answerable questions whose answer quotes the right document word for word, of all answerable ones."""
    answered_f1: float | None = None
    """Mean character F1 over the answered questions."""
    answered_f1_chance: float | None = None
    """The same score against the references of other questions."""
    general_accuracy: float | None = None
    intervals: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    by_kind: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])


class CompareConfig(StrictModel):
    """Two evaluations of the same questions."""

    baseline: str
    """Artifact id of an evaluation."""
    finetuned: str
    bootstrap: int = Field(default=10_000, ge=100, le=100_000)
    seed: int = 0


Verdict4 = Literal["a", "b", "tie", "both_bad"]


class Vote(StrictModel):
    """One reviewer's verdict on one question of a comparison."""

    comparison: str
    sample_id: str
    reviewer: str = Field(min_length=1, max_length=80)
    verdict: Literal["baseline", "finetuned", "tie", "both_bad"]
    left: Literal["baseline", "finetuned"]
    """Which side stood left when the vote was cast."""
    comment: str = Field(default="", max_length=4000)
    at: float = 0.0
