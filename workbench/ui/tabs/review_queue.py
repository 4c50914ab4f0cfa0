"""What a review reads again and again: questions, votes, and the order in which they come. Kept while unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from workbench.errors import NotFoundError, StateError
from workbench.evaluation.items import FILTERS as ITEM_FILTERS
from workbench.evaluation.items import filter_items
from workbench.review import VoteStore, side_for
from workbench.review.agree import find_disagreements
from workbench.review.filters import FILTERS as VOTE_FILTERS
from workbench.review.filters import look, narrow
from workbench.review.queue import Queue, build_queue, find_next, measure_progress
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import (
    Disagreement,
    Done,
    Progress,
    QueueItem,
    QueueKey,
    ReviewPlan,
    ReviewSession,
    VoteDraft,
)
from workbench.ui.context import UiContext
from workbench.ui.tabs.compare_page import load_items

ADJUDICATION = "#adjudication"
"""Behind a comparison's id: the drafts of the deciding verdicts, which must not mix with a reviewer's own."""


@lru_cache(maxsize=4)
def _votes(store: VoteStore, comparison: str, _stamp: tuple[int, ...]) -> tuple[Vote, ...]:
    return tuple(store.votes(comparison))


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes whenever a vote was saved."""
    found: list[int] = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            known = file.stat()
        except FileNotFoundError:
            continue
        found += [known.st_mtime_ns, known.st_size]
    return tuple(found)


def load_votes(ctx: UiContext, comparison: str) -> Sequence[Vote]:
    """Everybody's votes that count; read again only after one was saved."""
    return _votes(ctx.votes, comparison, _stamp(ctx.workspace.review_db))


def find_open_disagreements(ctx: UiContext, comparison: str) -> list[Disagreement]:
    """Questions on which people gave different verdicts; those that nobody has settled first."""
    found = find_disagreements(load_votes(ctx, comparison), load_items(ctx, comparison))
    return [one for one in found if "humans" in one.kinds]


def narrow_items(ctx: UiContext, plan: ReviewPlan, reviewer: str) -> Sequence[ComparisonItem]:
    """The questions that the plan's filter lets through.

    Raises:
        NotFoundError: No such comparison, or no such filter.
    """
    items = load_items(ctx, plan.comparison)
    if plan.filter in ("", "all"):
        return items
    if plan.filter in ITEM_FILTERS:
        return filter_items(items, plan.filter)
    if plan.filter not in VOTE_FILTERS:
        raise NotFoundError("review_filter_unknown", name=plan.filter)
    # who reviews blind sees nothing of what others said, not even by what is on the list
    votes = ctx.votes.votes(plan.comparison, reviewer if plan.blind else None)
    return narrow(items, plan.filter, look(items, votes, reviewer=reviewer, tag=plan.tag))


@lru_cache(maxsize=32)
def _queue(ctx: UiContext, plan_text: str, reviewer: str, _begun: float) -> Queue:
    # the plan travels as text, which a cache can tell from another
    plan = ReviewPlan.model_validate_json(plan_text)
    return build_queue(narrow_items(ctx, plan, reviewer), plan, reviewer)


