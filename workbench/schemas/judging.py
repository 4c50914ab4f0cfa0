"""A judge: the rubric it goes by, what it said, and what its judgements add up to."""

from __future__ import annotations

import unicodedata
from typing import Literal

from pydantic import Field, model_validator

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import Correctness, Interval, SampleKind, SampleState, Side
from workbench.schemas.inference import Endpoint, Sampling
from workbench.schemas.tasks import Language

JudgeMode = Literal["absolute", "pairwise", "reward"]
JudgeVerdict = Literal["", "baseline", "finetuned", "tie"]
Choice = Literal["", "first", "second", "tie"]

CallState = Literal["ok", "unreadable", "out_of_range", "empty", "truncated", "error"]
"""What one reply of a judge is. Only `ok` carries a score."""

JudgementState = Literal["judged", "identical", "error"]
"""`identical`: both sides say the same, a tie without asking."""

JUDGE_TOKENS = 2048
"""Judges write reasons first, some think before: with 512 tokens a judge that thought got no score at all."""


class Criterion(StrictModel):
    """One thing that a judge looks at."""

    name: SafeName
    title: str = Field(min_length=1, max_length=40)
    """The word that the judge writes before its score, in the rubric's language."""
    ask: str = Field(min_length=1)
    """What to look at."""
    levels: dict[int, str] = Field(default_factory=dict[int, str])
    """What a score means, for as many scores as need saying."""


class Rubric(StrictModel):
    """A rubric file (YAML). The program adds the frame: data, delimiters, and how to write the score."""

    version: Literal[1] = 1
    name: SafeName
    title: dict[Language, str] = Field(min_length=1)
    about: dict[Language, str] = Field(default_factory=dict[Language, str])
    language: Language = "ja"
    """Of the prompt."""
    mode: Literal["absolute", "pairwise"] = "absolute"
    low: int = Field(default=1, ge=0, le=9)
    high: int = Field(default=5, ge=1, le=10)
    role: str = Field(min_length=1)
    """Who the judge is and what it judges; the system message begins with it."""
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    """Scored one by one; a pairwise judge weighs them and gives one verdict."""
    overall: str = ""
    """Name of the criterion that counts as the answer's own score; empty: the last one."""
    show_documents: bool = True
    show_reference: bool = True
    states: tuple[SampleState, ...] = ("answered", "partial", "refused")
    """Answers that are judged; empty, cut-off and failed ones never are."""
    kinds: tuple[SampleKind, ...] = ()
    """Questions whose answers are judged; empty: all."""
    notes: dict[SampleKind, str] = Field(default_factory=dict[SampleKind, str])
    """What the judge is told of one kind of question."""
    cases: dict[str, str] = Field(default_factory=dict[str, str])
    """Id of a question -> what matters in its answer."""

    @model_validator(mode="after")
    def _check(self) -> Rubric:
        if self.low >= self.high:
            raise ValueError("rubric_range")
        names = [criterion.name for criterion in self.criteria]
        titles = [fold_title(criterion.title) for criterion in self.criteria]
        if len(set(names)) != len(names) or len(set(titles)) != len(titles):
            raise ValueError("rubric_criteria_repeat")
        if self.overall and self.overall not in names:
            raise ValueError("rubric_overall_unknown")
        if any(not self.low <= level <= self.high for one in self.criteria for level in one.levels):
            raise ValueError("rubric_level_outside")
        return self

    @property
    def primary(self) -> str:
        """Name of the criterion that counts."""
        return self.overall or self.criteria[-1].name


def fold_title(title: str) -> str:
    """A criterion's word as it is compared with what a judge wrote."""
    return "".join(unicodedata.normalize("NFKC", title).casefold().split())


class JudgeConfig(StrictModel):
    """Let a model judge the answers of one run, or of two against each other."""

    mode: JudgeMode
    evaluations: tuple[str, ...] = Field(min_length=1, max_length=2)
    """Ids of evaluations, or absolute paths of folders with `answers.jsonl`. Of two, the first is the
    baseline. One id of a comparison stands for its two evaluations. Pairwise needs two; with two, the other
    modes score both."""
    rubric: str = ""
    """Name of a rubric that ships with the program, or absolute path of a file; not for rewards."""
    endpoint: Endpoint | None = None
    """The judge, or the reward model behind a server."""
    reward_model: str = ""
    """For rewards without a server: absolute path of a model folder with a score head."""
    limit: int = Field(default=0, ge=0)
    """Questions, drawn at random; 0: all."""
    sampling: Sampling = Sampling(max_tokens=JUDGE_TOKENS)
    repeats: int = Field(default=1, ge=1, le=16)
    """Judgements of each answer; their scores are averaged, of verdicts the majority counts."""
    tries: int = Field(default=3, ge=1, le=10)
    """Asks per judgement while its reply cannot be used."""
    name: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _check(self) -> JudgeConfig:
        if (self.endpoint is None) == (not self.reward_model):
            raise ValueError("judge_needs_one_judge")
        if self.reward_model and self.mode != "reward":
            raise ValueError("judge_needs_endpoint")
        if (self.mode == "reward") == bool(self.rubric):
            raise ValueError("judge_rubric_and_mode")
        return self


class JudgeCall(StrictModel):
    """What the judge said, as it said it."""

    repeat: int = 0
    side: Side = "finetuned"
    """Whose answer was scored; for a pair the side that was shown first."""
    state: CallState
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    choice: Choice = ""
    has_reason: bool = True
    raw: str = ""
    tries: int = 1
    tokens: int = 0
    seconds: float = 0.0
    error_code: str = ""


