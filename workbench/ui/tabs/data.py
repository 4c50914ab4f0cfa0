"""データ: a FAQ file becomes training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.schemas.generation import RaftConfig
from workbench.ui.components import command_line, job_cards
from workbench.ui.context import UiContext
from workbench.ui.forms import Form, build_form
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.handover import receive
from workbench.ui.tabs import data_form as form
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.ticking import BUSY, ON, follow, page_token
from workbench.ui.views import faq as view
from workbench.ui.views.html import el, join, paragraph
from workbench.ui.views.runs import run_choices


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    upload: gr.File
    sample: gr.Button
    source: gr.State
    preview: gr.HTML
    question: gr.Dropdown
    answer: gr.Dropdown
    group_column: gr.Dropdown
    group: gr.Dropdown
    columns_box: gr.Column
    teacher: gr.Radio
    teacher_note: gr.HTML
    form: Form
    start: gr.Button
    token: gr.State
    runs: gr.Dropdown
    card: gr.HTML
    result: gr.HTML
    next: gr.Button
    command: gr.HTML


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    lead = join([el("h1", ctx.t("data_tab.title")), paragraph(ctx.t("data_tab.lead"), "wb-soft")])
    gr.HTML(lead, elem_classes="wb-html")
    parts = _lay_out(ctx)
    _wire(ctx, parts)


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"source": gr.State(""), "token": page_token()}
    found |= _lay_out_file(ctx)
    found |= _lay_out_settings(ctx)
    found["start"] = gr.Button(ctx.t("data_tab.start"), variant="primary", elem_id="data-start")
    with gr.Column(elem_id="data-progress"):
        choices = run_choices([], ctx.lang)
        found["runs"] = gr.Dropdown(choices, value="", label=ctx.t("data_tab.runs.label"), visible=False)
        found["card"] = job_cards(ctx, "data-job")
        found["result"] = gr.HTML(elem_id="data-result", elem_classes="wb-html")
        found["next"] = gr.Button(
            ctx.t("data_tab.next"), variant="primary", elem_id="data-next", visible=False
        )
    found["command"] = command_line(ctx, "data-command")
    return Parts(**found)


def _lay_out_file(ctx: UiContext) -> dict[str, Any]:
    with gr.Column(elem_classes="wb-card"):
        gr.HTML(el("h2", ctx.t("data_tab.file.heading")), elem_classes="wb-html")
        with gr.Row(equal_height=True):
            upload = gr.File(
                label=ctx.t("data_tab.file.label"),
                file_types=[".csv", ".xlsx", ".jsonl"],
                elem_id="data-file",
                height=150,
                scale=3,
            )
            with gr.Column(scale=2):
                gr.HTML(paragraph(ctx.t("data_tab.file.hint"), "wb-soft"), elem_classes="wb-html")
                sample = gr.Button(ctx.t("data_tab.sample.button"), elem_id="data-sample")
        empty = paragraph(ctx.t("data_tab.file.none"), "wb-empty")
        preview = gr.HTML(empty, elem_id="data-preview", elem_classes="wb-html")
        with gr.Column(visible=False, elem_id="data-columns") as box:
            note = paragraph(ctx.t("data_tab.columns.note"), "wb-soft")
            gr.HTML(join([el("h3", ctx.t("data_tab.columns.heading")), note]), elem_classes="wb-html")
            with gr.Row():
                question = _dropdown(ctx, "data_tab.columns.question", "data-question-column")
                answer = _dropdown(ctx, "data_tab.columns.answer", "data-answer-column")
                column = _dropdown(ctx, "data_tab.columns.group", "data-group-column")
            group = _dropdown(ctx, "data_tab.group.label", "data-group", info=ctx.t("data_tab.group.hint"))
    names = ("upload", "sample", "preview", "columns_box", "question", "answer", "group_column", "group")
    return dict(zip(names, (upload, sample, preview, box, question, answer, column, group), strict=True))


def _dropdown(ctx: UiContext, key: str, elem_id: str, info: str | None = None) -> gr.Dropdown:
    return gr.Dropdown(choices=[], label=ctx.t(key), info=info, elem_id=elem_id)


def _lay_out_settings(ctx: UiContext) -> dict[str, Any]:
    with gr.Row(equal_height=False):
        with gr.Column(elem_classes="wb-card"):
            note = paragraph(ctx.t("data_tab.sizes.note"), "wb-soft")
            gr.HTML(join([el("h2", ctx.t("data_tab.sizes.heading")), note]), elem_classes="wb-html")
            fields = build_form(RaftConfig, "data", ctx, fields=form.SIZES, advanced=form.ADVANCED)
        with gr.Column(elem_classes="wb-card"):
            gr.HTML(el("h2", ctx.t("data_tab.teacher.heading")), elem_classes="wb-html")
            choices = form.teacher_choices(ctx)
            teacher = gr.Radio(
                choices, value=form.EXTRACTIVE, label=ctx.t("data_tab.teacher.label"), elem_id="data-teacher"
            )
            note = gr.HTML(
                view.render_teacher(None, ctx.lang), elem_id="data-teacher-note", elem_classes="wb-html"
            )
    return {"form": fields, "teacher": teacher, "teacher_note": note}


def _wire(ctx: UiContext, parts: Parts) -> None:
    sizes = [parts.form[name] for name in form.SIZES]
    columns = [parts.question, parts.answer, parts.group_column]
    shown = [parts.preview, parts.group, *sizes]
    opened = [parts.source, *columns, parts.columns_box, *shown]
    parts.upload.upload(ui_handler(ctx, form.choose_upload), parts.upload, opened, **BUSY)
    parts.sample.click(ui_handler(ctx, form.choose_sample), None, opened, **BUSY)
    # `input` fires for a person's choice only, not when a handler fills the columns in
    for column in columns:
        column.input(ui_handler(ctx, form.show_table), [parts.source, *columns], shown, **BUSY)
    parts.group.input(
        ui_handler(ctx, form.choose_group), [parts.source, *columns, parts.group], sizes, **QUIET
    )
    follow(ctx, form.list_teachers, inputs=[parts.teacher], outputs=[parts.teacher])
    parts.teacher.change(ui_handler(ctx, form.choose_teacher), parts.teacher, parts.teacher_note, **QUIET)
    receive(ctx, "data", form.take_teacher, [parts.teacher])
    _wire_start(ctx, parts, opened)


def _wire_start(ctx: UiContext, parts: Parts, opened: list[Any]) -> None:
    values: dict[str, Any] = {
        **parts.form,
        "source": parts.source,
        "question": parts.question,
        "answer": parts.answer,
        "group_column": parts.group_column,
        "group": parts.group,
        "teacher": parts.teacher,
        "token": parts.token,
    }
    ON(
        [component.change for name, component in values.items() if name != "token"],
        ui_handler(ctx, form.show_command),
        inputs_kwargs=values,
        outputs=parts.command,
        # the last of many: a file that is opened fills nine fields at once
        trigger_mode="always_last",
        **QUIET,
    )
    shown = [parts.card, parts.result, parts.runs, parts.next]
    follow(ctx, form.show_run, inputs=[parts.runs], outputs=shown, extra=parts.runs.input)
    started = parts.start.click(
        ui_handler(ctx, form.start_generation),
        inputs_kwargs=values,
        outputs=parts.runs,
        trigger_mode="once",
        **QUIET,
    )
    started.success(ui_handler(ctx, form.show_run), parts.runs, shown, **QUIET)
    wire_job_cards(ctx, parts.card)
    parts.next.click(None, js="() => { window.WB.openTab('train'); }", **QUIET)