@dataclass(frozen=True)
class Desk:
    """A reviewer at work: the plan, the places in their order, and what is done."""

    ctx: UiContext
    plan: ReviewPlan
    reviewer: str
    adjudicating: bool
    queue: Queue
    saved: QueueKey | None = None
    """Where the reviewer stopped."""
    disagreements: Mapping[str, Disagreement] | None = None

    @cached_property
    def done(self) -> Mapping[QueueKey, Done]:
        """What was judged when this was first asked: a verdict that was saved since needs a new desk."""
        if self.disagreements is None:
            return self.ctx.votes.done(self.plan.comparison, self.reviewer)
        found = self.disagreements.values()
        return {QueueKey(one.sample_id): Done(one.settled, 0.0) for one in found if one.settled is not None}

    @cached_property
    def items(self) -> Mapping[str, ComparisonItem]:
        return index_items(self.ctx, self.plan.comparison)

    def place(self, key: QueueKey) -> QueueItem:
        """The place of a key.

        Raises:
            StateError: The order holds no such place.
        """
        found = self.queue.find(key)
        if found is None:
            raise StateError("vote_nothing")
        return found

    def progress(self, key: QueueKey | None) -> Progress:
        return measure_progress(self.queue, self.done, key)

    def next(self, after: QueueKey | None) -> QueueItem | None:
        """The next open place; where all are done, simply the next one."""
        found = find_next(self.queue, self.done, after)
        if found is not None and found.key == after:
            return None
        return found

    def neighbour(self, key: QueueKey, by: int) -> QueueItem | None:
        """The place before (-1) or behind (1) a key in the order, None at the ends."""
        known = self.queue.places.get(key)
        place = 0 if known is None else known + by
        return self.queue[place] if 0 <= place < len(self.queue) else None

    def vote(self, key: QueueKey) -> Vote | None:
        """The reviewer's own verdict on a place."""
        if not self.adjudicating:
            return self.ctx.votes.vote_of(self.plan.comparison, self.reviewer, key)
        votes = self.ctx.votes.votes_on(self.plan.comparison, key.sample_id)
        mine = [vote for vote in votes if vote.adjudication and vote.reviewer == self.reviewer]
        return mine[-1] if mine else None

    @property
    def draft_room(self) -> str:
        """What drafts are kept under."""
        return f"{self.plan.comparison}{ADJUDICATION}" if self.adjudicating else self.plan.comparison

    def draft(self, key: QueueKey) -> VoteDraft | None:
        return self.ctx.votes.draft(self.draft_room, self.reviewer, key)


def index_items(ctx: UiContext, comparison: str) -> Mapping[str, ComparisonItem]:
    """The questions by id."""
    path = ctx.artifacts.file(comparison, "items.jsonl")
    return _index_of(ctx, comparison, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _index_of(ctx: UiContext, comparison: str, _modified_ns: int) -> Mapping[str, ComparisonItem]:
    return {item.key: item for item in load_items(ctx, comparison)}


def open_desk(ctx: UiContext, comparison: str, reviewer: str, *, adjudicating: bool = False) -> Desk:
    """Where a reviewer stopped.

    Raises:
        StateError: They never began; or, to decide between others, they are still reviewing blind themselves.
        NotFoundError: No such comparison.
    """
    if not reviewer:
        raise StateError("reviewer_missing")
    if adjudicating:
        return _open_adjudication(ctx, comparison, reviewer)
    session = ctx.votes.session(comparison, reviewer)
    if session is None:
        raise StateError("review_not_begun")
    return _seat_at(ctx, session, reviewer)


def _seat_at(ctx: UiContext, session: ReviewSession, reviewer: str) -> Desk:
    queue = _queue(ctx, session.plan.model_dump_json(), reviewer, session.at)
    saved = session.key if session.sample_id else None
    return Desk(ctx, session.plan, reviewer, False, queue, saved)


def _open_adjudication(ctx: UiContext, comparison: str, reviewer: str) -> Desk:
    if is_blind_open(ctx, comparison, reviewer):
        raise StateError("review_still_blind")
    found = {one.sample_id: one for one in find_open_disagreements(ctx, comparison)}
    queue = Queue(
        QueueItem(sample_id=name, left=side_for(0, comparison, name, reviewer), selection="targeted")
        for name in found
    )
    plan = ReviewPlan(comparison=comparison, blind=True)
    return Desk(ctx, plan, reviewer, True, queue, None, found)


def has_begun(ctx: UiContext, comparison: str, reviewer: str) -> bool:
    """Whether somebody of this name has begun to review, or has judged a question."""
    if not reviewer:
        return False
    if ctx.votes.session(comparison, reviewer) is not None:
        return True
    return any(vote.reviewer == reviewer for vote in load_votes(ctx, comparison))


def is_blind_open(ctx: UiContext, comparison: str, reviewer: str) -> bool:
    """Whether this reviewer is in the middle of a blind review: then nothing may colour the next verdict."""
    if not comparison or not reviewer:
        return False
    session = ctx.votes.session(comparison, reviewer)
    if session is None or not session.plan.blind:
        return False
    progress = _seat_at(ctx, session, reviewer).progress(None)
    return progress.done < progress.total
