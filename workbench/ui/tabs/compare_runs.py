"""Several runs side by side: the result table, errors by category, what changed most, plots, and files of all that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.evaluation.table import MOST_RUNS
from workbench.ui.components import command_line, json_view, labels_of
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import compare_runs_page as page
from workbench.ui.tabs.ticking import BUSY, ON, follow
from workbench.ui.views.html import el, paragraph

DOWNLOAD = "() => { setTimeout(() => document.querySelector('#runs-download')?.click(), 100); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    runs: gr.Dropdown
    reference: gr.Dropdown
    every: gr.Checkbox
    exploratory: gr.Checkbox
    make: gr.Button
    table: gr.HTML
    plots: gr.HTML
    looked: gr.Dropdown
    column: gr.Dropdown
    source: gr.Radio
    upload: gr.File
    genres: gr.HTML
    flips: gr.HTML
    format: gr.Dropdown
    save: gr.Button
    download: gr.DownloadButton
    command: gr.HTML

    @property
    def choice(self) -> list[Any]:
        """Inputs of every handler that needs the table, in the order of `Choice`."""
        return [self.runs, self.reference, self.every, self.exploratory]

    @property
    def detail(self) -> list[Any]:
        """Further inputs of the handlers that look at one run against the reference."""
        return [self.looked, self.column, self.source, self.upload]


def build_section(ctx: UiContext) -> None:
    """Lay out the section; the tab around it stays as it is."""
    with gr.Accordion(ctx.t("run_table.title"), open=False, elem_classes="wb-card", elem_id="runs-section"):
        _wire(ctx, _lay_out(ctx))


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {}
    gr.HTML(paragraph(ctx.t("run_table.lead"), "wb-soft"), elem_classes="wb-html")
    with gr.Row(elem_classes="wv-tools"):
        found["runs"] = gr.Dropdown(
            [],
            multiselect=True,
            max_choices=MOST_RUNS,
            label=ctx.t("run_table.runs"),
            info=ctx.t("run_table.runs.hint"),
            elem_id="runs-chosen",
            scale=4,
        )
        found["reference"] = gr.Dropdown(
            [],
            label=ctx.t("run_table.against"),
            info=ctx.t("run_table.against.hint"),
            elem_id="runs-reference",
            scale=2,
        )
    with gr.Row(elem_classes="wv-tools"):
        found["every"] = gr.Checkbox(label=ctx.t("run_table.every"), elem_id="runs-every", min_width=200)
        found["exploratory"] = gr.Checkbox(
            label=ctx.t("run_table.exploratory"),
            info=ctx.t("run_table.exploratory.hint"),
            elem_id="runs-exploratory",
            min_width=200,
        )
        found["make"] = gr.Button(ctx.t("run_table.make"), variant="primary", elem_id="runs-make", scale=0)
    found["table"] = gr.HTML(elem_id="runs-table", elem_classes="wb-html")
    found["plots"] = json_view(
        "figures",
        elem_id="runs-plots",
        labels=labels_of(ctx, "run_table.plot.label", ("plots", "picture")),
        scripts=("plotly.min.js", "figures.js"),
        classes=("wb-chart",),
    )
    return Parts(**found, **_lay_out_detail(ctx), **_lay_out_files(ctx))


def _lay_out_detail(ctx: UiContext) -> dict[str, Any]:
    found: dict[str, Any] = {}
    gr.HTML(el("h3", ctx.t("genres.title")), elem_classes="wb-html")
    with gr.Row(elem_classes="wv-tools"):
        found["looked"] = gr.Dropdown([], label=ctx.t("genres.run"), elem_id="runs-looked", min_width=200)
        found["column"] = gr.Dropdown([], label=ctx.t("genres.column"), elem_id="runs-column", min_width=200)
        found["source"] = gr.Radio(
            [(ctx.t(f"genres.source.{name}"), name) for name in page.SOURCES],
            value=page.SOURCES[0],
            label=ctx.t("genres.source"),
            elem_id="runs-genre-source",
            min_width=320,
        )
    found["upload"] = gr.File(
        label=ctx.t("genres.upload"),
        file_types=[".yaml", ".yml", ".csv", ".jsonl"],
        elem_id="runs-genre-file",
        height=110,
        visible=False,
    )
    found["genres"] = gr.HTML(elem_id="runs-genres", elem_classes="wb-html")
    found["flips"] = gr.HTML(elem_id="runs-flips", elem_classes="wb-html")
    return found


def _lay_out_files(ctx: UiContext) -> dict[str, Any]:
    with gr.Row(elem_classes="wv-tools"):
        format_ = gr.Dropdown(
            [(ctx.t(f"run_table.format.{name}"), name) for name in page.SAVED],
            value=page.SAVED[0],
            label=ctx.t("run_table.format"),
            elem_id="runs-format",
            scale=0,
            min_width=220,
        )
        save = gr.Button(ctx.t("run_table.save"), elem_id="runs-save", scale=0)
        download = gr.DownloadButton(elem_id="runs-download", visible="hidden")
    return {
        "format": format_,
        "save": save,
        "download": download,
        "command": command_line(ctx, "runs-command"),
    }


def _wire(ctx: UiContext, parts: Parts) -> None:
    follow(
        ctx,
        page.list_runs,
        inputs=[parts.runs, parts.reference],
        outputs=[parts.runs, parts.reference],
        extra=parts.runs.input,
    )
    made = parts.make.click(
        ui_handler(ctx, page.show_table),
        parts.choice,
        [parts.table, parts.looked, parts.column, parts.command],
        trigger_mode="once",
        **BUSY,
    )
    detail = [parts.plots, parts.genres, parts.flips]
    inputs = [*parts.choice, *parts.detail]
    made.success(ui_handler(ctx, page.show_detail), inputs, detail, **QUIET)
    changed = [parts.looked.input, parts.column.input, parts.source.input, parts.upload.change]
    ON(changed, ui_handler(ctx, page.show_detail), inputs, detail, **QUIET)
    parts.source.change(ui_handler(ctx, page.choose_source), parts.source, parts.upload, **QUIET)
    written = parts.save.click(
        ui_handler(ctx, page.save),
        [*parts.choice, *parts.detail, parts.format],
        parts.download,
        trigger_mode="once",
        **BUSY,
    )
    written.success(None, js=DOWNLOAD, **QUIET)
