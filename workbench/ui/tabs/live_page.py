"""The live page's plain functions: whom to ask, what to ask, and what to keep of the answers."""

from __future__ import annotations

import asyncio
import json
import random
import shlex
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from workbench.errors import InputError
from workbench.evaluation import load_file
from workbench.evaluation.live_set import keep_entry, publish_set, read_set
from workbench.generation.templates import build_prompt
from workbench.inference.body import build_body
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.generation import DEFAULT_SYSTEM_PROMPT
from workbench.schemas.inference import ChatRequest, Endpoint, Sampling
from workbench.schemas.job import ENDED
from workbench.schemas.live import LiveAnswer, LiveEntry
from workbench.ui.components import command_payload, job_row, jobs_payload, to_json
from workbench.ui.components.live_view import render_live
from workbench.ui.context import UiContext
from workbench.ui.forms import parse_form
from workbench.ui.guarding import render_sides, sides_to_check
from workbench.ui.handover import Handed
from workbench.ui.live_answers import Column, StopSigns, ask_all, count_same, find_twins, pair_key
from workbench.ui.live_sources import (
    Source,
    find_sources,
    list_sources,
    list_startable,
    say_start_time,
    start_server,
)
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.words import cut, say_date

MAX_MODELS = 4
MAX_DOCUMENTS = 10
LONGEST_QUESTION = 20_000
LISTED_ITEMS = 300
SAME_IN_A_ROW = 3
"""From so many equal answers on the page says that two models may be one."""
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


# ---- whom to ask


def show_sources(ctx: UiContext, chosen: Sequence[str] | None, known: Sequence[str]) -> list[Any]:
    """The models that answer; those of a server that has just come up are chosen at once.

    Args:
        ctx: The page's context.
        chosen: Ids of the chosen models.
        known: Ids that the page has seen before.
    """
    sources = list_sources(ctx)
    ids = [source.id for source in sources]
    kept = [name for name in chosen or () if name in ids]
    new = [source.id for source in sources if source.id not in known and source.id.startswith("serve:")]
    kept += [name for name in new if name not in kept][: max(0, MAX_MODELS - len(kept))]
    choices = [(source.label, source.id) for source in sources]
    hint = "" if sources else paragraph(ctx.t("live_tab.nobody"), "wb-soft")
    return [gr.update(choices=choices, value=kept), ids, hint]


async def check_sides(
    ctx: UiContext, chosen: Sequence[str] | None, checked: Sequence[str]
) -> AsyncGenerator[tuple[Any, Any]]:
    """Say whether the chosen models are what they claim, once for each choice.

    Args:
        ctx: The page's context.
        chosen: Ids of the chosen models.
        checked: Ids of the choice that was checked last.

    Yields:
        The sentences, and the ids that they are about.
    """
    known = {source.id: source for source in list_sources(ctx)}
    ids = [name for name in chosen or () if name in known]
    if ids == list(checked):
        yield SKIP, SKIP
        return
    sources = [known[name] for name in ids]
    if sides_to_check(sources):
        yield paragraph(ctx.t("live_tab.checking"), "wb-soft"), ids
    # the servers answer a few questions; the page must not wait for that
    yield await asyncio.to_thread(render_sides, ctx, sources), ids


def take_server(ctx: UiContext, handed: Handed) -> list[Any]:
    """Choose the models of the server that another tab handed over, and no others."""
    sources = list_sources(ctx)
    own = [source.id for source in sources if source.id.startswith(f"serve:{handed['job']}:")]
    choices = [(source.label, source.id) for source in sources]
    return [gr.update(choices=choices, value=own[:MAX_MODELS]), [source.id for source in sources]]


def show_start(ctx: UiContext, chosen: str | None) -> list[Any]:
    """What can be started, how long that takes, and the servers that run or are starting."""
    startable = [(item.label, item.id) for item in list_startable(ctx)]
    ids = [name for _, name in startable]
    value = chosen if chosen in ids else next(iter(ids), None)
    jobs = ctx.jobs.list(kind="serve", parent="")
    shown = [job for job in jobs if job.status.state not in ENDED]
    # a start that failed stays on the page until another one is tried
    shown += [job for job in jobs[:1] if job.status.state == "failed"]
    cards = jobs_payload([job_row(job, job.status.updated_at, ctx.lang) for job in shown])
    note = paragraph(say_start_time(ctx, value), "wb-soft wb-tiny") if value else Html()
    return [gr.update(choices=startable, value=value), note, cards]


