"""Result files of other programs: read as evaluations, and written for them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from workbench.errors import InputError
from workbench.evaluation.formats import WRITERS, export_run, import_results
from workbench.ui.context import UiContext
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.uploads import keep_upload

NAME_LENGTH = 80
DOWNLOAD = "() => { setTimeout(() => document.querySelector('#evaluate-download')?.click(), 100); }"


def build(ctx: UiContext, chosen: gr.Dropdown) -> None:
    """Lay out the card.

    Args:
        ctx: The page's context.
        chosen: The evaluation on display, which is the one that is written.
    """
    with gr.Accordion(
        ctx.t("evaluate_tab.files"), open=False, elem_classes="wb-card", elem_id="evaluate-files"
    ):
        gr.HTML(paragraph(ctx.t("evaluate_tab.files.lead"), "wb-soft"), elem_classes="wb-html")
        with gr.Row(equal_height=True):
            dropped = gr.File(
                label=ctx.t("evaluate_tab.files.drop"),
                file_count="multiple",
                height=130,
                elem_id="evaluate-import-files",
            )
            label = gr.Textbox(
                label=ctx.t("evaluate_tab.files.label"),
                info=ctx.t("evaluate_tab.files.label.hint"),
                max_lines=1,
                max_length=NAME_LENGTH,
                elem_id="evaluate-import-label",
            )
        with gr.Row(elem_classes="wb-buttons"):
            read = gr.Button(ctx.t("evaluate_tab.files.read"), elem_id="evaluate-import")
        told = gr.HTML(elem_id="evaluate-import-told", elem_classes="wb-html")
        with gr.Row(elem_classes="live-keep"):
            form = gr.Dropdown(
                list(WRITERS),
                value=next(iter(WRITERS)),
                label=ctx.t("evaluate_tab.files.format"),
                info=ctx.t("evaluate_tab.files.format.hint"),
                elem_id="evaluate-export-format",
            )
            write = gr.Button(ctx.t("evaluate_tab.files.write"), elem_id="evaluate-export")
            download = gr.DownloadButton(elem_id="evaluate-download", visible="hidden")
    once: dict[str, Any] = {**QUIET, "trigger_mode": "once"}
    read.click(ui_handler(ctx, read_files), [dropped, label], [told, dropped], **once)
    written = write.click(ui_handler(ctx, write_files), [chosen, form], download, **once)
    written.success(None, js=DOWNLOAD, **QUIET)


def read_files(ctx: UiContext, dropped: Sequence[str] | None, label: str | None) -> list[Any]:
    """Keep the dropped result files as an evaluation; what was noticed, in sentences.

    Raises:
        InputError: `import_no_file`, or the files are of no known kind.
    """
    if not dropped:
        raise InputError("import_no_file")
    kept = [keep_upload(ctx.workspace, Path(str(path))) for path in dropped]
    artifact, run = import_results(kept, ctx.artifacts, label=(label or "").strip()[:NAME_LENGTH])
    said = ctx.t("evaluate_tab.files.told", name=artifact.name, n=int(artifact.numbers["n"]))
    notes = [el("li", ctx.t(f"sentence.{note.code}", **note.params)) for note in run.notes]
    gr.Info(escape(said), title=ctx.t("toast.done"))
    return [join([paragraph(said), el("ul", *notes) if notes else Html()]), None]


def write_files(ctx: UiContext, evaluation: str | None, form: str) -> Any:
    """Write the evaluation for another program, as one ZIP file where the page may serve it from.

    Raises:
        InputError: No evaluation was chosen, or no such format.
    """
    if not evaluation:
        raise InputError("export_no_run")
    if form not in WRITERS:
        raise InputError("export_format_unknown", format=form)
    folder = Path(get_upload_folder()) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        export_run(evaluation, form, Path(made), ctx.artifacts)
        name = folder / f"{ctx.artifacts.get(evaluation).id}-{form}"
        path = shutil.make_archive(str(name), "zip", made)
    return gr.update(value=path)
