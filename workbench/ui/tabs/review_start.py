"""The card before a review: which comparison, who, and which questions; and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import NotFoundError
from workbench.evaluation.items import FILTERS as ITEM_FILTERS
from workbench.review.filters import FILTERS as VOTE_FILTERS
from workbench.schemas.base import parse
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import Order, ReviewPlan
from workbench.ui.context import UiContext
from workbench.ui.tabs.compare_page import LISTED, load_items
from workbench.ui.tabs.review_queue import find_open_disagreements, is_blind_open, load_votes, open_desk
from workbench.ui.tabs.review_requests import Ask, Begin
from workbench.ui.views.evaluation import name_artifact
from workbench.ui.views.review_item import say_tag
from workbench.ui.views.words import say_date

OFFERED = (
    *("better", "worse", "rescued", "newly_refused", "conclusion", "important", "quote_missing"),
    *("split", "length", "one_right", "unreviewed", "tagged", "corrected", "noted"),
)
"""The filters on offer, of questions and of votes, in the order of the list."""
ORDERS: tuple[Order, ...] = ("file", "random", "better", "worse", "length")


def start(ctx: UiContext, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the start card offers: comparisons, names, filters, and where this reviewer stopped."""
    ask = parse(Ask, given)
    found = ctx.artifacts.list("comparison")[:LISTED]
    ids = [item.id for item in found]
    chosen = ask.comparison if ask.comparison in ids else next(iter(ids), "")
    listed = [
        {
            "id": item.id,
            "label": ctx.t(
                "compare_tab.choice",
                name=name_artifact(item, ctx.lang),
                date=say_date(item.created_at),
            ),
        }
        for item in found
    ]
    told = {"comparisons": listed, "comparison": chosen}
    return told | (_tell_comparison(ctx, chosen, ask.reviewer) if chosen else {})


def _tell_comparison(ctx: UiContext, comparison: str, reviewer: str) -> dict[str, Any]:
    items = load_items(ctx, comparison)
    count = ctx.votes.count(comparison)
    hidden = is_blind_open(ctx, comparison, reviewer)
    split = [] if hidden else find_open_disagreements(ctx, comparison)
    waiting = sum(one.settled is None for one in split)
    return {
        "facts": ctx.t("review_tab.facts", n=len(items), differ=sum(item.differs for item in items)),
        "names": list(count),
        "filters": _offer_filters(ctx, comparison),
        "tags": _offer_tags(ctx, load_votes(ctx, comparison)),
        "orders": [[name, ctx.t(f"review.order.{name}")] for name in ORDERS],
        "resume": _say_session(ctx, comparison, reviewer),
        "split": len(split),
        "split_text": ctx.t(
            "review_tab.mode.adjudicate.hidden" if hidden else "review_tab.mode.adjudicate.count",
            open=waiting,
            count=len(split),
        ),
    }


def _offer_filters(ctx: UiContext, comparison: str) -> list[list[str]]:
    items = load_items(ctx, comparison)
    offered: list[list[str]] = []
    for name in OFFERED:
        label = say_filter(ctx, name)
        if name in ITEM_FILTERS:
            label = ctx.t("review_tab.filter.count", name=label, n=sum(map(ITEM_FILTERS[name], items)))
        offered.append([name, label])
    return offered


def _offer_tags(ctx: UiContext, votes: Sequence[Vote]) -> list[list[str]]:
    """Any tag, those on offer, and those that votes bear from before the offer was changed.

    Without counts: whoever is about to review blind learns nothing about a question.
    """
    used = sorted({tag for vote in votes for given in vote.tags.values() for tag in given})
    tags = dict.fromkeys([*ctx.votes.settings().tags, *used])
    return [["", ctx.t("review_tab.tag.any")], *([tag, say_tag(tag, ctx.lang)] for tag in tags)]


def say_filter(ctx: UiContext, name: str) -> str:
    """A filter's words: those of the votes have their own, the others are also those of the comparison page."""
    return ctx.t(f"review.filter.{name}" if name in VOTE_FILTERS else f"compare_tab.filter.{name}")


def _say_session(ctx: UiContext, comparison: str, reviewer: str) -> dict[str, Any] | None:
    if not reviewer or ctx.votes.session(comparison, reviewer) is None:
        return None
    desk = open_desk(ctx, comparison, reviewer)
    progress = desk.progress(None)
    return {
        "text": ctx.t(
            "review_tab.resume.text",
            selection=say_selection(ctx, desk.plan),
            done=progress.done,
            total=progress.total,
        ),
        "finished": progress.done >= progress.total,
    }


def make_plan(ask: Begin) -> ReviewPlan:
    """The plan behind a choice of the start card.

    Raises:
        NotFoundError: No such filter.
    """
    if ask.mode == "filter" and ask.filter not in (*ITEM_FILTERS, *VOTE_FILTERS, ""):
        raise NotFoundError("review_filter_unknown", name=ask.filter)
    values: dict[str, Any] = {"comparison": ask.comparison, "blind": ask.blind}
    if ask.mode == "random":
        values |= {"selection": "random", "size": ask.size}
    elif ask.mode == "worst":
        values |= {"selection": "targeted", "size": ask.size}
    else:
        values |= {"selection": "all"}
        values |= {"filter": ask.filter, "order": ask.order} if ask.mode == "filter" else {}
        # with another filter a tag means nothing, and must not make another plan
        values |= {"tag": ask.tag} if values.get("filter") == "tagged" else {}
    return parse(ReviewPlan, values)


def say_selection(ctx: UiContext, plan: ReviewPlan) -> str:
    """What the reviewer goes through, in a few words."""
    if plan.selection != "all":
        return ctx.t(f"review_tab.selection.{plan.selection}", n=plan.size)
    if plan.filter == "tagged" and plan.tag:
        return ctx.t("review_tab.selection.tagged", tag=say_tag(plan.tag, ctx.lang))
    if plan.filter:
        return say_filter(ctx, plan.filter)
    return ctx.t("review_tab.selection.all")
