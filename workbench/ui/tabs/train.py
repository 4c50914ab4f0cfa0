"""学習: a new run, and the live view of one. Closing the page stops nothing: all is read from the disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import StateError, WorkbenchError
from workbench.jobs import JobFolder
from workbench.schemas.base import parse
from workbench.schemas.job import ENDED, ControlVerb, JobRecord
from workbench.schemas.training import LoraSettings, SFTSettings
from workbench.training.coverage import measure_coverage
from workbench.training.models import describe_model
from workbench.training.plan import training_bytes
from workbench.ui.components import chart_payload, command_line, live_chart
from workbench.ui.context import UiContext
from workbench.ui.forms import Form, build_form
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import train_form as form
from workbench.ui.tabs.controls import ask_job
from workbench.ui.tabs.data_form import count_lines
from workbench.ui.tabs.ticking import ON, SKIP, follow, page_token
from workbench.ui.views import training as view
from workbench.ui.views.html import el, join, paragraph
from workbench.ui.views.run_reader import RunReaders
from workbench.ui.views.runs import keep_choice, make_request_id, pick_run, run_choices

VERBS: tuple[ControlVerb, ...] = ("pause", "stop", "cancel")


@dataclass(frozen=True)
class FormParts:
    """The components of the form."""

    dataset: gr.Dropdown
    model: gr.Dropdown
    name: gr.Textbox
    note: gr.HTML
    consent_box: gr.Column
    consent_text: gr.HTML
    consent: gr.Checkbox
    fields: Form
    plan: gr.HTML
    fix: gr.Button
    changes: gr.State
    start: gr.Button
    token: gr.State
    command: gr.HTML

    @property
    def values(self) -> dict[str, Any]:
        """What a handler of the form is given."""
        chosen = {"dataset": self.dataset, "model": self.model, "name": self.name, "consent": self.consent}
        return {**self.fields, **chosen}


@dataclass(frozen=True)
class LiveParts:
    """The components of the view of a run."""

    runs: gr.Dropdown
    headline: gr.HTML
    buttons: tuple[gr.Column, ...]
    resume: gr.Column
    body: gr.Row
    chart: gr.HTML
    kpis: gr.HTML
    notices: gr.HTML
    next: gr.Button

    @property
    def shown(self) -> list[Any]:
        """Outputs of `show_run`, in its order."""
        rest = [self.body, self.chart, self.kpis, self.notices, self.next]
        return [self.runs, self.headline, *self.buttons, self.resume, *rest]


def list_runs(ctx: UiContext) -> list[JobRecord]:
    """Training jobs, those of recipes included; newest first."""
    return ctx.jobs.list(kind="train")


def asked_of(job: JobRecord) -> str:
    """The verb that a running job was asked to follow and has not followed yet; empty for none."""
    if job.status.state != "running":
        return ""
    control = JobFolder(Path(job.folder)).read_control()
    return control.verb if control is not None else ""


def read_facts(job: JobRecord) -> view.RunFacts:
    """Rows and reach of a run, from its files; a file that is gone leaves its fact out."""
    config = job.spec.config
    lora = json.dumps(config.get("lora", {}), sort_keys=True)
    files = tuple(str(config.get(name, "")) for name in ("train_file", "rehearsal_file"))
    return _facts(str(config.get("model", "")), files, lora)


@lru_cache(maxsize=16)
def _facts(model: str, files: tuple[str, ...], lora: str) -> view.RunFacts:
    rows = sum(count_lines(Path(name)) for name in files) or None
    try:
        info = describe_model(Path(model))
        reach = measure_coverage(info.tensors, info.model_type, parse(LoraSettings, json.loads(lora)))
    except WorkbenchError:
        return view.RunFacts(rows)
    return view.RunFacts(rows, reach.of_all, reach.of_body)


def show_run(ctx: UiContext, readers: RunReaders, chosen: str | None) -> list[Any]:
    """Everything about the run on display, from its folder.

    Returns:
        Values for `LiveParts.shown`.
    """
    jobs = list_runs(ctx)
    job = pick_run(jobs, chosen or "")
    runs = gr.update(
        choices=run_choices(jobs, ctx.lang), value=keep_choice(jobs, chosen), visible=len(jobs) > 1
    )
    if job is None:
        hidden = [gr.update(visible=False)] * (len(VERBS) + 2)
        return [
            runs,
            view.render_headline(None, ctx.lang),
            *hidden,
            SKIP,
            "",
            "",
            gr.update(visible=False),
        ]
    reader = readers.of(Path(job.folder))
    reader.refresh()
    asked = asked_of(job)
    active = job.status.state == "running" and not asked
    buttons = [gr.update(visible=active)] * len(VERBS)
    curves = reader.curves
    notices = view.collect_notices(reader.events, curves, reader.series.latest, ctx.lang)
    return [
        runs,
        view.render_headline(job, ctx.lang, known=read_facts(job), asked=asked),
        *buttons,
        gr.update(visible=can_resume(job)),
        gr.update(visible=True),
        chart_payload(curves, ctx.lang, run=job.spec.id, total_steps=view.total_steps(job)),
        view.render_kpis(curves, job.spec.memory_bytes, ctx.lang),
        view.render_notices(notices, ctx.lang),
        gr.update(visible=job.status.state == "succeeded"),
    ]


def can_resume(job: JobRecord) -> bool:
    """Whether a run can go on from its last checkpoint."""
    return job.resumable and job.status.state in {"paused", *ENDED} and job.status.state != "succeeded"


def start_training(ctx: UiContext, **values: Any) -> str:
    """Validate the form and queue a run; the choice that shows it.

    Raises:
        InputError: No data or no model was chosen, or its program was not allowed.
        ConfigError: One entry per bad field.
    """
    token = str(values.pop("token"))
    settings = form.read_settings(ctx, values)
    submit_training(ctx, settings, token)
    # the empty choice follows the newest run, which is this one
    return ""


def submit_training(ctx: UiContext, settings: SFTSettings, token: str) -> JobRecord:
    """Queue a run once, however often the button was pressed."""
    request = make_request_id(token, settings, list_runs(ctx))
    return ctx.jobs.submit(
        "train", settings.name, settings, request_id=request, memory_bytes=training_bytes(settings)
    )


def ask_run(ctx: UiContext, readers: RunReaders, verb: str, chosen: str | None) -> list[Any]:
    """Pause, stop, cancel or resume the run on display.

    Raises:
        StateError: There is none, or its state does not allow it.
    """
    job = pick_run(list_runs(ctx), chosen or "")
    if job is None:
        raise StateError("train_no_run")
    ask_job(ctx, job.spec.id, verb)
    return show_run(ctx, readers, chosen)


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("train_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("train_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    live = _lay_out_live(ctx)
    parts = _lay_out_form(ctx)
    _wire_live(ctx, live)
    _wire_form(ctx, parts, live)


def _lay_out_live(ctx: UiContext) -> LiveParts:
    runs = gr.Dropdown(
        run_choices([], ctx.lang),
        value="",
        label=ctx.t("train_tab.runs"),
        visible=False,
        elem_id="train-runs",
    )
    headline = gr.HTML(elem_id="train-headline", elem_classes="wb-html")
    with gr.Row(elem_classes="wv-verbs"):
        buttons = tuple(_verb(ctx, verb) for verb in VERBS)
        resume = _verb(ctx, "resume", variant="primary")
    with gr.Row(visible=False, equal_height=False) as body:
        with gr.Column(scale=2, min_width=540, elem_classes="wb-card"):
            chart = live_chart(ctx, "train-chart")
        with gr.Column(scale=1, min_width=280):
            kpis = gr.HTML(elem_id="train-kpis", elem_classes="wb-html")
            notices = gr.HTML(elem_id="train-notices", elem_classes=["wb-html", "wb-card"])
    following = gr.Button(ctx.t("train_tab.next"), variant="primary", elem_id="train-next", visible=False)
    return LiveParts(runs, headline, buttons, resume, body, chart, kpis, notices, following)


def _verb(ctx: UiContext, verb: str, variant: Any = "secondary") -> gr.Column:
    """A button, and below it what it keeps."""
    with gr.Column(visible=False, min_width=180, elem_classes="wv-verb") as column:
        gr.Button(
            ctx.t(f"train_tab.{verb}"),
            variant=variant,
            elem_id=f"train-{verb}",
            elem_classes=f"wv-verb-{verb}",
        )
        gr.HTML(paragraph(ctx.t(f"train_tab.{verb}.keeps"), "wb-soft wb-tiny"), elem_classes="wb-html")
    return column


def _button_of(column: gr.Column) -> gr.Button:
    return next(child for child in column.children if isinstance(child, gr.Button))


def _lay_out_form(ctx: UiContext) -> FormParts:
    idle = pick_run(list_runs(ctx), "") is None
    with gr.Accordion(ctx.t("train_tab.new"), open=idle, elem_id="train-new", elem_classes="wb-card"):
        with gr.Row():
            dataset = _choice(ctx, "dataset")
            model = _choice(ctx, "model")
            name = gr.Textbox(
                label=ctx.t("train_tab.name"),
                info=ctx.t("train_tab.name.hint"),
                elem_id="train-name",
                max_length=100,
            )
        note = gr.HTML(elem_id="train-model-note", elem_classes="wb-html")
        with gr.Column(visible=False, elem_id="train-consent-box", elem_classes="wv-consent") as consent_box:
            consent_text = gr.HTML(elem_classes="wb-html")
            consent = gr.Checkbox(label=ctx.t("train_tab.consent.label"), elem_id="train-consent")
        fields = build_form(SFTSettings, "train", ctx, fields=form.PLAIN, advanced=form.ADVANCED, columns=3)
        plan = gr.HTML(
            paragraph(ctx.t("train_tab.plan.choose"), "wb-soft"), elem_id="train-plan", elem_classes="wb-html"
        )
        changes = gr.State({})
        with gr.Row(elem_classes="wb-buttons"):
            start = gr.Button(ctx.t("train_tab.start"), variant="primary", elem_id="train-start")
            fix = gr.Button(ctx.t("train_tab.fix.apply"), visible=False, elem_id="train-fix")
    command = command_line(ctx, "train-command")
    token = page_token()
    boxes = (consent_box, consent_text, consent)
    return FormParts(dataset, model, name, note, *boxes, fields, plan, fix, changes, start, token, command)


def _choice(ctx: UiContext, name: str) -> gr.Dropdown:
    label, hint = ctx.t(f"train_tab.{name}"), ctx.t(f"train_tab.{name}.hint")
    return gr.Dropdown([], label=label, info=hint, elem_id=f"train-{name}")


def _wire_live(ctx: UiContext, parts: LiveParts) -> None:
    readers = RunReaders()

    def look(ctx: UiContext, chosen: str | None) -> list[Any]:
        return show_run(ctx, readers, chosen)

    follow(ctx, look, inputs=[parts.runs], outputs=parts.shown, extra=parts.runs.input)
    for verb, column in zip((*VERBS, "resume"), (*parts.buttons, parts.resume), strict=True):
        _button_of(column).click(
            _asker(ctx, readers, verb), parts.runs, parts.shown, trigger_mode="once", **QUIET
        )
    parts.next.click(None, js="() => { window.WB.openTab('evaluate'); }", **QUIET)


def _asker(ctx: UiContext, readers: RunReaders, verb: str) -> Any:
    def press(ctx: UiContext, chosen: str | None) -> list[Any]:
        return ask_run(ctx, readers, verb, chosen)

    return ui_handler(ctx, press)


def _wire_form(ctx: UiContext, parts: FormParts, live: LiveParts) -> None:
    lists = [parts.dataset, parts.model]
    follow(ctx, form.list_choices, inputs=lists, outputs=lists)
    fields = [parts.fields[form.form_key(name)] for name in form.FIELDS]
    told = [parts.note, parts.consent_text, parts.consent_box, parts.consent, *fields]
    parts.model.change(ui_handler(ctx, form.choose_model), parts.model, told, **QUIET)
    watched = [parts.dataset.change, parts.model.change, *(field.change for field in fields)]
    outlook: dict[str, Any] = {
        "inputs_kwargs": parts.values,
        "outputs": [parts.plan, parts.fix, parts.changes, parts.command],
    }
    ON(watched, ui_handler(ctx, form.show_plan), **outlook, trigger_mode="always_last", **QUIET)
    parts.fix.click(ui_handler(ctx, form.apply_fix), parts.changes, fields, trigger_mode="once", **QUIET)
    started = parts.start.click(
        ui_handler(ctx, start_training),
        inputs_kwargs={**parts.values, "token": parts.token},
        outputs=live.runs,
        trigger_mode="once",
        **QUIET,
    )
    started.success(None, js="() => { window.scrollTo({ top: 0, behavior: 'smooth' }); }", **QUIET)
