"""A review: what is put before whom, what is typed before the verdict, and what the votes add up to."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from workbench.schemas.base import StrictModel, at_most
from workbench.schemas.evaluation import Correctness, Interval, PinnedNote, Side

Verdict = Literal["baseline", "finetuned", "tie", "both_bad"]
Selection = Literal["all", "random", "targeted"]
Order = Literal["file", "random", "better", "worse", "length"]
HumanState = Literal["answered", "partial", "refused"]
Strength = Literal["", "slight", "clear"]

DEFAULT_TAGS = (
    "fact_error",
    "no_ground",
    "wrong_quote",
    "needless_refusal",
    "missing_refusal",
    "too_short",
    "too_long",
    "unclear",
    "wording",
    "dangerous",
)
"""Codes of the reasons on offer; their words are `review.tag.<code>`. Other tags are words of the project."""

CRITICAL_TAGS = frozenset({"dangerous"})
"""Tags of which a gate may allow none."""


class ReviewPlan(StrictModel):
    """What a reviewer goes through. The same plan, items and name always give the same queue."""

    comparison: str = Field(min_length=1)
    """Artifact id."""
    seed: int = 0
    blind: bool = True
    """Names, scores and lengths are hidden, and sides are mixed."""
    selection: Selection = "random"
    size: int = Field(default=30, ge=1, le=100_000)
    """Questions of a random or targeted selection."""
    repeat_share: float = Field(default=0.1, ge=0.0, le=0.5)
    """Share of the questions that come again later, with sides swapped, without saying so."""
    filter: str = ""
    """Name of a filter that the items have gone through already; empty or `all`: none."""
    order: Order = "file"
    """Of the selection `all`; a random selection has its own order, a targeted one begins with the worst."""
    tag: str = ""
    """For the filter `tagged`."""
    reviewers: tuple[str, ...] = ()
    """Names among whom the work is dealt out; empty: everybody gets everything."""
    double_share: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the questions that everybody gets, so that agreement can be measured; the rest is dealt out."""


class QueueKey(NamedTuple):
    """Tells a question from its hidden repeat."""

    sample_id: str
    """Here and everywhere in a review: `ComparisonItem.key`."""
    repeat: bool = False


class QueueItem(StrictModel):
    """One place of a queue."""

    sample_id: str
    left: Side
    """Which side stands left."""
    repeat: bool = False
    selection: Selection = "all"
    """What a vote on it counts as. A filter or an order by outcome makes `targeted` of `all`."""

    @property
    def key(self) -> QueueKey:
        return QueueKey(self.sample_id, self.repeat)


class VoteDraft(StrictModel):
    """Everything a reviewer has entered on a question before the verdict; saved on every action."""

    comparison: str
    sample_id: str
    reviewer: str = Field(min_length=1, max_length=80)
    repeat: bool = False
    strength: Strength = ""
    correctness: dict[Side, Correctness] = Field(default_factory=dict[Side, Correctness])
    tags: dict[Side, tuple[str, ...]] = Field(default_factory=dict[Side, tuple[str, ...]])
    notes: tuple[PinnedNote, ...] = ()
    correction: Annotated[str, at_most(20000)] = ""
    states: dict[Side, HumanState] = Field(default_factory=dict[Side, HumanState])
    comment: Annotated[str, at_most(4000)] = ""
    at: float = 0.0


class ReviewSession(StrictModel):
    """Where a reviewer stopped: opening the comparison again goes on from here."""

    plan: ReviewPlan
    sample_id: str = ""
    repeat: bool = False
    at: float = 0.0

    @property
    def key(self) -> QueueKey:
        return QueueKey(self.sample_id, self.repeat)


class ReviewSettings(StrictModel):
    """What the people of a workspace have agreed on."""

    tags: tuple[str, ...] = DEFAULT_TAGS
    """Reasons on offer: codes of `DEFAULT_TAGS` or words of their own, in the order of the keys 1-9."""
    oracle_before_vote: bool = False
    """Mark the answering document already before the vote."""


class Done(NamedTuple):
    """That a reviewer has judged a question."""

    verdict: Verdict
    at: float


class Progress(StrictModel):
    """How far a reviewer is."""

    done: int
    total: int
    """Places of the queue, hidden repeats included: they must not be told apart by counting."""
    position: int
    """1-based place of the question shown; 0 where none is."""
    eta_seconds: float | None = None
    """At the pace of the last votes, breaks left out; None before the third vote."""


class Share(StrictModel):
    """A count out of a count, with its Wilson interval."""

    count: int
    n: int
    rate: Interval


