"""Filters over questions that need the votes, or that the list of a comparison does not have itself.

A page offers them beside those of `workbench.evaluation`; each is a question to one item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.review.agree import find_disagreements
from workbench.review.settle import group_by_sample
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Vote
from workbench.schemas.review import DisagreementKind, Verdict
from workbench.text.sentences import split_sentences
from workbench.text.specifics import find_specifics

RIGHT = 1.0
_ANSWERED = frozenset({"answered", "partial"})


@dataclass(frozen=True)
class FilterView:
    """What a filter may look at besides the item."""

    reviewer: str = ""
    votes: Mapping[str, Sequence[Vote]] = field(default_factory=dict[str, Sequence[Vote]])
    """Votes that count, by question."""
    split: Mapping[str, Sequence[DisagreementKind]] = field(
        default_factory=dict[str, Sequence[DisagreementKind]]
    )
    """Who differs, by question."""
    tag: str = ""
    """For `tagged`; empty: any tag."""


Filter = Callable[[ComparisonItem, FilterView], bool]


def look(
    items: Sequence[ComparisonItem],
    votes: Sequence[Vote],
    *,
    reviewer: str = "",
    judge: Mapping[str, Verdict] | None = None,
    tag: str = "",
) -> FilterView:
    """What the filters need, from the items and the votes.

    Args:
        items: All questions.
        votes: Those that count. While reviewers are blind to each other, only the reviewer's own.
        reviewer: Whose `unreviewed` is meant; empty: anybody's.
        judge: The judge's verdict by question.
        tag: For the filter `tagged`.
    """
    split = {one.sample_id: one.kinds for one in find_disagreements(votes, items, judge)}
    return FilterView(reviewer, group_by_sample(votes), split, tag)


def narrow(items: Sequence[ComparisonItem], name: str, view: FilterView) -> list[ComparisonItem]:
    """The items that a filter lets through.

    Raises:
        KeyError: There is no such filter.
    """
    kept = FILTERS[name]
    return [item for item in items if kept(item, view)]


def _is_reviewed(item: ComparisonItem, view: FilterView) -> bool:
    return any(
        view.reviewer in ("", vote.reviewer) and not vote.repeat for vote in view.votes.get(item.key, ())
    )


def _is_tagged(item: ComparisonItem, view: FilterView) -> bool:
    tags = {tag for vote in view.votes.get(item.key, ()) for given in vote.tags.values() for tag in given}
    return view.tag in tags if view.tag else bool(tags)


def _is_split(*kinds: DisagreementKind) -> Filter:
    return lambda item, view: any(kind in view.split.get(item.key, ()) for kind in kinds)


def _conclusion_changed(item: ComparisonItem, view: FilterView) -> bool:
    """Refused against answered, another extracted answer, or a first sentence that is negated on one side."""
    before, after = item.baseline, item.finetuned
    if (before.state in _ANSWERED) != (after.state in _ANSWERED):
        return True
    if before.extracted or after.extracted:
        return before.extracted != after.extracted
    return item.differs and before.state in _ANSWERED and _polarity(before) != _polarity(after)


def _polarity(answer: ScoredAnswer) -> list[str]:
    sentences = split_sentences(answer.prediction)
    first = sentences[0].text if sentences else ""
    return [found.value for found in find_specifics(first) if found.kind == "negation"]


def _one_right(item: ComparisonItem, view: FilterView) -> bool:
    """One answer is right and the other is not: as people marked both, else by the full score of the question."""
    for vote in reversed(view.votes.get(item.key, ())):
        if len(vote.correctness) == 2:
            return list(vote.correctness.values()).count("right") == 1
    return _is_right(item.baseline) != _is_right(item.finetuned)


def _is_right(answer: ScoredAnswer) -> bool:
    name = answer.primary or _OWN_SCORE.get(answer.kind, "char_f1")
    return answer.scores.get(name, 0.0) >= RIGHT


_OWN_SCORE = {
    "general": "correct",
    "unanswerable": "refused",
    "answerable": "oracle_quote",
    "unseen": "oracle_quote",
}

FILTERS: dict[str, Filter] = {
    "unreviewed": lambda item, view: not _is_reviewed(item, view),
    "reviewed": _is_reviewed,
    "split": _is_split("humans", "judge", "metric"),
    "split_humans": _is_split("humans"),
    "split_judge": _is_split("judge"),
    "split_metric": _is_split("metric"),
    "tagged": _is_tagged,
    "corrected": lambda item, view: any(vote.correction.strip() for vote in view.votes.get(item.key, ())),
    "noted": lambda item, view: any(vote.notes or vote.comment for vote in view.votes.get(item.key, ())),
    "conclusion": _conclusion_changed,
    "one_right": _one_right,
}
"""Their words are `review.filter.<name>`."""
