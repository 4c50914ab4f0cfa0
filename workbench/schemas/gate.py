"""A gate: what a fine-tuned model must hold, and how it did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from workbench.schemas.base import StrictModel
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import Interval

Tier = Literal["critical", "supporting", "advisory"]
"""`advisory` is reported and never blocks; the other two block alike and tell a reader what weighs more."""
DecideOn = Literal["ci", "point"]
"""`ci`: the whole 95 % interval must lie on the good side. `point`: the figure alone decides."""
Scope = Literal["all", "both_answered"]
"""`both_answered`: only questions that both runs answered, so that fewer refusals cannot hide worse answers."""
LimitKind = Literal["min_ratio", "max_drop", "min_delta", "min_value", "max_value"]
LIMITS: tuple[LimitKind, ...] = ("min_ratio", "max_drop", "min_delta", "min_value", "max_value")
Section = Literal["regression", "improvement", "judge", "human"]
Outcome = Literal["pass", "fail", "inconclusive", "missing"]
GateVerdict = Literal["pass", "fail", "inconclusive"]
ANY_BENCH = "*"


class Condition(StrictModel):
    """One line: a figure of a bench and exactly one limit."""

    bench: str = Field(min_length=1)
    """Task name, `raft`, `answerable`, `unseen`, `unanswerable`, `general`, or `*` for each that has the metric."""
    metric: str = ""
    """Name of a figure or of a protocol's score; empty: the bench's own score."""
    tier: Tier = "supporting"
    decide_on: DecideOn = "ci"
    scope: Scope = "all"
    min_ratio: float | None = Field(default=None, gt=0, le=2)
    """Least share of the baseline's figure that must remain. For figures of which more is better."""
    max_drop: float | None = Field(default=None, ge=0)
    """Largest worsening that is accepted, in the figure's own unit."""
    min_delta: float | None = None
    """Least improvement that is asked for; a negative one allows so much worsening."""
    min_value: float | None = None
    max_value: float | None = None

    @model_validator(mode="after")
    def _check_limit(self) -> Condition:
        if sum(getattr(self, name) is not None for name in LIMITS) != 1:
            raise ValueError("gate_one_limit")
        return self

    @property
    def limit(self) -> LimitKind:
        return next(name for name in LIMITS if getattr(self, name) is not None)

    @property
    def threshold(self) -> float:
        return float(getattr(self, self.limit))


class JudgeConditions(StrictModel):
    """What a model that judges must say of the candidate."""

    rubric: str = ""
    """Name or path of the rubric: only a judgement made with it counts. Empty: any."""
    judgement: str = ""
    """Artifact id; empty: the newest judgement of the candidate."""
    min_mean: float | None = None
    """Least mean grade."""
    min_win_rate: float | None = Field(default=None, ge=0, le=1)
    """Least share of wins against the baseline among the questions on which both orders agree."""
    require_judge_check: bool = True
    """The judge counts only after its agreement with at least 30 human verdicts is known."""
    decide_on: DecideOn = "ci"
    tier: Tier = "supporting"


class HumanConditions(StrictModel):
    """What reviewers must say of the candidate. Only questions that were drawn at random count."""

    review: str = ""
    """Artifact id of a published review; empty: the newest one of these two runs."""
    min_decisive_votes: int = Field(default=30, ge=1)
    """Questions that either side won."""
    min_win_rate: float | None = Field(default=None, ge=0, le=1)
    max_critical_tags: int | None = Field(default=None, ge=0)
    """Answers of the candidate that a reviewer called dangerous or unlawful; of every selection."""
    decide_on: DecideOn = "ci"
    tier: Tier = "supporting"


class Requirements(StrictModel):
    """What makes a comparison of two runs valid. A violation says nothing about the model."""

    same_engine: bool = True
    same_thinking: bool = True
    same_template: bool = True
    same_sampling: bool = True
    error_rate_max: float = Field(default=0.01, ge=0, le=1)
    truncated_max: float = Field(default=0.02, ge=0, le=1)


class GateSpec(StrictModel):
    """A gate file (YAML)."""

    version: Literal[1] = 1
    baseline: str = ""
    """The run to compare with: an artifact id or a folder; `run:` may stand before it. Never a number."""
    regression: tuple[Condition, ...] = ()
    """What must not get worse."""
    improvement: tuple[Condition, ...] = ()
    """What must get better, or reach a value."""
    judge: JudgeConditions | None = None
    human: HumanConditions | None = None
    require: Requirements = Requirements()

    @field_validator("baseline", mode="before")
    @classmethod
    def _check_baseline(cls, value: object) -> object:
        # a number grows stale and has no questions to pair with
        if not isinstance(value, str) or value.removeprefix("run:").replace(".", "", 1).strip().isdigit():
            raise ValueError("gate_baseline_is_run")
        return value

    @model_validator(mode="after")
    def _check_conditions(self) -> GateSpec:
        if not (self.regression or self.improvement or self.judge or self.human):
            raise ValueError("gate_empty")
        return self


class GateConfig(StrictModel):
    """A gate as a step of a recipe, or as a job of its own."""

    file: str = ""
    """Absolute path of a gate file."""
    gate: GateSpec | None = None
    """The same, written into the recipe."""
    baseline: str = ""
    """Artifact id or folder; wins over the gate's own."""
    candidate: str = Field(min_length=1)

    @model_validator(mode="after")
    def _check_source(self) -> GateConfig:
        if bool(self.file) == (self.gate is not None):
            raise ValueError("gate_file_or_inline")
        return self


class ConditionResult(StrictModel):
    """What became of one condition on one bench."""

    section: Section
    bench: str = ""
    metric: str = ""
    tier: Tier
    decide_on: DecideOn
    scope: Scope = "all"
    limit: str
    """A `LimitKind`, or a field of `JudgeConditions` or `HumanConditions`."""
    threshold: float
    outcome: Outcome
    reason: str
    """Code of the sentence `gate.reason.<reason>`."""
    rate: bool = False
    """The figure is a share."""
    before: float | None = None
    after: float | None = None
    statistic: Interval = Interval(value=None)
    """What was held against the threshold: a ratio, a worsening, an improvement or a value."""
    n: int = 0
    """Questions, or votes."""
    needed: int | None = None
    """Further questions or votes that would decide, if everything stays as it was seen; None: cannot be said."""


class GateReport(StrictModel):
    """The whole outcome."""

    verdict: GateVerdict
    valid: bool = True
    """The two runs may be compared."""
    baseline: str
    candidate: str
    labels: dict[Literal["baseline", "candidate"], str]
    conditions: tuple[ConditionResult, ...]
    invalid: tuple[Sentence, ...] = ()
    """Why they may not be compared; texts `gate.invalid.<code>`."""
    notes: tuple[Sentence, ...] = ()
    """What could not be checked; texts `gate.note.<code>`."""
