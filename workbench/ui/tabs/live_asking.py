"""Asking on the live page: the answers as they come in, what speaks against comparing them, and the same as commands."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.errors import InputError
from workbench.inference.body import build_body
from workbench.schemas.inference import ChatRequest, Endpoint
from workbench.ui.components import command_payload, to_json
from workbench.ui.components.live_view import render_live
from workbench.ui.context import UiContext
from workbench.ui.live_answers import Column, StopSigns, ask_all, count_same, find_twins, pair_key
from workbench.ui.live_sources import Source, find_sources
from workbench.ui.tabs.live_models import MAX_MODELS
from workbench.ui.tabs.live_question import Asked, read_question

SAME_IN_A_ROW = 3
"""From so many equal answers on the page says that two models may be one."""


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
        notes = [*warn(ctx, columns, same), *advise(ctx, asked, columns)]
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


def advise(ctx: UiContext, asked: Asked, columns: Sequence[Column]) -> list[str]:
    """What to try where a model had nothing to say because it was given nothing to read."""
    silent = [column for column in columns if column.reply is not None and column.reply.state == "empty"]
    return [ctx.t("live_tab.silent_without_documents")] if silent and not asked.documents else []


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
