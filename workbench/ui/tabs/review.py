"""レビュー: people who know the subject read two answers side by side and say which is better, and why."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.context import Context

from workbench.ui.components import command_line, json_view, labels_of
from workbench.ui.components.review_desk import review_desk
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.tabs import review_page as page
from workbench.ui.tabs import review_room
from workbench.ui.tabs.ticking import BUSY
from workbench.ui.views.html import el

DOWNLOAD = "() => { setTimeout(() => document.querySelector('#review-download')?.click(), 100); }"


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    desk = review_desk(ctx, "review-desk", review_room.answer)
    where = gr.State(dict[str, str]())
    desk.click(ui_handler(ctx, page.read_where), None, where, **QUIET)
    _build_results(ctx, where)
    _build_exports(ctx, where)
    _build_tags(ctx)
    command_line(ctx, "review-command", ["workbench", "review", "list"])


def _build_results(ctx: UiContext, where: gr.State) -> None:
    with gr.Accordion(
        ctx.t("review_tab.results.title"), open=False, elem_classes="wb-card", elem_id="review-results"
    ) as fold:
        shown = gr.HTML(elem_id="review-figures", elem_classes="wb-html")
        with gr.Row(elem_classes="wb-buttons"):
            anyway = gr.Button(
                ctx.t("review_tab.results.anyway"), size="sm", elem_id="review-anyway", visible=False
            )
            again = gr.Button(ctx.t("review_tab.results.again"), size="sm", elem_id="review-again")
    agreed = gr.State(dict[str, str]())
    show = ui_handler(ctx, page.open_results)
    for event in (fold.expand, again.click, where.change):
        event(show, [where, agreed], [shown, anyway], **BUSY)
    anyway.click(ui_handler(ctx, page.show_anyway), where, [shown, anyway, agreed], **BUSY)


def _build_exports(ctx: UiContext, where: gr.State) -> None:
    with gr.Accordion(
        ctx.t("review_tab.export.title"), open=False, elem_classes="wb-card", elem_id="review-exports"
    ):
        labels = labels_of(ctx, "review_tab", ("confirm", "export_empty"))
        labels["empty"] = labels.pop("export_empty")
        listed = json_view(
            "table",
            elem_id="review-export-list",
            labels=labels,
            value=page.show_exports(ctx),
            scripts=("cards.js",),
        )
        told = gr.HTML(elem_id="review-export-told", elem_classes="wb-html")
        download = gr.DownloadButton(elem_id="review-download", visible="hidden")
        with gr.Row(elem_classes="wb-buttons"):
            publish = gr.Button(ctx.t("review_tab.publish"), size="sm", elem_id="review-publish")
        gr.HTML(el("p", ctx.t("review_tab.publish.why"), cls="wb-soft wb-tiny"), elem_classes="wb-html")
    once: dict[str, Any] = {**BUSY, "trigger_mode": "once"}
    written = listed.click(ui_handler(ctx, page.press_export), where, [download, told], **once)
    written.success(None, js=DOWNLOAD, **QUIET)
    publish.click(ui_handler(ctx, page.publish_votes), where, told, **once)


def _build_tags(ctx: UiContext) -> None:
    with gr.Accordion(
        ctx.t("review_tab.tags.title"), open=False, elem_classes="wb-card", elem_id="review-settings"
    ):
        tags = gr.Textbox(
            label=ctx.t("review_tab.tags.label"),
            info=ctx.t("review_tab.tags.hint"),
            lines=6,
            elem_id="review-tags",
        )
        oracle = gr.Checkbox(label=ctx.t("review_tab.tags.oracle"), elem_id="review-oracle")
        with gr.Row(elem_classes="wb-buttons"):
            save = gr.Button(ctx.t("review_tab.tags.save"), size="sm", elem_id="review-tags-save")
    root: Any = Context.root_block
    root.load(ui_handler(ctx, page.show_tags), None, [tags, oracle], **QUIET)
    saved = save.click(ui_handler(ctx, page.save_tags), [tags, oracle], [tags, oracle], **QUIET)
    # the desk draws its keys from the settings it is sent with each question
    saved.success(
        None, js="() => { document.dispatchEvent(new CustomEvent('wb-review-settings')); }", **QUIET
    )