class Judgement(StrictModel):
    """One line of `judgements.jsonl`: a question, and what came of all calls about it."""

    id: str
    kind: SampleKind
    task: str = ""
    genre: str = ""
    question: str
    state: JudgementState
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    """By criterion, the mean over the repeats; of two runs those of the candidate."""
    baseline_scores: dict[str, float] = Field(default_factory=dict[str, float])
    verdict: JudgeVerdict = ""
    """Of two runs: who is better. A pair is won only where both orders say so."""
    disagreements: int = 0
    """Repeats in which the two orders did not say the same."""
    band: Literal["", "right", "partly", "wrong"] = ""
    """The own score of a single run as a person would put it: upper quarter of the scale, middle, lower."""
    length: int = 0
    """Characters of the candidate's answer."""
    baseline_length: int = 0
    calls: tuple[JudgeCall, ...] = ()
    reason: CallState = "ok"
    """Why there is no judgement."""

    @property
    def key(self) -> str:
        """What votes call the question, as `ScoredAnswer.key`."""
        return f"{self.task}/{self.id}" if self.task else self.id


class JudgeIdentity(StrictModel):
    """Who judged."""

    model: str
    endpoint: str = ""
    engine: str = ""
    families: tuple[str, ...] = ()
    """Families that the name gives away, empty where it gives away none."""
    key: str = ""
    """Hash over everything that makes this judge what it is: model, rubric, mode, sampling, protocol.
    Agreement with people is known of a judge with this key, and of no other."""


class PairFigures(StrictModel):
    """How the candidate (`finetuned`) does against the baseline."""

    wins: int
    losses: int
    ties: int
    """Ties of any cause: said by the judge, orders that disagree, equal answers."""
    disagreements: int = 0
    """Of the ties: questions whose two orders disagree."""
    identical: int = 0
    """Of the ties: both sides say the same."""
    win_rate: Interval
    """Wins of all wins and losses, with Wilson's interval."""
    points: Interval
    """Mean of 1 for a win, ½ for a tie and 0 for a loss, by bootstrap."""
    flip_rate: Interval | None = None
    """Share of pairs whose verdict changed with the order; None where no order was involved."""
    first_share: Interval | None = None
    """Of the single replies that named a winner, those that named the answer shown first."""
    first_p: float | None = None
    """Exact McNemar test over the pairs in which both replies name the same place: first against second."""
    longer_share: Interval
    """Of the won and lost pairs of different length, those that the longer answer won."""


class JudgementSummary(StrictModel):
    """`summary.json` of a judgement."""

    mode: JudgeMode
    protocol: str
    """Name and version, for example `judge_pairwise@1`."""
    judge: JudgeIdentity
    rubric: str = ""
    rubric_sha256: str = ""
    """Over the rubric and the frame that the program adds."""
    evaluations: tuple[str, ...]
    labels: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    """Families of the judged models."""
    n: int
    """Questions with a judgement."""
    errors: int = 0
    """Questions without one although the judge was asked; in no figure."""
    errors_by: dict[str, int] = Field(default_factory=dict[str, int])
    skipped: dict[str, int] = Field(default_factory=dict[str, int])
    """Questions that were not put before the judge: by state of the answer, `kind`, `unpaired`, `limit`."""
    calls: int = 0
    retried: int = 0
    """Calls whose reply could not be used at first."""
    without_reason: int = 0
    """Judgements with a score but no reason before it."""
    tokens: int = 0
    primary: str = ""
    low: float | None = None
    high: float | None = None
    titles: dict[str, str] = Field(default_factory=dict[str, str])
    """Criterion -> its word in the rubric."""
    criteria: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    """Mean per criterion with its bootstrap interval; of two runs the candidate's."""
    baseline_criteria: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    differences: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    """Candidate minus baseline, paired."""
    distribution: dict[str, dict[str, int]] = Field(default_factory=dict[str, dict[str, int]])
    """Criterion -> score -> answers, for scores on a scale; means of repeats are rounded."""
    by_kind: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    """The own score by kind of question."""
    length_correlation: float | None = None
    """Spearman's rank correlation of the answer's length and its own score."""
    pairs: PairFigures | None = None
    warnings: tuple[Sentence, ...] = ()
    """Texts `judging.warning.<code>`."""


CheckReason = Literal["ok", "too_few", "by_chance", "one_sided"]


class JudgeCheck(StrictModel):
    """How a judge agrees with people; texts `judging.check.<reason>`."""

    n: int
    """Items with a verdict of people and one of the judge."""
    needed: int
    agreement: float | None = None
    """Share of items on which both say the same."""
    interval: Interval
    """Of that share."""
    kappa: float | None = None
    """Cohen's kappa, None where it is not defined."""
    decisive_n: int = 0
    """Items on which both named a winner (verdicts only)."""
    decisive_agreement: float | None = None
    split: int = 0
    """Items on which people have no common verdict; left out."""
    basis: Literal["verdict", "correctness"] = "verdict"
    """What was compared: who is better, or whether an answer is right."""
    usable: bool
    """Whether the judge may enter a gate."""
    reason: CheckReason


def correctness_of(score: float, low: float, high: float) -> Correctness:
    """A score on a scale as a person would put it; on 1 to 5: 4 and 5 right, 3 partly, 1 and 2 wrong."""
    share = (score - low) / (high - low)
    return "right" if share >= 0.75 else "partly" if share > 0.25 else "wrong"
