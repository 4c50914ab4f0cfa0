"""比較: what came out, and the answers side by side, question by question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.context import Context

from workbench.ui.components import answer_view, command_line
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import compare_page as page
from workbench.ui.tabs.compare_page import NAME_LENGTH, Page
from workbench.ui.tabs.ticking import ON, follow
from workbench.ui.views import items as one
from workbench.ui.views.html import el

VERDICTS = ("left", "tie", "right", "bad")
DOWNLOAD = "() => { setTimeout(() => document.querySelector('#cmp-download')?.click(), 100); }"


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    chosen: gr.Dropdown
    summary: gr.HTML
    figures: gr.HTML
    filter: gr.Dropdown
    kind: gr.Dropdown
    search: gr.Textbox
    reviewer: gr.Textbox
    blind: gr.Checkbox
    current: gr.State
    progress: gr.HTML
    question: gr.HTML
    votes: tuple[gr.Button, ...]
    previous: gr.Button
    next: gr.Button
    undo: gr.Button
    comment: gr.Textbox
    tally: gr.HTML
    export: gr.Button
    download: gr.DownloadButton
    command: gr.HTML

    @property
    def page(self) -> list[Any]:
        """Inputs of every handler that shows a question, in the order of `Page`."""
        return [self.chosen, self.filter, self.kind, self.search, self.reviewer, self.blind, self.current]

    @property
    def shown(self) -> list[Any]:
        """Outputs of every handler that shows a question, in the order of `show`."""
        return [
            self.current,
            self.question,
            self.progress,
            self.filter,
            self.tally,
            self.votes[0],
            self.votes[2],
        ]


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
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", scale=4, min_width=440):
            found["summary"] = gr.HTML(elem_id="cmp-summary", elem_classes="wb-html")
        with gr.Column(elem_classes="wb-card", scale=5, min_width=480):
            found["figures"] = gr.HTML(elem_id="cmp-figures", elem_classes="wb-html")
    found |= _lay_out_review(ctx)
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", scale=4):
            found["tally"] = gr.HTML(elem_id="cmp-votes", elem_classes="wb-html")
        with gr.Column(elem_classes="wb-buttons", scale=1, min_width=220):
            found["export"] = gr.Button(ctx.t("compare_tab.export"), elem_id="cmp-export")
            found["download"] = gr.DownloadButton(elem_id="cmp-download", visible="hidden")
    found["command"] = command_line(ctx, "compare-command")
    return Parts(**found)


def _lay_out_review(ctx: UiContext) -> dict[str, Any]:
    gr.HTML(el("h2", ctx.t("compare_tab.review")), elem_classes="wb-html")
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
        reviewer = gr.Textbox(
            label=ctx.t("compare_tab.reviewer"),
            placeholder=ctx.t("compare_tab.reviewer.hint"),
            elem_id="cmp-reviewer",
            max_length=NAME_LENGTH,
            min_width=150,
        )
        blind = gr.Checkbox(
            label=ctx.t("compare_tab.blind"),
            info=ctx.t("compare_tab.blind.hint"),
            elem_id="cmp-blind",
            min_width=150,
        )
    progress = gr.HTML(elem_id="cmp-progress", elem_classes="wb-html")
    question = answer_view(ctx, "cmp-question")
    names = ("filter", "kind", "search", "reviewer", "blind", "progress", "question")
    made = dict(zip(names, (filter_, kind, search, reviewer, blind, progress, question), strict=True))
    return made | _lay_out_verdicts(ctx)


def _lay_out_verdicts(ctx: UiContext) -> dict[str, Any]:
    names = {"left": "baseline", "tie": "tie", "right": "finetuned", "bad": "bad"}
    with gr.Column(elem_classes="wb-card"):
        with gr.Row(elem_classes="wv-verdicts"):
            votes = tuple(
                gr.Button(
                    page.vote_label(ctx, place, names[place]), elem_id=f"cmp-vote-{place}", min_width=140
                )
                for place in VERDICTS
            )
        with gr.Row(elem_classes="wv-comment"):
            comment = gr.Textbox(
                label=ctx.t("compare_tab.comment"),
                elem_id="cmp-comment",
                lines=1,
                max_lines=4,
                scale=6,
                max_length=4000,
            )
            previous = gr.Button(ctx.t("compare_tab.previous"), elem_id="cmp-prev", scale=1, min_width=90)
            following = gr.Button(ctx.t("compare_tab.next"), elem_id="cmp-next", scale=1, min_width=90)
            undo = gr.Button(ctx.t("compare_tab.undo"), elem_id="cmp-undo", scale=1, min_width=90)
    return {"votes": votes, "comment": comment, "previous": previous, "next": following, "undo": undo}


def _wire(ctx: UiContext, parts: Parts) -> None:
    follow(ctx, page.list_comparisons, inputs=[parts.chosen], outputs=[parts.chosen])
    follow(ctx, page.refresh, inputs=parts.page, outputs=[parts.tally])

    def look(ctx: UiContext, *values: Any) -> list[Any]:
        return page.show(ctx, Page.of(values))

    def look_first(ctx: UiContext, *values: Any) -> list[Any]:
        return page.show(ctx, Page.of(values)._replace(current=""))

    top = [parts.summary, parts.figures, parts.command]
    blocks_load = parts.chosen.change(ui_handler(ctx, page.show_comparison), parts.chosen, top, **QUIET)
    blocks_load.then(ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    narrowed = [parts.filter.input, parts.kind.input, parts.search.submit, parts.search.blur]
    ON(narrowed, ui_handler(ctx, look_first), parts.page, parts.shown, **QUIET)
    ON([parts.reviewer.change, parts.blind.change], ui_handler(ctx, look), parts.page, parts.shown, **QUIET)
    _wire_buttons(ctx, parts)
    kept = gr.BrowserState("", storage_key="wb-reviewer", secret="keeps the name readable after a restart")
    _wire_name(ctx, parts, kept)


def _wire_buttons(ctx: UiContext, parts: Parts) -> None:
    for pressed, button in zip(VERDICTS, parts.votes, strict=True):
        once: dict[str, Any] = {**QUIET, "trigger_mode": "once"}
        button.click(
            _voter(ctx, pressed), [*parts.page, parts.comment], [parts.comment, *parts.shown], **once
        )
    for by, button in ((-1, parts.previous), (1, parts.next)):
        button.click(_stepper(ctx, by), parts.page, parts.shown, **QUIET)

    def take_back(ctx: UiContext, *values: Any) -> list[Any]:
        return page.undo_vote(ctx, Page.of(values))

    parts.undo.click(ui_handler(ctx, take_back), parts.page, parts.shown, **QUIET)
    written = parts.export.click(ui_handler(ctx, page.export_votes), parts.chosen, parts.download, **QUIET)
    written.success(None, js=DOWNLOAD, **QUIET)


def _voter(ctx: UiContext, pressed: str) -> Any:
    def press(ctx: UiContext, *values: Any) -> list[Any]:
        return page.cast_vote(ctx, pressed, Page.of(values[:-1]), str(values[-1] or ""))

    return ui_handler(ctx, press)


def _stepper(ctx: UiContext, by: int) -> Any:
    def press(ctx: UiContext, *values: Any) -> list[Any]:
        return page.step(ctx, Page.of(values), by)

    return ui_handler(ctx, press)


def _wire_name(ctx: UiContext, parts: Parts, kept: gr.BrowserState) -> None:
    """Keep the reviewer's name in this browser."""

    def keep(ctx: UiContext, name: str) -> str:
        return (name or "").strip()[:NAME_LENGTH]

    parts.reviewer.blur(ui_handler(ctx, keep), parts.reviewer, kept, **QUIET)
    root: Any = Context.root_block
    root.load(ui_handler(ctx, keep), kept, parts.reviewer, **QUIET)
