"""The verdicts of people: queues, votes in SQLite, several reviewers at once, and what it all adds up to."""

from workbench.review.agree import check_metric, check_metrics, find_disagreements, measure_agreement
from workbench.review.filters import FILTERS, FilterView, look, narrow
from workbench.review.overrides import apply_overrides
from workbench.review.publish import publish
from workbench.review.queue import ORDERS, Queue, build_queue, find_next, measure_progress, sort_items
from workbench.review.settle import adjudicate, collect_overrides, visible_votes
from workbench.review.sides import side_for
from workbench.review.store import VoteStore, to_draft, to_vote
from workbench.review.tally import tally

__all__ = [
    "FILTERS",
    "ORDERS",
    "FilterView",
    "Queue",
    "VoteStore",
    "adjudicate",
    "apply_overrides",
    "build_queue",
    "check_metric",
    "check_metrics",
    "collect_overrides",
    "find_disagreements",
    "find_next",
    "look",
    "measure_agreement",
    "measure_progress",
    "narrow",
    "publish",
    "side_for",
    "sort_items",
    "tally",
    "to_draft",
    "to_vote",
    "visible_votes",
]
