"""設定: models, endpoints, language, and what this program is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, cast

import gradio as gr

from workbench import __version__
from workbench.schemas.job import JobRecord
from workbench.schemas.training import DownloadConfig
from workbench.ui.components import json_view, labels_of, to_json
from workbench.ui.context import HubModel, UiContext
from workbench.ui.forms import Form, build_form, parse_form
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.models import downloaded_models, forget_model, register_model, registered_models
from workbench.ui.tabs.endpoints import build_endpoints
from workbench.ui.tabs.ticking import follow
from workbench.ui.wording import say_bytes


def _action(ctx: UiContext, key: str, verb: str, *, careful: bool) -> dict[str, Any]:
    return {"verb": verb, "label": ctx.t(key), "hint": ctx.t(f"{key}.hint"), "careful": careful}


def read_models(ctx: UiContext) -> str:
    """Downloaded and registered models as JSON for the table."""
    remove = _action(ctx, "settings.models.remove", "remove", careful=True)
    own = [(model, [remove]) for model in registered_models(ctx.workspace)]
    fetched = [(model, list[dict[str, Any]]()) for model in downloaded_models(ctx.workspace)]
    rows = [
        {"id": model.path, "cells": [model.name, model.path], "actions": acts}
        for model, acts in fetched + own
    ]
    return to_json({"columns": [ctx.t(f"settings.models.{name}") for name in ("name", "path")], "rows": rows})


def add_folder(ctx: UiContext, given: str) -> str:
    """Register a model folder; returns the emptied text box."""
    model = register_model(ctx.workspace, given or "")
    _say(ctx, "settings.models.added", name=model.name)
    return ""


def press_model(ctx: UiContext, event: gr.EventData) -> None:
    """A row's button: take a registered folder off the list."""
    forget_model(ctx.workspace, str(_data(event).get("row", "")))


def start_download(ctx: UiContext, **values: Any) -> JobRecord:
    """Submit the download as a job; the same model and revision twice is one job while it goes on."""
    config = parse_form(DownloadConfig, _stripped(values))
    ended = sum(
        job.status.state not in ("queued", "running", "paused") for job in ctx.jobs.list(kind="download")
    )
    return ctx.jobs.submit(
        "download",
        config.repo_id,
        config,
        request_id=f"download-{config.repo_id}-{config.revision}-{ended}",
        secret_names=[config.token_env] if config.token_env else [],
    )


def tell_model(ctx: UiContext, found: HubModel) -> str:
    """Size, licence and free disk in one line."""
    return ctx.t(
        "settings.download.found",
        size=say_bytes(found.bytes),
        license=found.license or ctx.t("settings.download.no_license"),
        free=say_bytes(shutil.disk_usage(ctx.workspace.root).free),
    )


def _data(event: gr.EventData) -> dict[str, Any]:
    return cast("dict[str, Any]", event._data or {})  # pyright: ignore[reportPrivateUsage] - the only way in


def _stripped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}


def _say(ctx: UiContext, key: str, **params: str) -> None:
    """A toast; gradio draws it as HTML, and names and answers are not ours."""
    gr.Info(ctx.t(key, **{name: escape(value) for name, value in params.items()}), title=ctx.t("toast.done"))


def build(ctx: UiContext) -> None:
    """Lay out and wire the settings page."""
    gr.Markdown(f"# {ctx.t('settings.title')}")
    with gr.Column(elem_classes="wb-card"):
        models = _build_models(ctx)
    with gr.Column(elem_classes="wb-card"):
        _heading(ctx, "endpoints")
        build_endpoints(ctx, "settings-endpoints", "endpoint")
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="wb-card", min_width=300):
            gr.Markdown(f"## {ctx.t('settings.language.title')}\n\n{ctx.t('settings.language.text')}")
        with gr.Column(elem_classes="wb-card", min_width=300):
            about = ctx.t("settings.about.text", version=__version__, workspace=str(ctx.workspace.root))
            gr.Markdown(f"## {ctx.t('settings.about.title')}\n\n{about}")

    def look(ctx: UiContext) -> list[str]:
        return [read_models(ctx)]

    follow(ctx, look, inputs=[], outputs=[models])


def _heading(ctx: UiContext, part: str) -> None:
    gr.Markdown(
        f"## {ctx.t(f'settings.{part}.title')}\n\n{ctx.t(f'settings.{part}.lead')}", elem_classes="wb-lead"
    )


def _build_models(ctx: UiContext) -> gr.HTML:
    _heading(ctx, "models")
    labels = labels_of(ctx, "settings.models", ("empty", "confirm"))
    table = json_view("table", elem_id="settings-models", labels=labels, scripts=("cards.js",))
    with gr.Row(equal_height=True):
        folder = gr.Textbox(
            label=ctx.t("settings.models.folder"),
            info=ctx.t("settings.models.folder.hint"),
            elem_id="settings-folder",
            max_lines=1,
        )
    with gr.Row(elem_classes="wb-buttons"):
        add = gr.Button(ctx.t("settings.models.add"), elem_id="settings-add-folder")
    with gr.Accordion(
        ctx.t("settings.download.title"), open=False, elem_classes="wb-more", elem_id="settings-download"
    ):
        gr.Markdown(ctx.t("settings.download.note"), elem_classes="wb-lead")
        form = build_form(
            DownloadConfig, "download", ctx, fields=("repo_id", "revision", "token_env"), columns=3
        )
        _build_download_buttons(ctx, form)
    events: Any = (add, table)
    events[0].click(ui_handler(ctx, add_folder), [folder], [folder], **QUIET)
    events[1].click(ui_handler(ctx, press_model), None, None, **QUIET)
    return table


def _build_download_buttons(ctx: UiContext, form: Form) -> None:
    facts = gr.Markdown(elem_id="download-facts")
    with gr.Row(elem_classes="wb-buttons"):
        look_up = ctx.services.look_up_model
        if look_up is not None:
            look: Any = gr.Button(ctx.t("settings.download.look"), elem_id="download-look")
            look.click(ui_handler(ctx, _show_facts(look_up)), inputs_kwargs=form, outputs=[facts], **QUIET)
        start: Any = gr.Button(ctx.t("settings.download.start"), variant="primary", elem_id="download-start")
    start.click(ui_handler(ctx, _press_download), inputs_kwargs=form, outputs=[facts], **QUIET)


def _show_facts(look_up: Callable[[str, str], HubModel]) -> Callable[..., str]:
    def show(ctx: UiContext, **values: Any) -> str:
        config = parse_form(DownloadConfig, _stripped(values))
        return tell_model(ctx, look_up(config.repo_id, config.revision))

    return show


def _press_download(ctx: UiContext, **values: Any) -> str:
    start_download(ctx, **values)
    return ctx.t("settings.download.started")
