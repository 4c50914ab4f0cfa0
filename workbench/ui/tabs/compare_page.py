"""The comparison page's plain functions: one question at a time, verdicts, export."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.utils import get_upload_folder

from workbench.errors import InputError, StateError
from workbench.evaluation import read_items
from workbench.schemas.base import parse
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Vote
from workbench.ui.components import command_payload, render_answer_view
from workbench.ui.context import UiContext
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import comparison as view
from workbench.ui.views import items as one
from workbench.ui.views.html import Html, chip, el, join, paragraph
from workbench.ui.views.words import say_date

LISTED = 30
ARROWS = {"left": "←", "tie": "↓", "right": "→", "bad": "↑"}
NAME_LENGTH = 80


class Page(NamedTuple):
    """What a person has chosen on the page."""

    comparison: str
    filter: str
    kind: str
    search: str
    reviewer: str
    blind: bool
    current: str
    """Id of the question on display; empty: the first."""

    @classmethod
    def of(cls, values: Sequence[Any]) -> Page:
        comparison, filter_, kind, search, reviewer, blind, current = values
        return cls(
            comparison=str(comparison or ""),
            filter=str(filter_ or "all"),
            kind=str(kind or "all"),
            search=str(search or ""),
            reviewer=str(reviewer or "").strip()[:NAME_LENGTH],
            blind=bool(blind),
            current=str(current or ""),
        )

    @property
    def choice(self) -> one.Choice:
        return one.Choice(self.filter, self.kind, self.search)


@lru_cache(maxsize=4)
def _items(path: Path, _modified_ns: int) -> tuple[ComparisonItem, ...]:
    return tuple(read_items(path))


def load_items(ctx: UiContext, comparison: str) -> tuple[ComparisonItem, ...]:
    """The questions of a comparison; read once while the file stays the same.

    Raises:
        NotFoundError: No such comparison.
    """
    path = ctx.artifacts.file(comparison, "items.jsonl")
    return _items(path, path.stat().st_mtime_ns)


def list_comparisons(ctx: UiContext, chosen: str | None) -> list[Any]:
    """The comparisons on disk; the chosen one stays chosen while it exists."""
    found = ctx.artifacts.list("comparison")[:LISTED]
    choices = [
        (ctx.t("compare_tab.choice", name=item.name, date=say_date(item.created_at)), item.id)
        for item in found
    ]
    ids = [item.id for item in found]
    return [
        gr.update(
            choices=choices, value=chosen if chosen in ids else next(iter(ids), None), visible=bool(ids)
        )
    ]


def show_comparison(ctx: UiContext, comparison: str | None) -> list[Any]:
    """Sentences, figures, and the command, of the chosen comparison."""
    if not comparison:
        return [paragraph(ctx.t("compare_tab.none"), "wb-empty"), "", command_payload([])]
    summary = view.read_summary(ctx.artifacts.folder(comparison))
    job = ctx.artifacts.get(comparison).job_id
    command = command_payload(["workbench", "jobs", "show", job] if job else [])
    return [view.render_summary(summary, ctx.lang), view.render_figures(summary, ctx.lang), command]


def show(ctx: UiContext, page: Page) -> list[Any]:
    """One question with its answers.

    Returns:
        Values for `Parts.shown`.
    """
    if not page.comparison:
        return ["", render_answer_view(None, ctx.lang), "", SKIP, "", SKIP, SKIP]
    items = load_items(ctx, page.comparison)
    votes = ctx.votes.votes(page.comparison)
    own = {vote.sample_id: vote for vote in votes if vote.reviewer == page.reviewer}
    found = one.select(items, page.choice, own.keys())
    item = next((item for item in found if item.id == page.current), next(iter(found), None))
    filters = gr.update(choices=one.count_filters(items, own.keys(), ctx.lang))
    place = found.index(item) + 1 if item else 0
    progress = render_progress(ctx, page, len(own), len(items), place, len(found))
    drawn = draw(ctx, page, item, own)
    return [
        item.id if item else "",
        drawn,
        progress,
        filters,
        tell_votes(ctx, page),
        *_vote_labels(ctx, page.blind),
    ]


def draw(ctx: UiContext, page: Page, item: ComparisonItem | None, own: dict[str, Vote]) -> str:
    """The payload of the answer view."""
    if item is None:
        return render_answer_view(None, ctx.lang)
    seat = one.seat_sides(page.comparison, item.id, page.reviewer, page.blind)
    said = [one.say_verdict(own[item.id], seat, page.blind, ctx.lang)] if item.id in own else []
    return render_answer_view(one.build_item(item, seat, page.blind, ctx.lang), ctx.lang, said)


def tell_votes(ctx: UiContext, page: Page) -> Html:
    """The verdicts so far; hidden while names are, because they would colour the next one."""
    title = el("h2", ctx.t("compare_tab.votes"))
    if page.blind:
        return join([title, paragraph(ctx.t("compare_tab.votes.hidden"), "wb-soft wb-tiny")])
    return join([title, view.render_votes(ctx.votes.summary(page.comparison), ctx.lang)])


def render_progress(ctx: UiContext, page: Page, done: int, total: int, place: int, count: int) -> Html:
    """How many questions this reviewer has judged, and where in the list we are."""
    share = done / total if total else 0.0
    fill = el("i", style=f"width:{share * 100:.1f}%")
    parts = [
        el("b", ctx.t("compare_tab.progress", done=done, total=total)),
        el(
            "span", fill, cls="wb-bar wv-progress-bar", role="progressbar", aria_valuenow=f"{share * 100:.0f}"
        ),
        el("span", ctx.t("compare_tab.progress.place", place=place, count=count), cls="wb-soft wb-tiny"),
        chip(ctx.t("compare_tab.hidden")) if page.blind else None,
        el("span", f"{page.reviewer or '–'} · {ctx.t('compare_tab.saved')}", cls="wb-soft wb-tiny wv-right"),
    ]
    if count == 0:
        parts.append(el("p", ctx.t("compare_tab.empty_filter"), cls="wb-empty wv-whole"))
    return el("div", *parts, cls="wv-progress")


def _vote_labels(ctx: UiContext, blind: bool) -> list[Any]:
    left, right = ("a", "b") if blind else ("baseline", "finetuned")
    names = {"left": left, "right": right}
    return [gr.update(value=vote_label(ctx, place, name)) for place, name in names.items()]


def vote_label(ctx: UiContext, place: str, name: str) -> str:
    """A verdict button's text with the key that presses it."""
    return f"{ARROWS[place]} {ctx.t(f'compare_tab.vote.{name}')}"


