"""How much a server bears: a job that asks with more and more requests at the same time, drawn as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.artifacts import read_jsonl
from workbench.errors import InputError
from workbench.schemas.base import parse
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.probing import LoadLevel, LoadProbeConfig, LoadReport
from workbench.ui.components import job_cards, job_row, jobs_payload, json_view, labels_of
from workbench.ui.context import UiContext
from workbench.ui.forms import Form, build_form, parse_form
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.live_sources import Source, list_sources
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.evaluate_page import keep_listed
from workbench.ui.tabs.ticking import follow, page_token
from workbench.ui.views import probing as view
from workbench.ui.views.html import el, join, paragraph
from workbench.ui.views.run_plots import figures_payload
from workbench.ui.views.runs import make_request_id, pick_run

FIELDS = ("max_tokens", "rounds", "budget_seconds")
LEVEL_FIELDS = frozenset(LoadLevel.model_fields)


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    source: gr.Dropdown
    form: Form
    start: gr.Button
    token: gr.State
    card: gr.HTML
    said: gr.HTML
    chart: gr.HTML


def list_load_jobs(ctx: UiContext) -> list[JobRecord]:
    """Measurements, newest first."""
    return ctx.jobs.list(kind="load_probe")


def start_load(ctx: UiContext, **values: Any) -> None:
    """Submit a measurement of the chosen model.

    Raises:
        InputError: `load_no_source`.
        ConfigError: One entry per bad field.
    """
    source = find_source(ctx, str(values.pop("source") or ""))
    token = str(values.pop("token"))
    given = {name: value for name, value in values.items() if value is not None}
    config = parse_form(LoadProbeConfig, given, fixed={"endpoint": source.endpoint})
    key = source.endpoint.api_key_env
    ctx.jobs.submit(
        "load_probe",
        source.label,
        config,
        request_id=make_request_id(token, config, list_load_jobs(ctx)),
        secret_names=(key,) if key else (),
    )


def find_source(ctx: UiContext, chosen: str) -> Source:
    """The model to measure.

    Raises:
        InputError: `load_no_source`.
    """
    found = next((source for source in list_sources(ctx) if source.id == chosen), None)
    if found is None:
        raise InputError("load_no_source")
    return found


def read_levels(job: JobRecord) -> tuple[list[LoadLevel], LoadReport | None]:
    """The levels that are done, and the report once there is one."""
    if job.result is not None:
        report = LoadReport.model_validate(job.result)
        return list(report.levels), report
    path = Path(job.folder) / "metrics.jsonl"
    return [_level(line) for line in read_jsonl(path)] if path.exists() else [], None


def _level(line: Mapping[str, Any]) -> LoadLevel:
    return parse(LoadLevel, {name: value for name, value in line.items() if name in LEVEL_FIELDS})


def show_load(ctx: UiContext, chosen: str | None) -> list[Any]:
    """Models to choose from, the measurement that goes on, its words and its chart."""
    choices = [(source.label, source.id) for source in list_sources(ctx)]
    listed = gr.update(**keep_listed(choices, chosen))
    job = pick_run(list_load_jobs(ctx), "")
    if job is None:
        return [listed, jobs_payload([]), "", figures_payload([])]
    levels, report = read_levels(job)
    over = job.status.state in ENDED and job.status.state != "failed"
    rows = [] if over else [job_row(job, job.status.updated_at, ctx.lang)]
    said = join([el("h3", job.spec.title), view.render_load(levels, report, ctx.lang)]) if levels else ""
    figures = view.make_load_figure(levels, report.knee if report else None, ctx.lang)
    return [listed, gr.update(value=jobs_payload(rows), visible=bool(rows)), said, figures_payload(figures)]


def build(ctx: UiContext) -> None:
    """Lay out the card."""
    with gr.Accordion(ctx.t("load.title"), open=False, elem_classes="wb-card", elem_id="serve-load"):
        gr.HTML(paragraph(ctx.t("load.lead"), "wb-soft"), elem_classes="wb-html")
        source = gr.Dropdown(
            [], label=ctx.t("load.source"), info=ctx.t("load.source.hint"), elem_id="load-source"
        )
        form = build_form(LoadProbeConfig, "load", ctx, fields=FIELDS, columns=3)
        with gr.Row(elem_classes="wb-buttons"):
            start = gr.Button(ctx.t("load.start"), elem_id="load-start")
        card = job_cards(ctx, "load-job")
        said = gr.HTML(elem_id="load-said", elem_classes="wb-html")
        chart = json_view(
            "figures",
            elem_id="load-chart",
            labels={**labels_of(ctx, "run_table.plot.label", ("plots", "picture")), "height": "380"},
            scripts=("plotly.min.js", "figures.js"),
            classes=("wb-chart",),
        )
    _wire(ctx, Parts(source, form, start, page_token(), card, said, chart))


def _wire(ctx: UiContext, parts: Parts) -> None:
    outputs = [parts.source, parts.card, parts.said, parts.chart]
    follow(ctx, show_load, inputs=[parts.source], outputs=outputs)
    started = parts.start.click(
        ui_handler(ctx, start_load),
        inputs_kwargs={**parts.form, "source": parts.source, "token": parts.token},
        outputs=None,
        trigger_mode="once",
        **QUIET,
    )
    started.success(ui_handler(ctx, show_load), parts.source, outputs, **QUIET)
    wire_job_cards(ctx, parts.card)
