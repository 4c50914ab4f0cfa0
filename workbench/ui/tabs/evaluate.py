"""評価: the same questions to the model before and after training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.ui.components import command_line, job_cards
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import evaluate_page as page
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.ticking import ON, follow, page_token
from workbench.ui.views.html import el, join, paragraph
from workbench.ui.views.runs import run_choices


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    what: gr.Radio
    adapter: gr.Dropdown
    endpoint: gr.Dropdown
    note: gr.HTML
    dataset: gr.Dropdown
    limit: gr.Number
    start: gr.Button
    token: gr.State
    runs: gr.Dropdown
    card: gr.HTML
    answers: gr.HTML
    next: gr.Button
    table: gr.HTML
    chosen: gr.Dropdown
    detail: gr.HTML
    command: gr.HTML


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("evaluate_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("evaluate_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    _wire(ctx, _lay_out(ctx))


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"token": page_token()}
    with gr.Column(elem_classes="wb-card"):
        gr.HTML(el("h2", ctx.t("evaluate_tab.new")), elem_classes="wb-html")
        found |= _lay_out_form(ctx)
    found["runs"] = gr.Dropdown(
        run_choices([], ctx.lang),
        value="",
        label=ctx.t("evaluate_tab.runs"),
        visible=False,
        elem_id="evaluate-runs",
    )
    found["card"] = job_cards(ctx, "evaluate-job")
    found["next"] = gr.Button(
        ctx.t("evaluate_tab.to_compare"), variant="primary", elem_id="evaluate-next", visible=False
    )
    found["answers"] = gr.HTML(elem_id="evaluate-answers", elem_classes="wb-html")
    with gr.Column(elem_classes="wb-card"):
        gr.HTML(el("h2", ctx.t("evaluate_tab.list")), elem_classes="wb-html")
        found["table"] = gr.HTML(elem_id="evaluate-list", elem_classes="wb-html")
        found["chosen"] = gr.Dropdown(
            [], label=ctx.t("evaluate_tab.detail"), visible=False, elem_id="evaluate-chosen"
        )
        found["detail"] = gr.HTML(elem_id="evaluate-detail", elem_classes="wb-html")
    found["command"] = command_line(ctx, "evaluate-command")
    return Parts(**found)


def _lay_out_form(ctx: UiContext) -> dict[str, Any]:
    choices = [(ctx.t(f"evaluate_tab.what.{name}"), name) for name in ("adapter", "endpoint")]
    what = gr.Radio(choices, value="adapter", label=ctx.t("evaluate_tab.what"), elem_id="evaluate-what")
    with gr.Row():
        adapter = gr.Dropdown(
            [],
            label=ctx.t("evaluate_tab.adapter"),
            info=ctx.t("evaluate_tab.adapter.hint"),
            elem_id="evaluate-adapter",
        )
        endpoint = gr.Dropdown(
            [],
            label=ctx.t("evaluate_tab.endpoint"),
            info=ctx.t("evaluate_tab.endpoint.hint"),
            elem_id="evaluate-endpoint",
            visible=False,
        )
        dataset = gr.Dropdown(
            [],
            label=ctx.t("evaluate_tab.dataset"),
            info=ctx.t("evaluate_tab.dataset.hint"),
            elem_id="evaluate-dataset",
        )
        limit = gr.Number(
            0,
            precision=0,
            label=ctx.t("evaluate_tab.limit"),
            info=ctx.t("evaluate_tab.limit.hint"),
            elem_id="evaluate-limit",
        )
    note = gr.HTML(elem_id="evaluate-note", elem_classes="wb-html")
    with gr.Row(elem_classes="wb-buttons"):
        start = gr.Button(ctx.t("evaluate_tab.start"), variant="primary", elem_id="evaluate-start")
    names = ("what", "adapter", "endpoint", "dataset", "limit", "note", "start")
    return dict(zip(names, (what, adapter, endpoint, dataset, limit, note, start), strict=True))


def _wire(ctx: UiContext, parts: Parts) -> None:
    live = page.LiveAnswers()

    def look(ctx: UiContext, chosen: str | None) -> list[Any]:
        return page.show_run(ctx, live, chosen)

    shown = [parts.card, parts.answers, parts.runs, parts.next]
    follow(ctx, look, inputs=[parts.runs], outputs=shown, extra=parts.runs.input)
    lists = [parts.chosen, parts.adapter, parts.dataset, parts.endpoint]
    follow(ctx, page.show_lists, inputs=lists, outputs=[parts.table, *lists])
    parts.chosen.change(ui_handler(ctx, page.show_detail), parts.chosen, parts.detail, **QUIET)
    asked = [parts.what, parts.endpoint]
    parts.what.change(
        ui_handler(ctx, page.choose_what), asked, [parts.adapter, parts.endpoint, parts.note], **QUIET
    )
    parts.endpoint.change(ui_handler(ctx, page.describe_endpoint), asked, parts.note, **QUIET)
    parts.adapter.change(ui_handler(ctx, page.choose_adapter), parts.adapter, parts.dataset, **QUIET)
    said = [parts.what, parts.adapter, parts.dataset]
    ON([part.change for part in said], ui_handler(ctx, page.show_command), said, parts.command, **QUIET)
    names = ("what", "adapter", "endpoint", "dataset", "limit", "token")
    values = {name: getattr(parts, name) for name in names}
    started = parts.start.click(
        ui_handler(ctx, page.start_evaluation),
        inputs_kwargs=values,
        outputs=parts.runs,
        trigger_mode="once",
        **QUIET,
    )
    started.success(ui_handler(ctx, look), parts.runs, shown, **QUIET)
    wire_job_cards(ctx, parts.card)
    parts.next.click(None, js="() => { window.WB.openTab('compare'); }", **QUIET)
