"""Keeping pairs of live answers for a review."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import gradio as gr

from workbench.errors import InputError
from workbench.evaluation.live_set import keep_entry, publish_set, read_set
from workbench.schemas.live import LiveAnswer, LiveEntry
from workbench.ui.context import UiContext
from workbench.ui.live_answers import Column
from workbench.ui.tabs.live_question import SETS, Asked
from workbench.ui.views.html import Html, join, paragraph


def offer_pair(ctx: UiContext, asked: Asked | None) -> list[Any]:
    """The row that keeps a pair of answers: shown once two whole answers are there."""
    whole = [
        (place, column)
        for place, column in enumerate(asked.columns if asked else ())
        if column.state == "done"
    ]
    choices = [(column.source.label, place) for place, column in whole]
    bases = [place for place, column in whole if column.source.is_base]
    first = bases[0] if bases else next((place for place, _ in whole), None)
    second = next((place for place, _ in whole if place != first), None)
    return [
        gr.update(visible=len(whole) > 1),
        gr.update(choices=choices, value=first),
        gr.update(choices=choices, value=second),
    ]


def keep_pair(ctx: UiContext, asked: Asked | None, first: int | None, second: int | None) -> Html:
    """Add the question with the chosen pair of answers to the review set.

    Raises:
        InputError: `live_no_pair`, or one of the answers failed.
    """
    entry = make_entry(asked, first, second)
    keep_entry(ctx.workspace, entry)
    gr.Info(ctx.t("live_tab.kept"), title=ctx.t("toast.done"))
    return tell_set(ctx)


def make_entry(asked: Asked | None, first: int | None, second: int | None) -> LiveEntry:
    """The line for the review set; the same question asked once is one line however often it is kept."""
    count = len(asked.columns) if asked else 0
    if (
        asked is None
        or first is None
        or second is None
        or first == second
        or not (0 <= first < count > second >= 0)
    ):
        raise InputError("live_no_pair")
    sides = [_answer_of(asked.columns[place]) for place in (first, second)]
    drawn = asked.drawn
    reference: dict[str, Any] = {}
    if drawn is not None and drawn.kind in SETS.values():
        reference = {"kind": drawn.kind, "target": drawn.target, "oracle_position": drawn.oracle_position}
    texts = json.dumps([asked.question, asked.documents, *(side.model_dump(mode="json") for side in sides)])
    return LiveEntry(
        id=f"live-{uuid.uuid5(uuid.NAMESPACE_OID, texts).hex[:16]}",
        at=time.time(),
        messages=asked.messages,
        question=asked.question,
        documents=asked.documents,
        sampling=asked.sampling,
        baseline=sides[0],
        finetuned=sides[1],
        **reference,
    )


def _answer_of(column: Column) -> LiveAnswer:
    if column.reply is None or column.state != "done":
        raise InputError("live_answer_failed")
    return LiveAnswer(label=column.source.label[:200], endpoint=column.source.endpoint, reply=column.reply)


def tell_set(ctx: UiContext) -> Html:
    """How many kept questions wait for their review."""
    count = len(read_set(ctx.workspace.live_set_file).waiting)
    return paragraph(
        ctx.t("live_tab.set.waiting" if count else "live_tab.set.empty", count=count), "wb-soft wb-tiny"
    )


def publish(ctx: UiContext) -> Html:
    """Make comparisons of the kept questions, which the review lists."""
    made = publish_set(ctx.workspace, ctx.artifacts)
    questions = sum(int(artifact.numbers["n"]) for artifact in made)
    gr.Info(ctx.t("live_tab.published", count=questions, sets=len(made)), title=ctx.t("toast.done"))
    return join([tell_set(ctx)])
