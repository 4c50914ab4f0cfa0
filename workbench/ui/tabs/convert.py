"""変換: a folder is chosen, the page says what it is and what it can become, and the result proves itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.schemas.conversion import ConvertConfig
from workbench.ui.components import command_line, job_cards
from workbench.ui.context import UiContext
from workbench.ui.forms import Form, make_component
from workbench.ui.handlers import QUIET, ui_handler, ui_stream
from workbench.ui.handover import OPEN, handed_state
from workbench.ui.tabs import convert_page as page
from workbench.ui.tabs import convert_run as run
from workbench.ui.tabs.controls import wire_job_cards
from workbench.ui.tabs.ticking import BUSY, ON, SKIP, follow, page_token
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.runs import run_choices

PATIENCE = 0.4
"""Seconds of silence before the page says that it is reading; most folders are read in less."""
TO_RUN = "() => { document.querySelector('#convert-run')?.scrollIntoView({ behavior: 'smooth' }); }"
LIST_SECONDS = 4.0


@dataclass(frozen=True)
class FormParts:
    """The components that describe a conversion."""

    source: gr.Dropdown
    path: gr.Textbox
    found: gr.HTML
    to: gr.Radio
    unfit: gr.HTML
    base: gr.Dropdown
    dtype: gr.Dropdown
    ollama: gr.Column
    ollama_fields: Form
    name: gr.Textbox
    target: gr.Textbox
    texts: gr.Dropdown
    shard_gb: gr.Number
    plan: gr.HTML
    start: gr.Button
    token: gr.State
    command: gr.HTML

    @property
    def values(self) -> dict[str, Any]:
        """What a handler of the form is given."""
        names = ("source", "path", "to", "base", "dtype", "name", "target", "texts", "shard_gb")
        return {**{name: getattr(self, name) for name in names}, **self.ollama_fields}

    @property
    def looked_at(self) -> list[Any]:
        """Outputs of a look at the source, in the order of `Look`."""
        first = [self.found, self.to, self.unfit, self.base, self.dtype, self.ollama]
        return [*first, self.plan, self.command, self.start]

    @property
    def planned(self) -> list[Any]:
        """Outputs of `replan`."""
        return [self.dtype, self.ollama, self.plan, self.command, self.start]


@dataclass(frozen=True)
class RunParts:
    """The components of the conversion on display."""

    runs: gr.Dropdown
    card: gr.HTML
    facts: gr.HTML
    consent_box: gr.Column
    consent: gr.Checkbox
    accept: gr.Button
    proof: gr.HTML
    serve: gr.Button
    compare: gr.Button
    more: gr.Column
    deliver: gr.Button

    @property
    def shown(self) -> list[Any]:
        """Outputs of `show_run`, in its order."""
        first = [self.runs, self.card, self.facts, self.consent_box]
        return [*first, self.proof, self.serve, self.compare, self.more, self.deliver]


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("convert_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("convert_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    found: dict[str, Any] = {"token": page_token()}
    with gr.Column(elem_classes="wb-card"):
        found |= _lay_out_source(ctx)
    with gr.Column(elem_classes="wb-card"):
        found |= _lay_out_target(ctx)
    running = _lay_out_run(ctx)
    parts = FormParts(**found, command=command_line(ctx, "convert-command"))
    _wire_form(ctx, parts, running)
    _wire_run(ctx, parts, running)


def _said(ctx: UiContext, name: str) -> dict[str, Any]:
    """Label, hint and id of a field."""
    key = f"convert_tab.{name}"
    return {"label": ctx.t(key), "info": ctx.t(f"{key}.hint"), "elem_id": f"convert-{name}"}


def _lay_out_source(ctx: UiContext) -> dict[str, Any]:
    gr.HTML(el("h2", ctx.t("convert_tab.what")), elem_classes="wb-html")
    with gr.Row(equal_height=True):
        source = gr.Dropdown([], value=None, **_said(ctx, "source"))
        path = gr.Textbox(max_lines=1, placeholder="/…/step_138", **_said(ctx, "path"))
    first = paragraph(ctx.t("convert_tab.choose"), "wb-soft")
    found = gr.HTML(first, elem_id="convert-found", elem_classes="wb-html")
    return {"source": source, "path": path, "found": found}


def _lay_out_target(ctx: UiContext) -> dict[str, Any]:
    gr.HTML(el("h2", ctx.t("convert_tab.into")), elem_classes="wb-html")
    made: dict[str, Any] = {
        "to": gr.Radio([], visible=False, label=ctx.t("convert_tab.to"), elem_id="convert-to"),
        "unfit": gr.HTML(
            paragraph(ctx.t("convert_tab.into.first"), "wb-soft"),
            elem_id="convert-unfit",
            elem_classes="wb-html",
        ),
    }
    with gr.Row(equal_height=True):
        made["base"] = gr.Dropdown(
            [], value=None, visible=False, allow_custom_value=True, **_said(ctx, "base")
        )
        made["dtype"] = gr.Dropdown(
            page.dtype_choices(ctx, ""), value=page.AS_IT_IS, visible=False, **_said(ctx, "dtype")
        )
    made |= _lay_out_ollama(ctx)
    made |= _lay_out_more(ctx)
    made["plan"] = gr.HTML(elem_id="convert-plan", elem_classes="wb-html")
    with gr.Row(elem_classes="wb-buttons"):
        made["start"] = gr.Button(
            ctx.t("convert_tab.start"), variant="primary", interactive=False, elem_id="convert-start"
        )
    return made


def _lay_out_ollama(ctx: UiContext) -> dict[str, Any]:
    fields: Form = {}
    *texts, switch = page.OLLAMA
    with gr.Column(visible=False, elem_id="convert-ollama") as ollama:
        with gr.Row(equal_height=True):
            fields |= {name: _make_field(ctx, name) for name in texts}
        fields[switch] = _make_field(ctx, switch)
    return {"ollama": ollama, "ollama_fields": fields}


def _make_field(ctx: UiContext, name: str) -> Any:
    return make_component(ctx, ConvertConfig, name, f"convert-{name.replace('_', '-')}")


def _lay_out_more(ctx: UiContext) -> dict[str, Any]:
    with gr.Accordion(ctx.t("form.advanced"), open=False, elem_id="convert-advanced", elem_classes="wb-more"):
        with gr.Row(equal_height=True):
            name = gr.Textbox(max_lines=1, max_length=100, **_said(ctx, "name"))
            target = gr.Textbox(max_lines=1, **_said(ctx, "target"))
        with gr.Row(equal_height=True):
            texts = gr.Dropdown(page.text_choices(ctx), value="", **_said(ctx, "texts"))
            shard = gr.Number(5, minimum=0.001, **_said(ctx, "shard_gb"))
    return {"name": name, "target": target, "texts": texts, "shard_gb": shard}


def _lay_out_run(ctx: UiContext) -> RunParts:
    runs = gr.Dropdown(
        run_choices([], ctx.lang),
        value="",
        label=ctx.t("convert_tab.runs"),
        visible=False,
        elem_id="convert-runs",
    )
    # nothing that is shown and hidden stands inside another such thing: what is drawn late loses its own state
    with gr.Column(elem_id="convert-run"):
        card = job_cards(ctx, "convert-job")
        with gr.Column(visible=False, elem_classes="wb-card") as more:
            facts = gr.HTML(elem_id="convert-facts", elem_classes="wb-html")
            proof = gr.HTML(elem_id="convert-proof", elem_classes=["wb-html"])
        asking, consent, accept = _lay_out_consent(ctx)
        with gr.Row(elem_classes="wb-buttons"):
            serve = gr.Button(
                ctx.t("convert_tab.serve"), variant="primary", visible=False, elem_id="convert-serve"
            )
            # a file that only an engine in a container reads is set up on the serving page
            deliver = gr.Button(
                ctx.t("convert_tab.serve"), variant="primary", visible=False, elem_id="convert-deliver"
            )
            compare = gr.Button(ctx.t("convert_tab.compare"), visible=False, elem_id="convert-compare")
    return RunParts(runs, card, facts, asking, consent, accept, proof, serve, compare, more, deliver)


def _lay_out_consent(ctx: UiContext) -> tuple[gr.Column, gr.Checkbox, gr.Button]:
    with gr.Column(visible=False, elem_classes="wv-consent", elem_id="convert-consent-box") as asking:
        gr.HTML(paragraph(ctx.t("convert_tab.consent.note")), elem_classes="wb-html")
        consent = gr.Checkbox(label=ctx.t("convert_tab.consent"), elem_id="convert-consent")
        accept = gr.Button(ctx.t("convert_tab.consent.go"), elem_id="convert-accept")
    return asking, consent, accept


async def tell(
    ctx: UiContext, work: Callable[[], tuple[Any, ...]], waiting: int
) -> AsyncGenerator[tuple[Any, ...]]:
    """Do something that reads a disk in a thread; where it takes long, say so meanwhile.

    Args:
        ctx: The page's context.
        work: Returns the values of the outputs.
        waiting: Which output says that the page is reading.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    if not done:
        yield _say_reading(ctx, waiting)
    yield tuple(await task)


