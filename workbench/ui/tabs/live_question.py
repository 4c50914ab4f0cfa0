"""What the live page asks: the question, its documents, or an item drawn from a test set."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from workbench.errors import InputError
from workbench.evaluation.samples import load_file
from workbench.generation.templates import build_prompt
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.generation import DEFAULT_SYSTEM_PROMPT
from workbench.schemas.inference import Sampling
from workbench.ui.context import UiContext
from workbench.ui.forms import parse_form
from workbench.ui.live_answers import Column
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views.html import Html, el, paragraph
from workbench.ui.views.words import cut, say_date

MAX_DOCUMENTS = 10
LONGEST_QUESTION = 20_000
LISTED_ITEMS = 300
SETS: dict[str, Literal["answerable", "unseen", "unanswerable"]] = {
    "test.jsonl": "answerable",
    "test_unseen.jsonl": "unseen",
    "test_unanswerable.jsonl": "unanswerable",
}


@dataclass(frozen=True)
class Asked:
    """A question and its answers, until the next one or the end of the page view."""

    messages: tuple[ChatMessage, ...]
    question: str
    documents: tuple[str, ...]
    sampling: Sampling
    drawn: Sample | None
    """The item that question and documents were drawn from, where nobody has changed them since."""
    columns: tuple[Column, ...] = ()
    same: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often in a row each pair of models answered the same."""


def choose_mode(ctx: UiContext, mode: str, system: str | None) -> list[Any]:
    """Show the parts of the chosen way, and offer the system prompt that belongs to it."""
    own = (system or "").strip() not in ("", DEFAULT_SYSTEM_PROMPT)
    prompt = SKIP if own else ("" if mode == "none" else DEFAULT_SYSTEM_PROMPT)
    return [gr.update(visible=mode != "none"), gr.update(visible=mode == "set"), prompt]


def show_boxes(count: int, texts: Sequence[str] | None = None) -> list[Any]:
    """Updates for the document boxes: the first `count` are shown."""
    count = max(1, min(count, MAX_DOCUMENTS))
    if texts is None:
        return [gr.update(visible=place < count) for place in range(MAX_DOCUMENTS)]
    padded = [*texts, *[""] * MAX_DOCUMENTS][:MAX_DOCUMENTS]
    return [gr.update(visible=place < count, value=text) for place, text in enumerate(padded)]


def add_document(ctx: UiContext, count: int) -> list[Any]:
    """One more box.

    Raises:
        InputError: `live_documents_full`.
    """
    if count >= MAX_DOCUMENTS:
        raise InputError("live_documents_full", limit=MAX_DOCUMENTS)
    return [count + 1, *show_boxes(count + 1)]


def show_sets(ctx: UiContext, chosen: str | None) -> list[Any]:
    """The test sets of all datasets, newest first."""
    choices = [
        (
            ctx.t(
                "live_tab.set",
                name=item.name,
                kind=ctx.t(f"sample_kind.{kind}"),
                date=say_date(item.created_at),
            ),
            f"{item.id}/{name}",
        )
        for item in ctx.artifacts.list("dataset")
        for name, kind in SETS.items()
        if any(entry.path == name and entry.bytes for entry in item.files)
    ]
    ids = [name for _, name in choices]
    return [gr.update(choices=choices, value=chosen if chosen in ids else next(iter(ids), None))]


@lru_cache(maxsize=4)
def _read_samples(
    path: Path, kind: Literal["answerable", "unseen", "unanswerable"], _stamp: int
) -> tuple[Sample, ...]:
    return tuple(load_file(path, kind))


def load_set(ctx: UiContext, chosen: str | None) -> tuple[Sample, ...]:
    """The questions of a test set.

    Raises:
        InputError: `live_no_set`, or a line cannot be read.
        NotFoundError: It is gone.
    """
    artifact, _, name = (chosen or "").partition("/")
    if name not in SETS:
        raise InputError("live_no_set")
    path = ctx.artifacts.file(artifact, name)
    return _read_samples(path, SETS[name], path.stat().st_mtime_ns)


def show_items(ctx: UiContext, chosen: str | None) -> Any:
    """The questions of a test set for a drop-down list."""
    if not chosen:
        return gr.update(choices=[], value=None)
    samples = load_set(ctx, chosen)[:LISTED_ITEMS]
    return gr.update(choices=[(cut(sample.question, 80), sample.id) for sample in samples], value=None)


def draw_item(ctx: UiContext, chosen: str | None, item: str | None) -> list[Any]:
    """Fill question and documents from a test set.

    Args:
        ctx: The page's context.
        chosen: The test set.
        item: Id of the question; None for any.

    Returns:
        The sample, the question, the system prompt, the reference in words, the number of boxes, the boxes.
    """
    samples = load_set(ctx, chosen)
    found = next((sample for sample in samples if sample.id == item), None) or random.choice(samples)
    if len(found.documents) > MAX_DOCUMENTS:
        raise InputError("live_documents_full", limit=MAX_DOCUMENTS)
    system = next((message.content for message in found.messages if message.role == "system"), "")
    count = max(1, len(found.documents))
    boxes = show_boxes(count, found.documents)
    return [found, found.question, system, _tell_reference(ctx, found), count, *boxes]


def _tell_reference(ctx: UiContext, sample: Sample) -> Html:
    said = sample.target or ctx.t("live_tab.reference.none")
    return el("details", el("summary", ctx.t("live_tab.reference")), paragraph(said, "wv-target"))


def read_question(values: Mapping[str, Any], documents: Sequence[str | None], drawn: Sample | None) -> Asked:
    """What the form asks, checked.

    Args:
        values: `question`, `mode`, `system`, and the fields of the sampling.
        documents: The boxes.
        drawn: The item that was drawn last.

    Raises:
        InputError: `live_no_question`, `live_question_long`, `live_no_documents`.
        ConfigError: One entry per bad field of the sampling.
    """
    question, system = str(values.get("question") or "").strip(), str(values.get("system") or "").strip()
    if not question:
        raise InputError("live_no_question")
    if len(question) > LONGEST_QUESTION:
        raise InputError("live_question_long", limit=LONGEST_QUESTION)
    given: tuple[str, ...] = ()
    if values.get("mode") != "none":
        given = tuple(text.strip("\n") for text in documents if text and text.strip())
        if not given:
            raise InputError("live_no_documents")
    own = {name: values[name] for name in Sampling.model_fields if name in values}
    return Asked(
        messages=_build_messages(system, given, question),
        question=question,
        documents=given,
        sampling=parse_form(Sampling, own),
        drawn=drawn if drawn is not None and (drawn.question, drawn.documents) == (question, given) else None,
    )


def _build_messages(system: str, documents: Sequence[str], question: str) -> tuple[ChatMessage, ...]:
    if documents:
        return build_prompt(system, documents, question)
    user = ChatMessage(role="user", content=question)
    return (ChatMessage(role="system", content=system), user) if system else (user,)
