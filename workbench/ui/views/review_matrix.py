"""Every question of a comparison in one list: both states and scores, the change, and what people said. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from workbench.i18n import Lang, t
from workbench.review.settle import adjudicate, first_looks, group_by_sample
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Vote
from workbench.schemas.review import Verdict
from workbench.text.figures import say_signed
from workbench.ui.views.html import Child, Html, el, fold, join, paragraph, table
from workbench.ui.views.review_item import SIDES, answer_of, find_own_score, say_kind
from workbench.ui.views.words import NOTHING, cut, say_decimal

SHOWN = 300
"""Rows of the list; the workbook has all of them."""
SHOWN_SOURCES = 50
QUESTION_CUT = 60
VERDICTS: tuple[Verdict, ...] = ("finetuned", "baseline", "tie", "both_bad")


def render_matrix(items: Sequence[ComparisonItem], votes: Sequence[Vote], lang: Lang) -> Html:
    """The figures by category and by the documents' source, and behind a click the list; questions with verdicts first."""
    by_sample = group_by_sample(first_looks(votes))
    ordered = sorted(items, key=lambda item: item.key not in by_sample)
    names = ("question", "category", "baseline", "finetuned", "change", "said")
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in names]
    rows = [_row(item, by_sample.get(item.key, ()), lang) for item in ordered[:SHOWN]]
    rest = len(ordered) - SHOWN
    more = (
        paragraph(t("review_tab.results.matrix_more", lang, n=rest), "wb-soft wb-tiny") if rest > 0 else None
    )
    listed = fold(
        t("review_tab.results.matrix_open", lang, n=len(items)), table(head, rows, numbers=(4,)), more
    )
    return join([render_categories(items, votes, lang), render_sources(items, votes, lang), listed])


def render_categories(items: Sequence[ComparisonItem], votes: Sequence[Vote], lang: Lang) -> Html:
    """By category: how many questions, how the score changed, and which side people prefer."""
    groups: dict[str, list[ComparisonItem]] = {}
    for item in items:
        groups.setdefault(say_category(item, lang), []).append(item)
    return _render_groups("category", groups, votes, lang)


def render_sources(items: Sequence[ComparisonItem], votes: Sequence[Vote], lang: Lang) -> Html | None:
    """The same by where the documents come from, the largest first; None where no question says."""
    groups: dict[str, list[ComparisonItem]] = {}
    for item in items:
        if item.source:
            groups.setdefault(item.source, []).append(item)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:SHOWN_SOURCES]
    return _render_groups("source", dict(largest), votes, lang) if largest else None


def _render_groups(
    first: str, groups: Mapping[str, Sequence[ComparisonItem]], votes: Sequence[Vote], lang: Lang
) -> Html:
    settled = adjudicate(votes)
    names = (first, "questions", "change", "won", "lost", "tie", "bad")
    head: list[Child] = [t(f"review_tab.col.{name}", lang) for name in names]
    rows = [_category_row(name, group, settled) for name, group in groups.items()]
    return table(head, rows, numbers=range(1, 7))


def say_category(item: ComparisonItem, lang: Lang) -> str:
    """The question's genre where its file names one, else its kind or its task."""
    return item.baseline.genre or say_kind(item, lang)


def _category_row(
    name: str, group: Sequence[ComparisonItem], settled: Mapping[str, Verdict | None]
) -> list[Child]:
    changes = [item.delta for item in group if item.delta is not None]
    said = Counter(settled.get(item.key) for item in group)
    mean = say_signed(sum(changes) / len(changes)) if changes else NOTHING
    return [name, f"{len(group):,}", mean, *(f"{said[verdict]:,}" for verdict in VERDICTS)]


def _row(item: ComparisonItem, votes: Sequence[Vote], lang: Lang) -> list[Child]:
    said = Counter(vote.verdict for vote in votes)
    told = [
        t("review_tab.results.said", lang, verdict=t(f"review.verdict.{verdict}", lang), n=said[verdict])
        for verdict in VERDICTS
        if said[verdict]
    ]
    return [
        cut(" ".join(item.question.split()), QUESTION_CUT),
        say_category(item, lang),
        *(_say_answer(answer_of(item, side), lang) for side in SIDES),
        NOTHING if item.delta is None else say_signed(item.delta),
        t("review.list_comma", lang).join(told) or NOTHING,
    ]


def _say_answer(answer: ScoredAnswer, lang: Lang) -> Child:
    state, own = t(f"review.state.{answer.state}", lang), find_own_score(answer)
    if own not in answer.scores:
        return state
    return join([state, " ", el("small", say_decimal(answer.scores[own]), cls="wb-soft")])