def press_start(ctx: UiContext, chosen: str | None) -> list[Any]:
    """Start a server for the choice."""
    start_server(ctx, chosen)
    return show_start(ctx, chosen)


# ---- what to ask


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


# ---- asking


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


def open_columns(ctx: UiContext, chosen: Sequence[str] | None, thinking: str) -> tuple[Column, ...]:
    """An empty column per chosen model, all with the same thinking mode.

    Raises:
        InputError: `live_no_model`, `live_too_many`.
        StateError: One of them no longer answers.
    """
    if not chosen:
        raise InputError("live_no_model")
    if len(chosen) > MAX_MODELS:
        raise InputError("live_too_many", limit=MAX_MODELS)
    sources = find_sources(ctx, list(dict.fromkeys(chosen)))
    return tuple(Column(_with_thinking(source, thinking)) for source in sources)


def _with_thinking(source: Source, thinking: str) -> Source:
    if thinking not in ("off", "on"):
        return source
    return replace(source, endpoint=source.endpoint.model_copy(update={"thinking": thinking}))


async def send(
    ctx: UiContext,
    signs: StopSigns,
    before: Asked | None,
    documents: Sequence[str | None],
    values: Mapping[str, Any],
) -> AsyncGenerator[tuple[str, Asked | None]]:
    """Ask the question and hand out what to draw, again and again until all answers are there.

    Yields:
        The view's JSON; at the end also the question with its answers, before that None.
    """
    asked = read_question(values, documents, values.get("drawn"))
    columns = open_columns(ctx, values.get("models"), str(values.get("thinking")))
    token, run = str(values.get("token")), uuid.uuid4().hex
    sign = signs.begin(token)
    request = ChatRequest(messages=asked.messages, sampling=asked.sampling)
    known: Mapping[str, int] = before.same if before else dict[str, int]()

    def draw(same: Mapping[str, int]) -> str:
        notes = warn(ctx, columns, same)
        return render_live(
            run, columns, ctx.lang, question=asked.question, documents=asked.documents, notes=notes
        )

    yield draw(known), None
    try:
        async for _ in ask_all(columns, request, sign):
            yield draw(known), None
    finally:
        signs.end(token, sign)
    same = count_same(known, columns)
    whole = Asked(asked.messages, asked.question, asked.documents, asked.sampling, asked.drawn, columns, same)
    yield draw(same), whole


def warn(ctx: UiContext, columns: Sequence[Column], same: Mapping[str, int]) -> list[str]:
    """What speaks against comparing these models: they are one and the same, or behave as if they were."""
    notes = [
        ctx.t("live_tab.twins", a=columns[a].source.label, b=columns[b].source.label)
        for a, b in find_twins(columns)
    ]
    for place, later in enumerate(columns):
        for earlier in columns[:place]:
            count = same.get(pair_key(earlier, later), 0)
            if count >= SAME_IN_A_ROW and (columns.index(earlier), place) not in find_twins(columns):
                labels = {"a": earlier.source.label, "b": later.source.label}
                notes.append(ctx.t("live_tab.same_answers", count=count, **labels))
    return notes


def show_command(ctx: UiContext, asked: Asked | None) -> str:
    """The calls that ask the same, one per model; keys by the names of their variables."""
    if asked is None:
        return command_payload([])
    request = ChatRequest(messages=asked.messages, sampling=asked.sampling)
    lines = [write_curl(column.source.endpoint, request) for column in asked.columns]
    return to_json({"command": "\n".join(lines)})


def write_curl(endpoint: Endpoint, request: ChatRequest) -> str:
    """One call of the chat API for a shell."""
    body = build_body(endpoint, request)
    body |= {"stream": True, **body.pop("extra_body", {})}
    key = f'-H "Authorization: Bearer ${endpoint.api_key_env}" ' if endpoint.api_key_env else ""
    url, text = shlex.quote(f"{endpoint.base_url}/chat/completions"), json.dumps(body, ensure_ascii=False)
    return f"curl -N {url} {key}-H 'Content-Type: application/json' -d {shlex.quote(text)}"


# ---- keeping answers for a review


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
