"""The verdicts of people: votes in SQLite, several reviewers at once, and their summary as an artifact."""

from workbench.review.publish import publish
from workbench.review.sides import side_for
from workbench.review.store import VoteStore
from workbench.review.tally import tally

__all__ = ["VoteStore", "publish", "side_for", "tally"]
