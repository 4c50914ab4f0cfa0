"""比較: what came out, and the answers side by side, question by question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.ui.components import answer_view, command_line
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import compare_page as page
from workbench.ui.tabs import compare_runs, gate_section
from workbench.ui.tabs.compare_page import Page
from workbench.ui.tabs.ticking import ON, follow
from workbench.ui.views import items as one
from workbench.ui.views.html import el

OPEN_REVIEW = "(comparison) => { window.WB.openReview(comparison); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    chosen: gr.Dropdown
    review: gr.Button
    summary: gr.HTML
    figures: gr.HTML
    filter: gr.Dropdown
    kind: gr.Dropdown
    search: gr.Textbox
    current: gr.State
    progress: gr.HTML
    previous: gr.Button
    next: gr.Button
    question: gr.HTML
    command: gr.HTML

    @property
    def page(self) -> list[Any]:
        """Inputs of every handler that shows a question, in the order of `Page`."""
        return [self.chosen, self.filter, self.kind, self.search, self.current]

    @property
    def shown(self) -> list[Any]:
        """Outputs of every handler that shows a question, in the order of `show`."""
        return [self.current, self.question, self.progress, self.filter]


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    _wire(ctx, _lay_out(ctx))


def _lay_out(ctx: UiContext) -> Parts:
    found: dict[str, Any] = {"current": gr.State("")}
    with gr.Row(elem_classes="wv-title-row"):
        gr.HTML(el("h1", ctx.t("compare_tab.title")), elem_classes="wb-html")
        found["chosen"] = gr.Dropdown(
            [], label=ctx.t("compare_tab.choose"), elem_id="cmp-comparison", visible=False, scale=2
        )
        found["review"] = gr.Button(
            ctx.t("compare_tab.review_this"),
            variant="primary",
            elem_id="cmp-review",
            visible=False,
            scale=0,
            min_width=240,
        )
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", scale=4, min_width=440):
            found["summary"] = gr.HTML(elem_id="cmp-summary", elem_classes="wb-html")
        with gr.Column(elem_classes="wb-card", scale=5, min_width=480):
            found["figures"] = gr.HTML(elem_id="cmp-figures", elem_classes="wb-html")
    found |= _lay_out_reading(ctx)
    compare_runs.build_section(ctx)
    gate_section.build_section(ctx)
    found["command"] = command_line(ctx, "compare-command")
    return Parts(**found)


def _lay_out_reading(ctx: UiContext) -> dict[str, Any]:
    gr.HTML(el("h2", ctx.t("compare_tab.read")), elem_classes="wb-html")
    kinds = [(ctx.t(f"compare_tab.kind.{name}"), name) for name in one.KINDS]
    filters = [(ctx.t(f"compare_tab.filter.{name}"), name) for name in one.FILTERS]
    with gr.Row(elem_classes="wv-tools"):
        filter_ = gr.Dropdown(
            filters, value="all", label=ctx.t("compare_tab.filter"), elem_id="cmp-filter", min_width=170
        )
        kind = gr.Dropdown(
            kinds, value="all", label=ctx.t("compare_tab.kind"), elem_id="cmp-kind", min_width=150
        )
        search = gr.Textbox(
            label=ctx.t("compare_tab.search"),
            placeholder=ctx.t("compare_tab.search.hint"),
            elem_id="cmp-search",
            min_width=170,
        )
    with gr.Row(elem_classes="wv-tools"):
        progress = gr.HTML(elem_id="cmp-progress", elem_classes="wb-html")
        previous = gr.Button(ctx.t("compare_tab.previous"), elem_id="cmp-prev", scale=0, min_width=90)
        following = gr.Button(ctx.t("compare_tab.next"), elem_id="cmp-next", scale=0, min_width=90)
    question = answer_view(ctx, "cmp-question")
    names = ("filter", "kind", "search", "progress", "previous", "next", "question")
    return dict(zip(names, (filter_, kind, search, progress, previous, following, question), strict=True))


def _wire(ctx: UiContext, parts: Parts) -> None:
    follow(ctx, page.list_comparisons, inputs=[parts.chosen], outputs=[parts.chosen, parts.review])

    def look_first(ctx: UiContext, *values: Any) -> list[Any]:
        return page.show(ctx, Page.of(values)._replace(current=""))

    top = [parts.summary, parts.figures, parts.command]
    blocks_load = parts.chosen.change(ui_handler(ctx, page.show_comparison), parts.chosen, top, **QUIET)
    blocks_load.then(ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    narrowed = [parts.filter.input, parts.kind.input, parts.search.submit, parts.search.blur]
    ON(narrowed, ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    for by, button in ((-1, parts.previous), (1, parts.next)):
        button.click(_stepper(ctx, by), parts.page, parts.shown, **QUIET)
    parts.review.click(None, parts.chosen, None, js=OPEN_REVIEW, **QUIET)


def _stepper(ctx: UiContext, by: int) -> Any:
    def press(ctx: UiContext, *values: Any) -> list[Any]:
        return page.step(ctx, Page.of(values), by)

    return ui_handler(ctx, press)
