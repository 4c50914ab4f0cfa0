"""ためす: one question of one's own, and the answers of up to four models while they come in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.schemas.inference import Sampling
from workbench.ui.components import command_line, job_cards
from workbench.ui.components.live_view import live_view
from workbench.ui.context import UiContext
from workbench.ui.forms import Form, build_form
from workbench.ui.handlers import QUIET, ui_handler, ui_stream
from workbench.ui.handover import receive
from workbench.ui.live_answers import StopSigns
from workbench.ui.tabs import live_asking, live_keeping, live_models, live_question
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.ticking import follow, page_token
from workbench.ui.views.html import el, join, paragraph

MODES = ("none", "paste", "set")
THINKING = ("off", "on", "default")
TO_REVIEW = "() => { window.WB.openTab('review') || window.WB.openTab('compare'); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    models: gr.Dropdown
    known: gr.State
    nobody: gr.HTML
    guard: gr.HTML
    checked: gr.State
    startable: gr.Dropdown
    start_note: gr.HTML
    start: gr.Button
    servers: gr.HTML
    question: gr.Textbox
    mode: gr.Radio
    documents: gr.Column
    boxes: tuple[gr.Textbox, ...]
    count: gr.State
    more: gr.Button
    drawing: gr.Column
    chosen_set: gr.Dropdown
    item: gr.Dropdown
    draw: gr.Button
    drawn: gr.State
    reference: gr.HTML
    system: gr.Textbox
    sampling: Form
    thinking: gr.Radio
    send: gr.Button
    stop: gr.Button
    view: gr.HTML
    asked: gr.State
    keeping: gr.Row
    first: gr.Dropdown
    second: gr.Dropdown
    keep: gr.Button
    waiting: gr.HTML
    publish: gr.Button
    token: gr.State
    command: gr.HTML


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("live_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("live_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    found: dict[str, Any] = {"token": page_token(), "asked": gr.State(None)}
    with gr.Column(elem_classes="wb-card"):
        found |= _lay_out_models(ctx)
    with gr.Column(elem_classes="wb-card"):
        found |= _lay_out_question(ctx)
    found["view"] = live_view(ctx, "live-view")
    found |= _lay_out_keeping(ctx)
    found["command"] = command_line(ctx, "live-command")
    _wire(ctx, Parts(**found))


def _lay_out_models(ctx: UiContext) -> dict[str, Any]:
    models = gr.Dropdown(
        [],
        multiselect=True,
        max_choices=live_models.MAX_MODELS,
        label=ctx.t("live_tab.models"),
        info=ctx.t("live_tab.models.hint"),
        elem_id="live-models",
    )
    nobody = gr.HTML(elem_id="live-nobody", elem_classes="wb-html")
    guard = gr.HTML(elem_id="live-guard", elem_classes="wb-html")
    with gr.Accordion(ctx.t("live_tab.start"), open=False, elem_classes="wb-more", elem_id="live-start-box"):
        with gr.Row(elem_classes="live-keep"):
            startable = gr.Dropdown([], label=ctx.t("live_tab.startable"), elem_id="live-startable", scale=3)
            start = gr.Button(ctx.t("live_tab.start.press"), elem_id="live-start")
        start_note = gr.HTML(elem_id="live-start-note", elem_classes="wb-html")
        servers = job_cards(ctx, "live-servers")
    names = ("models", "nobody", "guard", "startable", "start", "start_note", "servers")
    made = (models, nobody, guard, startable, start, start_note, servers)
    states = {"known": gr.State(list[str]()), "checked": gr.State(list[str]())}
    return {**dict(zip(names, made, strict=True)), **states}


def _lay_out_question(ctx: UiContext) -> dict[str, Any]:
    found: dict[str, Any] = {"drawn": gr.State(None), "count": gr.State(1)}
    found["question"] = gr.Textbox(
        label=ctx.t("live_tab.question"),
        info=ctx.t("live_tab.question.hint"),
        lines=2,
        max_lines=8,
        max_length=live_question.LONGEST_QUESTION,
        elem_id="live-question",
    )
    modes = [(ctx.t(f"live_tab.mode.{name}"), name) for name in MODES]
    found["mode"] = gr.Radio(modes, value="none", label=ctx.t("live_tab.mode"), elem_id="live-mode")
    found |= _lay_out_documents(ctx)
    with gr.Accordion(ctx.t("live_tab.more"), open=False, elem_classes="wb-more", elem_id="live-more"):
        found["system"] = gr.Textbox(
            label=ctx.t("live_tab.system"),
            info=ctx.t("live_tab.system.hint"),
            lines=2,
            max_lines=6,
            elem_id="live-system",
        )
        kinds = [(ctx.t(f"live_tab.think.{name}"), name) for name in THINKING]
        found["thinking"] = gr.Radio(
            kinds,
            value="off",
            label=ctx.t("live_tab.think"),
            info=ctx.t("live_tab.think.hint"),
            elem_id="live-think",
        )
        fields = ("temperature", "max_tokens", "top_p", "seed")
        found["sampling"] = build_form(Sampling, "live", ctx, fields=fields, columns=4)
    with gr.Row(elem_classes="wb-buttons"):
        found["send"] = gr.Button(ctx.t("live_tab.send"), variant="primary", elem_id="live-send")
        found["stop"] = gr.Button(ctx.t("live_tab.stop"), elem_id="live-stop")
    return found


def _lay_out_documents(ctx: UiContext) -> dict[str, Any]:
    with gr.Column(visible=False, elem_id="live-documents") as documents:
        with gr.Column(visible=False) as drawing:
            with gr.Row(elem_classes="live-keep"):
                chosen = gr.Dropdown([], label=ctx.t("live_tab.from_set"), elem_id="live-set", scale=2)
                item = gr.Dropdown([], label=ctx.t("live_tab.item"), elem_id="live-item", scale=3)
                draw = gr.Button(ctx.t("live_tab.draw"), elem_id="live-draw")
            reference = gr.HTML(elem_id="live-reference", elem_classes="wb-html")
        boxes = tuple(
            gr.Textbox(
                label=ctx.t("live_tab.document", number=place + 1),
                lines=2,
                max_lines=5,
                visible=place == 0,
                elem_id=f"live-document-{place + 1}",
            )
            for place in range(live_question.MAX_DOCUMENTS)
        )
        with gr.Row(elem_classes="wb-buttons"):
            more = gr.Button(ctx.t("live_tab.add_document"), elem_id="live-add-document")
    names = ("documents", "drawing", "chosen_set", "item", "draw", "reference", "boxes", "more")
    return dict(zip(names, (documents, drawing, chosen, item, draw, reference, boxes, more), strict=True))


def _lay_out_keeping(ctx: UiContext) -> dict[str, Any]:
    with gr.Row(visible=False, elem_classes="wb-card live-keep", elem_id="live-keeping") as keeping:
        first = gr.Dropdown([], label=ctx.t("live_tab.first"), elem_id="live-first", type="value")
        second = gr.Dropdown([], label=ctx.t("live_tab.second"), elem_id="live-second", type="value")
        keep = gr.Button(ctx.t("live_tab.keep"), elem_id="live-keep")
    with gr.Row(elem_classes="live-keep"):
        waiting = gr.HTML(elem_id="live-waiting", elem_classes="wb-html")
        publish = gr.Button(ctx.t("live_tab.publish"), elem_id="live-publish")
    names = ("keeping", "first", "second", "keep", "waiting", "publish")
    return dict(zip(names, (keeping, first, second, keep, waiting, publish), strict=True))


def _wire(ctx: UiContext, parts: Parts) -> None:
    _wire_models(ctx, parts)
    _wire_question(ctx, parts)
    _wire_sending(ctx, parts)
    pair = [parts.asked, parts.first, parts.second]
    parts.keep.click(
        ui_handler(ctx, live_keeping.keep_pair), pair, parts.waiting, trigger_mode="once", **QUIET
    )
    made = parts.publish.click(
        ui_handler(ctx, live_keeping.publish), None, parts.waiting, trigger_mode="once", **QUIET
    )
    made.success(None, js=TO_REVIEW, **QUIET)


def _wire_models(ctx: UiContext, parts: Parts) -> None:
    def look(ctx: UiContext, *values: Any) -> list[Any]:
        models, known, startable, chosen_set = values
        shown = [*live_models.show_sources(ctx, models, known), *live_models.show_start(ctx, startable)]
        return [*shown, *live_question.show_sets(ctx, chosen_set), live_keeping.tell_set(ctx)]

    starting = [parts.startable, parts.start_note, parts.servers]
    inputs = [parts.models, parts.known, parts.startable, parts.chosen_set]
    outputs = [parts.models, parts.known, parts.nobody, *starting, parts.chosen_set, parts.waiting]
    follow(ctx, look, inputs=inputs, outputs=outputs, extra=parts.startable.input)
    once: dict[str, Any] = {**QUIET, "trigger_mode": "once"}
    parts.models.change(
        ui_stream(ctx, live_models.check_sides),
        [parts.models, parts.checked],
        [parts.guard, parts.checked],
        trigger_mode="always_last",
        **QUIET,
    )
    parts.start.click(ui_handler(ctx, live_models.press_start), parts.startable, starting, **once)
    wire_job_cards(ctx, parts.servers)
    receive(ctx, "live", live_models.take_server, [parts.models, parts.known])


def _wire_question(ctx: UiContext, parts: Parts) -> None:
    shown = [parts.documents, parts.drawing, parts.system]
    parts.mode.change(ui_handler(ctx, live_question.choose_mode), [parts.mode, parts.system], shown, **QUIET)
    boxes = [parts.count, *parts.boxes]
    parts.more.click(ui_handler(ctx, live_question.add_document), parts.count, boxes, **QUIET)
    parts.chosen_set.change(ui_handler(ctx, live_question.show_items), parts.chosen_set, parts.item, **QUIET)
    filled = [parts.drawn, parts.question, parts.system, parts.reference, *boxes]
    parts.item.input(
        ui_handler(ctx, live_question.draw_item), [parts.chosen_set, parts.item], filled, **QUIET
    )

    def draw_any(ctx: UiContext, chosen: str | None) -> list[Any]:
        return live_question.draw_item(ctx, chosen, None)

    parts.draw.click(ui_handler(ctx, draw_any), parts.chosen_set, filled, **QUIET)


def _wire_sending(ctx: UiContext, parts: Parts) -> None:
    signs = StopSigns()
    boxes = {f"document_{place}": box for place, box in enumerate(parts.boxes)}
    single = ("models", "question", "mode", "system", "thinking", "drawn", "asked", "token")
    inputs: dict[str, Any] = {**{name: getattr(parts, name) for name in single}, **parts.sampling, **boxes}

    async def send(ctx: UiContext, **values: Any) -> AsyncGenerator[tuple[Any, Any]]:
        documents = [values.pop(name) for name in boxes]
        async for drawn in live_asking.send(ctx, signs, values.pop("asked"), documents, values):
            yield drawn

    def stop(ctx: UiContext, token: str) -> None:
        signs.stop(token)

    def finish(ctx: UiContext, asked: live_question.Asked | None) -> list[Any]:
        return [*live_keeping.offer_pair(ctx, asked), live_asking.show_command(ctx, asked)]

    sent = parts.send.click(
        ui_stream(ctx, send),
        inputs_kwargs=inputs,
        outputs=[parts.view, parts.asked],
        concurrency_limit=None,
        trigger_mode="multiple",
        **QUIET,
    )
    ended = [parts.keeping, parts.first, parts.second, parts.command]
    sent.success(ui_handler(ctx, finish), parts.asked, ended, **QUIET)
    parts.stop.click(ui_handler(ctx, stop), parts.token, None, **QUIET)
