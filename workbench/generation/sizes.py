"""Sizes that a file of a given length allows."""

from __future__ import annotations

from workbench.generation.faq import FaqTable
from workbench.schemas.base import StrictModel

_SHARES = {"test": 0.15, "unseen": 0.10, "unanswerable": 0.15}
_MOST = {"train": 1000, "test": 200, "unseen": 100, "unanswerable": 100}
_VALID_SHARE = 0.05


class SuggestedSizes(StrictModel):
    """Rows per set, named as in `RaftConfig`."""

    train: int
    test: int
    unseen: int
    unanswerable: int


def suggest_sizes(table: FaqTable, group: str = "") -> SuggestedSizes:
    """About 60 % training, 15 % test, 10 % unseen and 15 % unanswerable, at most the usual sizes.

    Unseen rows come from other groups, so that they take nothing from the target; a twentieth of the training
    rows stays free for validation.
    """
    own = sum(not group or row.group == group for row in table.rows)
    others = len(table.rows) - own
    test = min(_MOST["test"], int(own * _SHARES["test"]))
    unanswerable = min(_MOST["unanswerable"], int(own * _SHARES["unanswerable"]))
    # two thirds of the others at most: the rest stands around the unseen rows as distractors
    unseen = min(_MOST["unseen"], int(len(table.rows) * _SHARES["unseen"]), others * 2 // 3)
    train = min(_MOST["train"], int((own - test - unanswerable) / (1 + _VALID_SHARE)) - own // 100)
    return SuggestedSizes(train=max(0, train), test=test, unseen=unseen, unanswerable=unanswerable)
