"""評価: the same questions to the model before and after training, or any tasks to any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.ui.components import command_line, job_cards, json_view, labels_of
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.handover import receive
from workbench.ui.tabs import evaluate_files, evaluate_judge, evaluate_page, evaluate_tasks
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.evaluate_live import LiveAnswers
from workbench.ui.tabs.ticking import ON, follow, page_token
from workbench.ui.views.html import el, join, paragraph
from workbench.ui.views.live_table import FILTERS
from workbench.ui.views.runs import run_choices

LIVE_SECONDS = 1.0
"""Between two looks at the journal: an answer shows within two seconds, the way to the browser included."""


@dataclass(frozen=True)
class TaskParts:
    """The components with which tasks are chosen."""

    task: gr.Dropdown
    about: gr.HTML
    file: gr.Textbox
    data: gr.Textbox
    upload: gr.File
    limit: gr.Number
    shots: gr.Textbox
    add: gr.Button
    rows: gr.State
    table: gr.HTML


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    what: gr.Radio
    adapter: gr.Dropdown
    endpoint: gr.Dropdown
    model: gr.Dropdown
    note: gr.HTML
    dataset: gr.Dropdown
    limit: gr.Number
    tasks: TaskParts
    start: gr.Button
    token: gr.State
    runs: gr.Dropdown
    card: gr.HTML
    going: gr.Column
    filter: gr.Radio
    answers: gr.HTML
    next: gr.Button
    table: gr.HTML
    chosen: gr.Dropdown
    detail: gr.HTML


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("evaluate_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("evaluate_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    parts = _lay_out(ctx)
    evaluate_judge.build(ctx)
    evaluate_files.build(ctx, parts.chosen)
    _wire(ctx, parts, command_line(ctx, "evaluate-command"))
    _wire_tasks(ctx, parts.tasks)


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"token": page_token()}
    with gr.Column(elem_classes="wb-card"):
        gr.HTML(el("h2", ctx.t("evaluate_tab.new")), elem_classes="wb-html")
        found |= _lay_out_form(ctx)
    found |= _lay_out_progress(ctx)
    with gr.Column(elem_classes="wb-card"):
        gr.HTML(el("h2", ctx.t("evaluate_tab.list")), elem_classes="wb-html")
        found["table"] = gr.HTML(elem_id="evaluate-list", elem_classes="wb-html")
        found["chosen"] = gr.Dropdown(
            [], label=ctx.t("evaluate_tab.detail"), visible=False, elem_id="evaluate-chosen"
        )
        found["detail"] = gr.HTML(elem_id="evaluate-detail", elem_classes="wb-html")
    return Parts(**found)


def _lay_out_form(ctx: UiContext) -> dict[str, Any]:
    choices = [(ctx.t(f"evaluate_tab.what.{name}"), name) for name in ("adapter", "model", "endpoint")]
    what = gr.Radio(choices, value="adapter", label=ctx.t("evaluate_tab.what"), elem_id="evaluate-what")
    with gr.Row():
        adapter = gr.Dropdown([], **_said(ctx, "adapter"))
        model = gr.Dropdown([], visible=False, **_said(ctx, "model"))
        endpoint = gr.Dropdown([], visible=False, **_said(ctx, "endpoint"))
        dataset = gr.Dropdown([], **_said(ctx, "dataset"))
        limit = gr.Number(0, precision=0, **_said(ctx, "limit"))
    note = gr.HTML(elem_id="evaluate-note", elem_classes="wb-html")
    tasks = _lay_out_tasks(ctx)
    with gr.Row(elem_classes="wb-buttons"):
        start = gr.Button(ctx.t("evaluate_tab.start"), variant="primary", elem_id="evaluate-start")
    chosen = {"what": what, "adapter": adapter, "endpoint": endpoint, "model": model}
    return {**chosen, "dataset": dataset, "limit": limit, "note": note, "tasks": tasks, "start": start}


def _said(ctx: UiContext, name: str) -> dict[str, Any]:
    """Label, hint and id of a field."""
    key = f"evaluate_tab.{name}"
    elem_id = f"evaluate-{name.replace('.', '-').replace('_', '-')}"
    return {"label": ctx.t(key), "info": ctx.t(f"{key}.hint"), "elem_id": elem_id}


def _lay_out_tasks(ctx: UiContext) -> TaskParts:
    found: dict[str, Any] = {"rows": gr.State(list[Any]())}
    with gr.Accordion(
        ctx.t("evaluate_tab.tasks"), open=False, elem_classes="wb-more", elem_id="evaluate-tasks"
    ):
        with gr.Row():
            choices = evaluate_tasks.task_choices(ctx)
            found["task"] = gr.Dropdown(choices, value=None, **_said(ctx, "task"))
            found["limit"] = gr.Number(20, precision=0, **_said(ctx, "task.limit"))
            found["shots"] = gr.Textbox(max_lines=1, **_said(ctx, "task.shots"))
        found["about"] = gr.HTML(elem_id="evaluate-task-about", elem_classes="wb-html")
        found["file"] = gr.Textbox(visible=False, max_lines=1, **_said(ctx, "task.file"))
        with gr.Row():
            found["data"] = gr.Textbox(max_lines=1, scale=3, **_said(ctx, "task.data"))
            found["upload"] = gr.File(
                label=ctx.t("evaluate_tab.task.upload"), elem_id="evaluate-task-upload", height=110, scale=2
            )
        with gr.Row(elem_classes="wb-buttons"):
            found["add"] = gr.Button(ctx.t("evaluate_tab.task.add"), elem_id="evaluate-task-add")
        labels = labels_of(ctx, "evaluate_tab.task.table", ("empty", "confirm"))
        found["table"] = json_view(
            "table", elem_id="evaluate-task-list", labels=labels, scripts=("cards.js",)
        )
    return TaskParts(**found)


def _lay_out_progress(ctx: UiContext) -> dict[str, Any]:
    runs = gr.Dropdown(
        run_choices([], ctx.lang),
        value="",
        label=ctx.t("evaluate_tab.runs"),
        visible=False,
        elem_id="evaluate-runs",
    )
    card = job_cards(ctx, "evaluate-job")
    following = gr.Button(
        ctx.t("evaluate_tab.to_compare"), variant="primary", elem_id="evaluate-next", visible=False
    )
    with gr.Column(elem_classes="wb-card", visible=False) as going:
        gr.HTML(el("h2", ctx.t("evaluate_tab.answers")), elem_classes="wb-html")
        named = [(ctx.t(f"evaluate_tab.answers.{name}"), name) for name in FILTERS]
        filter_ = gr.Radio(
            named, value="all", label=ctx.t("evaluate_tab.filter"), elem_id="evaluate-filter", container=False
        )
        answers = gr.HTML(elem_id="evaluate-answers", elem_classes="wb-html")
    names = ("runs", "card", "next", "going", "filter", "answers")
    return dict(zip(names, (runs, card, following, going, filter_, answers), strict=True))


def _wire(ctx: UiContext, parts: Parts, command: gr.HTML) -> None:
    page, live = evaluate_page, LiveAnswers()

    def look(ctx: UiContext, chosen: str | None, filter_: str | None) -> list[Any]:
        return page.show_run(ctx, live, chosen, filter_)

    asked_for = [parts.runs, parts.filter]
    shown = [parts.card, parts.answers, parts.going, parts.runs, parts.next]
    follow(ctx, look, inputs=asked_for, outputs=shown, extra=parts.runs.input, seconds=LIVE_SECONDS)
    parts.filter.input(ui_handler(ctx, look), asked_for, shown, **QUIET)
    lists = [parts.chosen, parts.adapter, parts.dataset, parts.endpoint, parts.model]
    follow(ctx, page.show_lists, inputs=lists, outputs=[parts.table, *lists])
    parts.chosen.change(ui_handler(ctx, page.show_detail), parts.chosen, parts.detail, **QUIET)
    asked = [parts.what, parts.endpoint, parts.model]
    kinds = [parts.adapter, parts.endpoint, parts.model, parts.note]
    # `input`: what another page hands over sets all of them itself
    parts.what.input(ui_handler(ctx, page.choose_what), asked, kinds, **QUIET)
    told = [parts.endpoint.change, parts.model.change]
    ON(told, ui_handler(ctx, page.describe_choice), asked, parts.note, **QUIET)
    parts.adapter.change(ui_handler(ctx, page.choose_adapter), parts.adapter, parts.dataset, **QUIET)
    said = [parts.what, parts.adapter, parts.endpoint, parts.dataset, parts.limit, parts.tasks.rows]
    ON([part.change for part in said], ui_handler(ctx, page.show_command), said, command, **QUIET)
    _wire_start(ctx, parts, ui_handler(ctx, look), asked_for, shown)
    receive(ctx, "evaluate", page.take_handed, [parts.what, *kinds])


def _wire_start(ctx: UiContext, parts: Parts, look: Any, asked_for: list[Any], shown: list[Any]) -> None:
    names = ("what", "adapter", "endpoint", "model", "dataset", "limit", "token")
    started = parts.start.click(
        ui_handler(ctx, evaluate_page.start_evaluation),
        inputs_kwargs={**{name: getattr(parts, name) for name in names}, "tasks": parts.tasks.rows},
        outputs=parts.runs,
        trigger_mode="once",
        **QUIET,
    )
    started.success(look, asked_for, shown, **QUIET)
    wire_job_cards(ctx, parts.card)
    parts.next.click(None, js="() => { window.WB.openTab('compare'); }", **QUIET)


def _wire_tasks(ctx: UiContext, parts: TaskParts) -> None:
    page = evaluate_tasks

    def add(ctx: UiContext, **values: Any) -> list[Any]:
        return page.add_task(ctx, values.pop("rows"), **values)

    parts.task.change(ui_handler(ctx, page.choose_task), parts.task, [parts.about, parts.file], **QUIET)
    names = ("task", "file", "data", "upload", "limit", "shots", "rows")
    parts.add.click(
        ui_handler(ctx, add),
        inputs_kwargs={name: getattr(parts, name) for name in names},
        outputs=[parts.rows, parts.table, parts.data, parts.upload],
        trigger_mode="once",
        **QUIET,
    )
    parts.data.blur(ui_handler(ctx, page.forget_upload), parts.data, parts.upload, **QUIET)
    table: Any = parts.table
    table.click(ui_handler(ctx, page.press_choice), parts.rows, [parts.rows, parts.table], **QUIET)