def step(ctx: UiContext, page: Page, by: int) -> list[Any]:
    """The next or the previous question of the list; at its end it stays."""
    items = load_items(ctx, page.comparison) if page.comparison else ()
    own = {vote.sample_id for vote in ctx.votes.votes(page.comparison, page.reviewer)}
    found = one.select(items, page.choice, own)
    ids = [item.id for item in found]
    place = ids.index(page.current) if page.current in ids else 0
    target = ids[max(0, min(len(ids) - 1, place + by))] if ids else ""
    return show(ctx, page._replace(current=target))


def cast_vote(ctx: UiContext, pressed: str, page: Page, comment: str) -> list[Any]:
    """Save a verdict and go on to the next question.

    Raises:
        StateError: No name, or no question on display.
        ConfigError: The comment is too long.
    """
    if not page.reviewer:
        raise StateError("reviewer_missing")
    items = load_items(ctx, page.comparison) if page.comparison else ()
    ids = {item.id for item in items}
    if page.current not in ids:
        raise StateError("vote_nothing")
    own = {vote.sample_id for vote in ctx.votes.votes(page.comparison, page.reviewer)}
    following = _following(one.select(items, page.choice, own), page.current)
    seat = one.seat_sides(page.comparison, page.current, page.reviewer, page.blind)
    values = {
        "comparison": page.comparison,
        "sample_id": page.current,
        "reviewer": page.reviewer,
        "verdict": one.verdict_of(pressed, seat),
        "left": seat.left,
        "comment": (comment or "").strip(),
    }
    ctx.votes.cast(parse(Vote, values))
    return ["", *show(ctx, page._replace(current=following or page.current))]


def _following(found: Sequence[ComparisonItem], current: str) -> str:
    """The question after the current one, as the list was before the verdict; empty at its end."""
    ids = [item.id for item in found]
    place = ids.index(current) + 1 if current in ids else 0
    return ids[place] if place < len(ids) else ""


def undo_vote(ctx: UiContext, page: Page) -> list[Any]:
    """Take back this reviewer's last verdict and show its question again.

    Raises:
        StateError: There is none.
    """
    taken = ctx.votes.undo(page.comparison, page.reviewer) if page.comparison and page.reviewer else None
    if taken is None:
        raise StateError("vote_none")
    return show(ctx, page._replace(current=taken.sample_id))


def export_votes(ctx: UiContext, comparison: str | None) -> Any:
    """Write all questions with all verdicts as CSV where the page may serve it from.

    Raises:
        InputError: No comparison was chosen.
    """
    if not comparison:
        raise InputError("comparison_not_chosen")
    folder = Path(get_upload_folder()) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ctx.artifacts.get(comparison).id}-votes.csv"
    path.write_bytes(one.build_csv(load_items(ctx, comparison), ctx.votes.votes(comparison), ctx.lang))
    return gr.update(value=str(path))


def refresh(ctx: UiContext, *values: Any) -> list[Any]:
    """What another reviewer may have changed meanwhile: the verdicts."""
    page = Page.of(values)
    return [tell_votes(ctx, page) if page.comparison else ""]