def _say_reading(ctx: UiContext, waiting: int) -> tuple[Any, ...]:
    reading: Html = el("p", ctx.t("convert_tab.reading"), cls="cv-reading", role="status")
    count = len(page.Look._fields) if waiting == 0 else len(page.Look._fields) - 4
    return tuple(reading if place == waiting else SKIP for place in range(count))


def _wire_form(ctx: UiContext, parts: FormParts, running: RunParts) -> None:
    lists = [parts.source, parts.base, parts.texts]
    follow(ctx, page.show_lists, inputs=lists, outputs=lists, seconds=LIST_SECONDS)

    async def look(ctx: UiContext, **values: Any) -> AsyncGenerator[tuple[Any, ...]]:
        async for shown in tell(ctx, lambda: page.look_at_source(ctx, values), 0):
            yield shown

    async def replan(ctx: UiContext, **values: Any) -> AsyncGenerator[tuple[Any, ...]]:
        async for shown in tell(ctx, lambda: page.replan(ctx, values), 2):
            yield shown

    newest: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
    looked: dict[str, Any] = {"inputs_kwargs": parts.values, "outputs": parts.looked_at, **newest}
    # one of the two says what to convert: the later one. A paste is no `input`, but it is a `change`
    parts.source.input(None, None, parts.path, js="() => ''", **QUIET)
    both = [parts.path, parts.source]
    parts.path.change(None, both, parts.source, js="(path, source) => path ? null : source", **QUIET)
    ON([parts.source.input, parts.path.change], ui_stream(ctx, look), **looked)
    asked = [parts.to.input, parts.base.input, parts.dtype.input, parts.texts.input]
    *texts, switch = parts.ollama_fields.values()
    asked.append(switch.input)
    typed = [parts.name, parts.target, parts.shard_gb, *texts]
    asked += [event for box in typed for event in (box.blur, box.submit)]
    ON(asked, ui_stream(ctx, replan), inputs_kwargs=parts.values, outputs=parts.planned, **newest)
    started = parts.start.click(
        ui_handler(ctx, page.start_conversion),
        inputs_kwargs={**parts.values, "token": parts.token},
        outputs=running.runs,
        trigger_mode="once",
        **BUSY,
    )
    started.success(ui_handler(ctx, run.show_run), running.runs, running.shown, **QUIET).then(
        None, js=TO_RUN, **QUIET
    )


def _wire_run(ctx: UiContext, parts: FormParts, running: RunParts) -> None:
    follow(
        ctx, run.show_run, inputs=[running.runs], outputs=running.shown, extra=running.runs.input, seconds=1.0
    )
    wire_job_cards(ctx, running.card)
    once: dict[str, Any] = {**QUIET, "trigger_mode": "once"}
    agreed = [running.runs, running.consent, parts.token]
    running.accept.click(ui_handler(ctx, run.accept_tokenizer), agreed, running.runs, **once)

    def serve(ctx: UiContext, chosen: str | None) -> None:
        run.serve_result(ctx, chosen)

    served = running.serve.click(ui_handler(ctx, serve), running.runs, None, **once)
    served.success(None, js=OPEN % "live", **QUIET)
    handed = running.compare.click(ui_handler(ctx, run.hand_over), running.runs, handed_state(), **once)
    handed.success(None, js=OPEN % "evaluate", **QUIET)
    delivered = running.deliver.click(
        ui_handler(ctx, run.hand_to_serving), running.runs, handed_state(), **once
    )
    delivered.success(None, js=OPEN % "serve", **QUIET)
