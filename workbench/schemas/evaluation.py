"""Settings and records of an evaluation, and of the comparison of two."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from workbench.schemas.base import SafeName, StrictModel, at_most
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import AnswerState, Endpoint, Sampling

SampleKind = Literal["answerable", "unseen", "unanswerable", "general", "task"]
"""`task`: a question of a named task, scored by that task's protocol."""

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


class TaskChoice(StrictModel):
    """One task of an evaluation."""

    task: str = Field(min_length=1)
    """Name in the catalogue of tasks, or absolute path of a task file (YAML)."""
    data: str = ""
    """Absolute path of the task's data; empty: where the task file says."""
    limit: int = Field(default=0, ge=0)
    """Questions; 0: all."""
    shots: int | None = Field(default=None, ge=0, le=32)
    """Solved examples in the prompt; None: as the task file says."""


class EvaluateConfig(StrictModel):
    """Ask one model every question of the test sets and tasks and score the answers."""

    endpoint: Endpoint
    label: SafeName
    """Which side this is: `baseline`, `finetuned`, or a name of the person's own."""
    tests: TestFiles = TestFiles()
    tasks: tuple[TaskChoice, ...] = ()
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
    kind: SampleKind
    task: str = ""
    """Name of the task; empty for RAFT sets and the small general task."""
    genre: str = ""
    """Category of the question, for a breakdown of errors."""
    source: str = ""
    """Where the documents of the question come from: a file, a department, an article; empty where nothing says."""
    question: str
    documents: tuple[str, ...] = ()
    target: str = ""
    references: tuple[str, ...] = ()
    """Further accepted answers."""
    oracle_position: int | None = None
    prediction: str
    answer_state: AnswerState
    state: SampleState
    primary: str = ""
    """For a task: the score that counts as the question's own."""
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    lists: dict[str, tuple[float, ...]] = Field(default_factory=dict[str, tuple[float, ...]])
    """Scores with several values, for example one per instruction."""
    extracted: str = ""
    """What was taken out of the answer and compared."""
    rule: str = ""
    """How it was taken out."""
    quotes: tuple[Quote, ...] = ()
    seconds: float = 0.0
    completion_tokens: int = 0
    error_code: str = ""
    messages: tuple[ChatMessage, ...] = ()
    """The prompt as it was asked; empty in the items of a comparison, which would hold it twice, and for answers
    from a file."""

    @property
    def key(self) -> str:
        """What votes call the question; `id` alone is unique only within a task."""
        return f"{self.task}/{self.id}" if self.task else self.id


class Interval(StrictModel):
    """A figure with its 95 % interval; None where there is no data."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


class TaskFigures(StrictModel):
    """What one task gave; metrics with their 95 % intervals."""

    task: str
    protocol: str
    """Name and version of the protocol, for example `jcq_chat@1`."""
    primary: str
    """The metric that counts as the task's score."""
    higher_is_better: bool = True
    n: int
    errors: int = 0
    empty: int = 0
    truncated: int = 0
    refused: int = 0
    """Refusals that leaked into a task without documents."""
    metrics: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    chance: float | None = None
    """The primary metric of answers that know nothing."""
    shots: int = 0
    """Solved examples found in the prompt, whatever the setting says."""
    genres: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    """The primary metric by category."""


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
    tasks: dict[str, TaskFigures] = Field(default_factory=dict[str, TaskFigures])


class CompareConfig(StrictModel):
    """Two evaluations of the same questions."""

    baseline: str
    """Artifact id of an evaluation."""
    finetuned: str
    bootstrap: int = Field(default=10_000, ge=100, le=100_000)
    seed: int = 0


Side = Literal["baseline", "finetuned"]
Correctness = Literal["right", "partly", "wrong"]


class PinnedNote(StrictModel):
    """A passage of an answer that a reviewer marked, with what is wrong there."""

    side: Side
    start: int = Field(ge=0)
    """Character offsets in the answer."""
    end: int = Field(ge=0)
    text: Annotated[str, at_most(1000)] = ""


class Vote(StrictModel):
    """One reviewer's verdict on one question of a comparison."""

    comparison: str
    sample_id: str
    reviewer: str = Field(min_length=1, max_length=80)
    verdict: Literal["baseline", "finetuned", "tie", "both_bad"]
    left: Side
    """Which side stood left when the vote was cast."""
    strength: Literal["", "slight", "clear"] = ""
    correctness: dict[Side, Correctness] = Field(default_factory=dict[Side, Correctness])
    tags: dict[Side, tuple[str, ...]] = Field(default_factory=dict[Side, tuple[str, ...]])
    """Codes of reasons, or words of the project's own."""
    notes: tuple[PinnedNote, ...] = ()
    correction: Annotated[str, at_most(20000)] = ""
    """The answer as it should have been."""
    states: dict[Side, Literal["answered", "partial", "refused"]] = Field(
        default_factory=dict[Side, Literal["answered", "partial", "refused"]]
    )
    """Where the reviewer overrules what the program takes an answer for."""
    comment: Annotated[str, at_most(4000)] = ""
    blind: bool = False
    """Names were hidden."""
    selection: Literal["all", "random", "targeted"] = "all"
    """How the question came before the reviewer: only random ones give an unbiased win rate."""
    repeat: bool = False
    """A hidden repeat with sides swapped: measures the reviewer, and counts in no rate."""
    adjudication: bool = False
    """The deciding verdict where reviewers disagreed."""
    at: float = 0.0
