"""Endpoints that we did not start: a form, a table, and one button that tries them. Part of two pages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.inference import EndpointRegistry, leaves_house
from workbench.schemas.inference import Endpoint
from workbench.ui.components import json_view, labels_of, to_json
from workbench.ui.context import UiContext
from workbench.ui.forms import build_form, parse_form
from workbench.ui.handlers import QUIET, read_event, ui_handler
from workbench.ui.tabs.ticking import BUSY, SKIP, follow
from workbench.ui.views import probing as view

FIELDS = ("name", "base_url", "model", "locality")
MORE = (
    *("api_key_env", "engine", "dialect"),
    *("thinking", "thinking_words", "max_in_flight", "timeout_s"),
)
COLUMNS = ("name", "url", "model", "place", "key")


def say_key(ctx: UiContext, variable: str, environ: Mapping[str, str]) -> str:
    """Whether an endpoint's key is there; never the key."""
    if not variable:
        return ctx.t("settings.endpoints.key_none")
    return ctx.t(f"settings.endpoints.key_{'set' if environ.get(variable) else 'unset'}", name=variable)


def read_endpoints(ctx: UiContext, environ: Mapping[str, str]) -> str:
    """Registered endpoints as JSON for the table, each with the badge of where its questions go."""
    actions = [_action(ctx, "remove", careful=True)]
    if ctx.services.test_endpoint is not None:
        actions.insert(0, _action(ctx, "test", careful=False))
    rows = [
        {"id": endpoint.name, "cells": _cells(ctx, endpoint, environ), "actions": actions}
        for endpoint in EndpointRegistry(ctx.workspace).list()
    ]
    return to_json({"columns": [ctx.t(f"settings.endpoints.{name}") for name in COLUMNS], "rows": rows})


def _cells(ctx: UiContext, endpoint: Endpoint, environ: Mapping[str, str]) -> list[Any]:
    leaves = leaves_house(endpoint)
    place = (
        {"chip": ctx.t("header.leaves_house"), "tone": "warn"}
        if leaves
        else ctx.t(f"choice.Endpoint.locality.{endpoint.locality}")
    )
    return [
        endpoint.name,
        endpoint.base_url,
        endpoint.model,
        place,
        say_key(ctx, endpoint.api_key_env, environ),
    ]


def _action(ctx: UiContext, verb: str, *, careful: bool) -> dict[str, Any]:
    key = f"settings.endpoints.{verb}"
    return {"verb": verb, "label": ctx.t(key), "hint": ctx.t(f"{key}.hint"), "careful": careful}


def add_endpoint(ctx: UiContext, **values: Any) -> Endpoint:
    """Check the form and keep the endpoint."""
    stripped = {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}
    endpoint = parse_form(Endpoint, stripped)
    EndpointRegistry(ctx.workspace).add(endpoint)
    return endpoint


def press_endpoint(ctx: UiContext, event: gr.EventData) -> list[Any]:
    """A row's button: take the endpoint off the list, or name it as the one to try.

    Returns:
        The endpoint to try, and what the page says of it meanwhile.
    """
    data = read_event(event)
    name, registry = str(data.get("row", "")), EndpointRegistry(ctx.workspace)
    if data.get("verb") == "remove":
        registry.remove(name)
    elif data.get("verb") == "test" and ctx.services.test_endpoint is not None:
        return [name, view.render_trial(registry.get(name), ctx.lang)]
    return ["", SKIP]


def try_endpoint(ctx: UiContext, name: str) -> list[Any]:
    """Ask the endpoint, and tell everything that was found; a failure is shown in the same place.

    Returns:
        The emptied name, and the report.
    """
    ask = ctx.services.test_endpoint
    if not name or ask is None:
        return ["", SKIP]
    try:
        return ["", view.render_report(ask(EndpointRegistry(ctx.workspace).get(name)), ctx.lang)]
    except WorkbenchError as exc:
        return ["", view.render_refusal(exc, name, ctx.lang)]


def build_endpoints(ctx: UiContext, table_id: str, prefix: str) -> None:
    """Lay out and wire the section inside the current block.

    Args:
        ctx: The page's context.
        table_id: Element id of the table; the report's id is made from it.
        prefix: Start of the form's element ids.
    """
    labels = labels_of(ctx, "settings.endpoints", ("empty", "confirm"))
    table = json_view("table", elem_id=table_id, labels=labels, scripts=("cards.js",))
    report = gr.HTML(elem_id=f"{table_id}-report", elem_classes="wb-html")
    form = build_form(Endpoint, prefix, ctx, fields=FIELDS, advanced=MORE)
    with gr.Row(elem_classes="wb-buttons"):
        add: Any = gr.Button(ctx.t("settings.endpoints.add"), elem_id=f"{prefix}-add")
    trying = gr.State("")

    def press_add(ctx: UiContext, **values: Any) -> str:
        name = add_endpoint(ctx, **values).name
        # gradio draws a toast as HTML
        gr.Info(ctx.t("settings.endpoints.added", name=escape(name)), title=ctx.t("toast.done"))
        return read_endpoints(ctx, os.environ)

    def look(ctx: UiContext) -> list[str]:
        return [read_endpoints(ctx, os.environ)]

    events: Any = table
    add.click(ui_handler(ctx, press_add), inputs_kwargs=form, outputs=[table], **QUIET)
    pressed = events.click(ui_handler(ctx, press_endpoint), None, [trying, report], **QUIET)
    pressed.success(ui_handler(ctx, try_endpoint), trying, [trying, report], **BUSY)
    follow(ctx, look, inputs=[], outputs=[table])
