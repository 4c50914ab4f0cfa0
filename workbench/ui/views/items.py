"""Questions of a comparison one by one: filtering, and the payload of the answer view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from workbench.evaluation.items import filter_items
from workbench.i18n import Lang, t
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Side
from workbench.text.diff import diff

FILTERS = (
    "all",
    "rescued",
    "newly_refused",
    "worse",
    "better",
    "refusal_lost",
    "quote_missing",
    "important",
)
"""The filters on offer, of those of `workbench.evaluation`."""
KINDS = ("all", "answerable", "unseen", "unanswerable", "general")


class Choice(NamedTuple):
    """What a person wants to see."""

    filter: str = "all"
    kind: str = "all"
    search: str = ""


def select(items: Sequence[ComparisonItem], choice: Choice) -> list[ComparisonItem]:
    """The questions that a choice lets through, in reading order."""
    kept = filter_items(items, choice.filter if choice.filter in FILTERS else "all")
    if choice.kind in KINDS[1:]:
        kept = [item for item in kept if item.kind == choice.kind]
    word = choice.search.strip().casefold()
    return [item for item in kept if word in _haystack(item)] if word else kept


def _haystack(item: ComparisonItem) -> str:
    return "\n".join((item.question, item.baseline.prediction, item.finetuned.prediction)).casefold()


def count_filters(items: Sequence[ComparisonItem], lang: Lang) -> list[tuple[str, str]]:
    """The filters with the number of questions behind each, for a drop-down list."""
    return [
        (
            t(
                "compare_tab.filter.choice",
                lang,
                name=t(f"compare_tab.filter.{name}", lang),
                count=len(select(items, Choice(name))),
            ),
            name,
        )
        for name in FILTERS
    ]


def build_item(item: ComparisonItem, lang: Lang) -> dict[str, Any]:
    """What the answer view draws of one question: the baseline left, the fine-tuned answer right."""
    return {
        "id": item.key,
        "kind": item.kind,
        "question": item.question,
        "documents": list(item.documents),
        "target": item.target,
        "oracle_position": item.oracle_position,
        "left": _side(item.baseline, "baseline", lang),
        "right": _side(item.finetuned, "finetuned", lang),
        "diff": [
            {"op": part.op, "a": part.text_a, "b": part.text_b, "important": part.important}
            for part in diff(item.baseline.prediction, item.finetuned.prediction)
        ],
    }


def _side(answer: ScoredAnswer, side: Side, lang: Lang) -> dict[str, Any]:
    return {
        "label": t(f"compare_tab.answer.{side}", lang),
        "side": side,
        "text": answer.prediction,
        "state": answer.state,
        "quotes": [quote.model_dump() for quote in answer.quotes],
    }
