"""The gate as a form: what must hold, of which run, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.ui.components import command_line, json_view
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import gate_page as page
from workbench.ui.tabs.ticking import BUSY, ON, follow
from workbench.ui.views.html import paragraph

DOWNLOAD = "() => { setTimeout(() => document.querySelector('#gate-download')?.click(), 100); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    baseline: gr.Dropdown
    candidate: gr.Dropdown
    sample: gr.Dropdown
    upload: gr.File
    spec: gr.State
    form: gr.HTML
    check: gr.Button
    verdict: gr.HTML
    save_gate: gr.Button
    save_report: gr.Button
    save_junit: gr.Button
    download: gr.DownloadButton
    command: gr.HTML

    @property
    def asked(self) -> list[Any]:
        """Inputs of every handler, in the order of `page.Asked`."""
        return [self.spec, self.baseline, self.candidate]


def build_section(ctx: UiContext) -> None:
    """Lay out the section; the tab around it stays as it is."""
    with gr.Accordion(ctx.t("gate.title"), open=False, elem_classes="wb-card", elem_id="gate-section"):
        _wire(ctx, _lay_out(ctx))


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"spec": gr.State(page.first_gate())}
    gr.HTML(paragraph(ctx.t("gate.lead"), "wb-soft"), elem_classes="wb-html")
    with gr.Row(elem_classes="wv-tools"):
        for name in ("baseline", "candidate"):
            found[name] = gr.Dropdown([], label=ctx.t(f"gate.{name}"), elem_id=f"gate-{name}", min_width=220)
        samples = [(ctx.t(f"gate.sample.{name}"), name) for name in page.SAMPLES]
        found["sample"] = gr.Dropdown(
            samples, value=page.SAMPLES[0], label=ctx.t("gate.sample"), elem_id="gate-sample", min_width=220
        )
    found["upload"] = gr.File(
        label=ctx.t("gate.upload"), file_types=[".yaml", ".yml"], elem_id="gate-file", height=100
    )
    found["form"] = json_view("gate", elem_id="gate-form", labels={}, scripts=("gate.js",))
    with gr.Row(elem_classes="wb-buttons"):
        found["check"] = gr.Button(ctx.t("gate.check"), variant="primary", elem_id="gate-check", scale=0)
        for name in ("gate", "report", "junit"):
            found[f"save_{name}"] = gr.Button(
                ctx.t(f"gate.save_{name}"), elem_id=f"gate-save-{name}", scale=0
            )
        found["download"] = gr.DownloadButton(elem_id="gate-download", visible="hidden")
    found["verdict"] = gr.HTML(elem_id="gate-verdict", elem_classes="wb-html")
    found["command"] = command_line(ctx, "gate-command")
    return Parts(**found)


def _wire(ctx: UiContext, parts: Parts) -> None:
    runs = [parts.baseline, parts.candidate]
    follow(ctx, page.list_runs, inputs=runs, outputs=runs)
    shown = [parts.form, parts.command]
    ON([part.change for part in runs], ui_handler(ctx, page.show_form), parts.asked, shown, **QUIET)
    taken = [parts.spec, *shown]
    parts.sample.input(
        ui_handler(ctx, page.take_sample), [parts.sample, *parts.asked], taken, trigger_mode="once", **QUIET
    )
    parts.upload.upload(ui_handler(ctx, page.take_file), [parts.upload, *parts.asked], taken, **QUIET)
    click: Any = parts.form.click
    click(ui_handler(ctx, page.edit), parts.asked, taken, **QUIET)
    parts.check.click(ui_handler(ctx, page.check), parts.asked, parts.verdict, trigger_mode="once", **BUSY)
    for button, fn in (
        (parts.save_gate, page.save_gate),
        (parts.save_report, page.save_report),
        (parts.save_junit, page.save_junit),
    ):
        written = button.click(ui_handler(ctx, fn), parts.asked, parts.download, trigger_mode="once", **BUSY)
        written.success(None, js=DOWNLOAD, **QUIET)