class Agreement(StrictModel):
    """How far reviewers agree on questions that at least two judged. None where nothing can be said."""

    reviewers: int = 0
    questions: int = 0
    """Judged by at least two."""
    pairs: int = 0
    """Pairs of votes on the same question."""
    raw: float | None = None
    """Share of pairs with the same verdict. Stands beside the others, which collapse where one verdict rules."""
    kappa: float | None = None
    """Cohen's kappa over the four verdicts, for exactly two reviewers."""
    weighted_kappa: float | None = None
    """Linear weights over five points: clearly and slightly better, equal, slightly and clearly worse."""
    alpha: float | None = None
    """Krippendorff's alpha (nominal), for any number of reviewers and gaps."""


DisagreementKind = Literal["humans", "judge", "metric"]


class Disagreement(StrictModel):
    """A question on which verdicts differ."""

    sample_id: str
    kinds: tuple[DisagreementKind, ...]
    """Who differs: people among themselves, people and judge, people and the score."""
    verdicts: dict[str, Verdict]
    """By reviewer."""
    judge: Verdict | None = None
    metric: Verdict | None = None
    """The side with the better own score."""
    opposed: bool = False
    """One says baseline and another fine-tuned; else one is a tie or `both_bad`."""
    settled: Verdict | None = None
    """The adjudicated verdict."""


class MetricCheck(StrictModel):
    """How often the sign of a metric's change names the side that people prefer."""

    metric: str
    """Name of a score, `own_score`, `length` (the longer answer) or `judge`."""
    agree: int = 0
    n: int = 0
    """Questions with a decisive verdict on which the metric prefers a side too."""
    equal: int = 0
    """Questions with a decisive verdict on which the metric sees no difference."""
    rate: Interval
    p: float | None = None
    """Two-sided binomial test against a coin."""


class StateOverride(StrictModel):
    """A reviewer takes an answer for something else than the program does."""

    sample_id: str
    side: Side
    state: HumanState
    reviewer: str


class SelectionTally(StrictModel):
    """The votes on questions that came before reviewers in one way."""

    votes: int = 0
    samples: int = 0
    baseline: int = 0
    finetuned: int = 0
    tie: int = 0
    both_bad: int = 0
    win_rate: Interval
    """As in `VoteSummary`."""


class VoteSummary(StrictModel):
    """All valid votes on one comparison: each reviewer's latest verdict on each question.

    Hidden repeats and adjudications are in no count of votes.
    """

    comparison: str
    votes: int = 0
    samples: int = 0
    """Questions with at least one vote."""
    baseline: int = 0
    finetuned: int = 0
    tie: int = 0
    both_bad: int = 0
    win_rate: Interval
    """Share of questions won by `finetuned` among those that either side won, with its Wilson interval. Each
    question counts once: by its adjudication, else by the majority of its reviewers; a draw decides nothing.
    Questions of a targeted selection are left out, since they were picked by their outcome."""
    win_p: float | None = None
    """Two-sided binomial test against a coin."""
    votes_needed: int | None = None
    """Further decisive questions until a win rate like the present one is told from a coin at 95 % with 80 %
    power; 0: decided already; None: too few votes, or too even, to say."""
    by_selection: dict[Selection, SelectionTally] = Field(default_factory=dict[Selection, SelectionTally])
    """Never to be mixed: `random` is unbiased, `targeted` shows the worst."""
    left_share: Interval
    """Share of decisive votes for the side that stood left: far from one half, position decided."""
    left_p: float | None = None
    """Two-sided binomial test of that share; below 0.05 deserves a warning."""
    consistency: Share | None = None
    """Hidden repeats with the same verdict as the first time."""
    consistency_by: dict[str, Share] = Field(default_factory=dict[str, Share])
    """The same by reviewer."""
    disagreements: int = 0
    """Questions on which reviewers gave different verdicts."""
    adjudicated: int = 0
    """Those of them that were settled."""
    agreement: Agreement = Agreement()
    reviewers: dict[str, int] = Field(default_factory=dict[str, int])
    """Votes per reviewer."""
    tags: dict[Side, dict[str, int]] = Field(default_factory=dict[Side, dict[str, int]])
    """Votes that name a reason, by side."""
    correctness: dict[Side, dict[Correctness, int]] = Field(
        default_factory=dict[Side, dict[Correctness, int]]
    )
    corrections: int = 0
    """Votes with a corrected answer."""
    notes: int = 0
    overrides: tuple[StateOverride, ...] = ()
    """One per answer whose state people overrule: the adjudicator's, else the majority's, else the latest."""
    exported: int = 0
    """Questions that were exported as training data."""
