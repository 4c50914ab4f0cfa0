"""Beside the review desk: what the verdicts add up to, the exports, and the reasons on offer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from workbench.artifacts import write_bytes_atomic
from workbench.errors import InputError, StateError
from workbench.i18n import LANGUAGES
from workbench.pipeline.expert import recount
from workbench.pipeline.gate_memory import recall_note
from workbench.review import publish
from workbench.review.agree import check_metrics
from workbench.review.exports import EXPORTS
from workbench.review.publish import save_export
from workbench.schemas.base import parse
from workbench.schemas.evaluation import Vote
from workbench.schemas.review import DEFAULT_TAGS, ReviewSettings, VoteSummary
from workbench.ui.components import to_json
from workbench.ui.context import UiContext
from workbench.ui.handlers import read_event
from workbench.ui.tabs.compare_page import load_items
from workbench.ui.tabs.review_queue import has_begun, is_blind_open, load_votes
from workbench.ui.tabs.review_sources import read_judge
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.review_item import say_tag
from workbench.ui.views.review_matrix import render_matrix
from workbench.ui.views.review_results import render_recount, render_results

MAX_TAGS = 30
MAX_TAG = 40
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
"""Characters that no system takes in a file name."""


def read_where(ctx: UiContext, event: gr.EventData) -> dict[str, str]:
    """The comparison and the name that the desk is at."""
    data = read_event(event)
    return {name: str(data.get(name) or "") for name in ("comparison", "reviewer")}


def open_results(
    ctx: UiContext, where: dict[str, str] | None, agreed: dict[str, str] | None = None
) -> list[Any]:
    """The panel of results, for somebody who may still be about to judge without names.

    Args:
        ctx: The page's context.
        where: The comparison and the name that the desk is at.
        agreed: The same at which somebody wanted to see the results without having judged.

    Returns:
        The panel, and whether the button that asks for the results all the same shows.
    """
    comparison, reviewer = (where or {}).get("comparison", ""), (where or {}).get("reviewer", "")
    early = bool(comparison) and where != agreed and not has_begun(ctx, comparison, reviewer)
    if early:
        return [paragraph(ctx.t("review_tab.results.early"), "wb-soft"), gr.update(visible=True)]
    return [show_results(ctx, where), gr.update(visible=False)]


def show_anyway(ctx: UiContext, where: dict[str, str] | None) -> list[Any]:
    """The results for somebody who has not judged and says so; and where that was said, for the next time."""
    return [*open_results(ctx, where, where), where]


def show_results(ctx: UiContext, where: dict[str, str] | None) -> str:
    """The results; closed while the one who looks is in the middle of a blind review."""
    comparison, reviewer = (where or {}).get("comparison", ""), (where or {}).get("reviewer", "")
    if not comparison:
        return paragraph(ctx.t("review_tab.results.none"), "wb-soft")
    if is_blind_open(ctx, comparison, reviewer):
        return paragraph(ctx.t("review_tab.results.hidden"), "wb-soft")
    items, votes = load_items(ctx, comparison), load_votes(ctx, comparison)
    judge = read_judge(ctx, comparison)
    summary = ctx.votes.summary(comparison)
    found = render_results(summary, check_metrics(items, votes, judge or None), ctx.lang)
    title = el("h3", ctx.t("review_tab.results.matrix"))
    return join([found, title, render_matrix(items, votes, ctx.lang), _show_recount(ctx, summary, votes)])


def _show_recount(ctx: UiContext, summary: VoteSummary, votes: Sequence[Vote]) -> Html | None:
    if not summary.overrides:
        return None
    before, after = (recount(ctx.artifacts, summary.comparison, one).summary for one in ((), votes))
    return render_recount(len(summary.overrides), before, after, ctx.lang)


def show_exports(ctx: UiContext) -> str:
    """The formats with a sentence each, as JSON for the table."""
    save = {
        "verb": "save",
        "label": ctx.t("review_tab.export.save"),
        "hint": ctx.t("review_tab.export.save"),
        "careful": False,
    }
    rows = [
        {
            "id": name,
            "cells": [ctx.t(f"review.export.{name}"), ctx.t(f"review_tab.export.{name}")],
            "actions": [save],
        }
        for name in EXPORTS
    ]
    columns = [ctx.t("review_tab.export.format"), ctx.t("review_tab.export.what")]
    return to_json({"columns": columns, "rows": rows})


def press_export(ctx: UiContext, where: dict[str, str] | None, event: gr.EventData) -> list[Any]:
    """Write one format where the page may serve it from, and remember what went into a training file.

    Returns:
        The download, and a sentence about it.

    Raises:
        InputError: No comparison, or no such format.
        StateError: Nothing to export, or the one who asks is still reviewing blind.
    """
    return write_export(ctx, where or {}, str(read_event(event).get("row", "")))


def write_export(ctx: UiContext, where: dict[str, str], name: str) -> list[Any]:
    """See `press_export`."""
    comparison = where.get("comparison", "")
    if not comparison:
        raise InputError("comparison_not_chosen")
    if is_blind_open(ctx, comparison, where.get("reviewer", "")):
        raise StateError("review_export_blind")
    gate = recall_note(ctx.workspace, ctx.artifacts.get(comparison), ctx.lang)
    done = save_export(ctx.votes, ctx.artifacts, comparison, name, ctx.lang, gate=gate)
    folder = Path(get_upload_folder()) / "exports" / ctx.artifacts.get(comparison).id
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (_UNSAFE.sub("_", done.name).strip(" .") or f"review-{name}")
    write_bytes_atomic(path, done.data)
    return [gr.update(value=str(path)), tell_export(ctx, path.name, done.rows, done.rebuilt)]


def tell_export(ctx: UiContext, name: str, rows: int, rebuilt: int) -> Html:
    """What was written, and that its questions are kept out of later tests."""
    lines = [paragraph(ctx.t("review_tab.export.done", name=name))]
    if rows:
        lines.append(paragraph(ctx.t("review_tab.export.rows", n=rows), "wb-soft wb-tiny"))
    if rebuilt:
        lines.append(paragraph(ctx.t("review_tab.export.rebuilt", n=rebuilt), "wb-soft wb-tiny"))
    return join(lines)


def publish_votes(ctx: UiContext, where: dict[str, str] | None) -> Html:
    """The verdicts as they stand now as an artifact, for the gate.

    Raises:
        InputError: No comparison.
        StateError: Nobody has voted, or the one who asks is still reviewing blind.
    """
    comparison = (where or {}).get("comparison", "")
    if not comparison:
        raise InputError("comparison_not_chosen")
    if is_blind_open(ctx, comparison, (where or {}).get("reviewer", "")):
        raise StateError("review_export_blind")
    made = publish(ctx.votes, ctx.artifacts, comparison)
    return el("p", ctx.t("review_tab.publish.done", id=made.id))


def show_tags(ctx: UiContext) -> list[Any]:
    """The reasons on offer, one per line, and whether the answering document is marked at once."""
    settings = ctx.votes.settings()
    return ["\n".join(say_tag(tag, ctx.lang) for tag in settings.tags), settings.oracle_before_vote]


def save_tags(ctx: UiContext, text: str, oracle: bool) -> list[Any]:
    """Keep the reasons. Words that the catalogue knows become their codes again, in either language.

    Raises:
        InputError: None is left, there are too many, or one is too long.
    """
    lines = list(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))
    if not lines or len(lines) > MAX_TAGS or any(len(line) > MAX_TAG for line in lines):
        raise InputError("review_tags_bad", most=MAX_TAGS, longest=MAX_TAG)
    known = {say_tag(code, lang): code for code in DEFAULT_TAGS for lang in LANGUAGES}
    tags = tuple(dict.fromkeys(known.get(line, line) for line in lines))
    ctx.votes.save_settings(parse(ReviewSettings, {"tags": tags, "oracle_before_vote": bool(oracle)}))
    return show_tags(ctx)
