"""The comparison page's plain functions: what came out, and one question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from workbench.evaluation.genres import break_down
from workbench.evaluation.items import read_items
from workbench.evaluation.pairing import key_of
from workbench.schemas.comparison import ComparisonItem
from workbench.ui.components import command_payload, render_answer_view
from workbench.ui.context import UiContext
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import comparison as view
from workbench.ui.views import items as one
from workbench.ui.views.evaluation import name_artifact
from workbench.ui.views.html import Html, el, fold, join, paragraph
from workbench.ui.views.run_table import render_genres
from workbench.ui.views.words import say_date

LISTED = 30
NAME_LENGTH = 80


class Page(NamedTuple):
    """What a person has chosen on the page."""

    comparison: str
    filter: str
    kind: str
    search: str
    current: str
    """Id of the question on display; empty: the first."""

    @classmethod
    def of(cls, values: Sequence[Any]) -> Page:
        comparison, filter_, kind, search, current = values
        return cls(
            comparison=str(comparison or ""),
            filter=str(filter_ or "all"),
            kind=str(kind or "all"),
            search=str(search or ""),
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
        (
            ctx.t(
                "compare_tab.choice",
                name=name_artifact(item, ctx.lang),
                date=say_date(item.created_at),
            ),
            item.id,
        )
        for item in found
    ]
    ids = [item.id for item in found]
    value = chosen if chosen in ids else next(iter(ids), None)
    return [gr.update(choices=choices, value=value, visible=bool(ids)), gr.update(visible=bool(ids))]


def show_comparison(ctx: UiContext, comparison: str | None) -> list[Any]:
    """Sentences, figures, and the command, of the chosen comparison."""
    if not comparison:
        return [paragraph(ctx.t("compare_tab.none"), "wb-empty"), "", command_payload([])]
    summary = view.read_summary(ctx.artifacts.folder(comparison))
    job = ctx.artifacts.get(comparison).job_id
    command = command_payload(["workbench", "jobs", "show", job] if job else [])
    figures = join([view.render_figures(summary, ctx.lang), render_sources(ctx, comparison)])
    return [view.render_summary(summary, ctx.lang), figures, command]


def render_sources(ctx: UiContext, comparison: str) -> Html | None:
    """Behind a click: errors and what changed, by where the documents come from; None where no question says."""
    items = [item for item in load_items(ctx, comparison) if item.source]
    if not items:
        return None
    sources = {key_of(item.finetuned): item.source for item in items}
    found = break_down([item.finetuned for item in items], sources, [item.baseline for item in items])
    return fold(ctx.t("genres.by_source"), render_genres(found, ctx.lang, by_source=True))


def show(ctx: UiContext, page: Page) -> list[Any]:
    """One question with its answers.

    Returns:
        Values for `Parts.shown`.
    """
    if not page.comparison:
        return ["", render_answer_view(None, ctx.lang), "", SKIP]
    items = load_items(ctx, page.comparison)
    found = one.select(items, page.choice)
    item = next((item for item in found if item.key == page.current), next(iter(found), None))
    place = found.index(item) + 1 if item else 0
    drawn = render_answer_view(one.build_item(item, ctx.lang) if item else None, ctx.lang)
    filters = gr.update(choices=one.count_filters(items, ctx.lang))
    return [item.key if item else "", drawn, render_place(ctx, place, len(found)), filters]


def render_place(ctx: UiContext, place: int, count: int) -> Html:
    """Where in the list we are."""
    if count == 0:
        return el("p", ctx.t("compare_tab.empty_filter"), cls="wb-empty")
    return el("p", ctx.t("compare_tab.progress.place", place=place, count=count), cls="wb-soft wb-tiny")


def step(ctx: UiContext, page: Page, by: int) -> list[Any]:
    """The next or the previous question of the list; at its end it stays."""
    items = load_items(ctx, page.comparison) if page.comparison else ()
    ids = [item.key for item in one.select(items, page.choice)]
    place = ids.index(page.current) if page.current in ids else 0
    target = ids[max(0, min(len(ids) - 1, place + by))] if ids else ""
    return show(ctx, page._replace(current=target))
