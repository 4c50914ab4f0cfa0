"""What became of each question between two evaluations, and the filters of the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from workbench.artifacts import read_jsonl
from workbench.evaluation.summary import has_reference, is_true
from workbench.schemas.comparison import ComparisonItem, ItemCategory
from workbench.schemas.evaluation import ScoredAnswer
from workbench.text.diff import important_differences

ANSWERED = frozenset({"answered", "partial"})
_SAME = 1e-9
_LENGTH_RATIO = 2.0


def pair_answers(before: ScoredAnswer, after: ScoredAnswer) -> ComparisonItem:
    """One question with both answers."""
    delta = own_score_change(before, after)
    differs = before.prediction != after.prediction
    return ComparisonItem(
        id=before.id,
        kind=before.kind,
        task=before.task,
        question=before.question,
        documents=before.documents,
        target=before.target,
        oracle_position=before.oracle_position,
        # the prompts stay in the evaluations: here they would stand twice, beside the documents
        baseline=before.model_copy(update={"messages": ()}),
        finetuned=after.model_copy(update={"messages": ()}),
        delta=delta,
        category=categorise(before, after, delta),
        differs=differs,
        important=differs and bool(important_differences(before.prediction, after.prediction)),
    )


def own_score(answer: ScoredAnswer) -> float:
    """The question's own score: F1 with anything but an answer as 0, right refusal, right label, or the task's."""
    if answer.primary:
        return answer.scores.get(answer.primary, 0.0)
    if has_reference(answer):
        return answer.scores.get("char_f1", 0.0) if answer.state in ANSWERED else 0.0
    return float(is_true(answer, "correct" if answer.kind == "general" else "refused"))


def own_score_change(before: ScoredAnswer, after: ScoredAnswer) -> float | None:
    """Change of the own score, None where a side ended in an error."""
    if "error" in (before.state, after.state):
        return None
    return own_score(after) - own_score(before)


def categorise(before: ScoredAnswer, after: ScoredAnswer, delta: float | None) -> ItemCategory:
    """What became of a question."""
    if delta is None:
        return "failed"
    if before.kind == "task":
        return "task_same" if abs(delta) <= _SAME else "task_gained" if delta > 0 else "task_lost"
    if before.kind == "general":
        return "general_gained" if delta > 0 else "general_lost" if delta < 0 else "general_same"
    refused = (before.state == "refused", after.state == "refused")
    if before.kind == "unanswerable":
        return _UNANSWERABLE[refused]
    answered = (before.state in ANSWERED, after.state in ANSWERED)
    if answered == (True, True):
        if abs(delta) <= _SAME:
            return "both_answered_same"
        return "both_answered_better" if delta > 0 else "both_answered_worse"
    if refused == (True, True):
        return "both_refused"
    if refused[0] and answered[1]:
        return "rescued"
    return "newly_refused" if answered[0] and refused[1] else "no_answer"


_UNANSWERABLE: dict[tuple[bool, bool], ItemCategory] = {
    (False, True): "refusal_gained",
    (True, False): "refusal_lost",
    (True, True): "both_refuse_rightly",
    (False, False): "both_answer_wrongly",
}


def read_items(path: Path) -> list[ComparisonItem]:
    """The items of a comparison's `items.jsonl`."""
    return [ComparisonItem.model_validate(line) for line in read_jsonl(path)]


def filter_items(items: Sequence[ComparisonItem], name: str) -> list[ComparisonItem]:
    """The items that a filter lets through; `better` and `worse` with the largest change first.

    Raises:
        KeyError: There is no such filter.
    """
    kept = [item for item in items if FILTERS[name](item)]
    if name in _SORTED:
        kept.sort(key=lambda item: abs(item.delta or 0.0), reverse=True)
    return kept


def _quote_missing(item: ComparisonItem) -> bool:
    return any(quote.state in ("unsupported", "misattributed") for quote in item.finetuned.quotes)


def _length_differs(item: ComparisonItem) -> bool:
    lengths = sorted(len(answer.prediction) for answer in (item.baseline, item.finetuned))
    return lengths[1] > _LENGTH_RATIO * max(1, lengths[0])


FILTERS: Mapping[str, Callable[[ComparisonItem], bool]] = {
    "all": lambda item: True,
    "better": lambda item: (item.delta or 0.0) > _SAME,
    "worse": lambda item: (item.delta or 0.0) < -_SAME,
    "rescued": lambda item: item.category == "rescued",
    "newly_refused": lambda item: item.category == "newly_refused",
    "refusal_lost": lambda item: item.category == "refusal_lost",
    "partial": lambda item: "partial" in (item.baseline.state, item.finetuned.state),
    "quote_missing": _quote_missing,
    "important": lambda item: item.important,
    "length": _length_differs,
    "differs": lambda item: item.differs,
    "failed": lambda item: item.category in ("failed", "no_answer"),
}
_SORTED = frozenset({"better", "worse"})
