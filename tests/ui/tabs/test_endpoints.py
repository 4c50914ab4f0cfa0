"""Endpoints that we did not start."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from tests.ui.fakes import make_ctx
from workbench.errors import ConfigError, EndpointError
from workbench.inference import EndpointRegistry
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.schemas.probing import EndpointReport
from workbench.ui.context import Services, UiContext
from workbench.ui.tabs.endpoints import add_endpoint, press_endpoint, read_endpoints, say_key, try_endpoint

ENDPOINT = {"name": "near", "base_url": " http://127.0.0.1:8000/v1 ", "model": "m", "locality": "lan"}


def pressed(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def trying_ctx(workspace: Workspace, asked: list[str]) -> UiContext:
    def ask(endpoint: Endpoint) -> EndpointReport:
        asked.append(endpoint.name)
        if endpoint.name == "dead":
            raise EndpointError("endpoint_unreachable", endpoint=endpoint.name, url=endpoint.base_url)
        return EndpointReport(
            endpoint=endpoint.name, models=("m", "n"), answer="<b>2</b>", seconds=0.5, thinking_leaks=True
        )

    return make_ctx(workspace, services=Services(test_endpoint=ask))


def test_an_endpoint_is_kept_listed_and_removed(ctx: UiContext) -> None:
    add_endpoint(ctx, **ENDPOINT)
    row = json.loads(read_endpoints(ctx, {}))["rows"][0]
    assert row["cells"][:3] == ["near", "http://127.0.0.1:8000/v1", "m"]
    assert [action["verb"] for action in row["actions"]] == ["remove"]
    press_endpoint(ctx, pressed(row="near", verb="remove"))
    assert EndpointRegistry(ctx.workspace).list() == []


def test_all_bad_fields_of_an_endpoint_are_told_at_once(ctx: UiContext) -> None:
    with pytest.raises(ConfigError) as caught:
        add_endpoint(ctx, name="a b", base_url="x", model="")
    assert len(caught.value.problems) == 3


def test_an_endpoint_outside_carries_the_badge_whatever_was_said_of_it(ctx: UiContext) -> None:
    add_endpoint(ctx, name="far", base_url="https://api.example.com/v1", model="m", locality="lan")
    add_endpoint(ctx, **ENDPOINT)
    places = {row["id"]: row["cells"][3] for row in json.loads(read_endpoints(ctx, {}))["rows"]}
    assert places["far"] == {"chip": "社外送信あり", "tone": "warn"}
    assert places["near"] == "社内のネットワーク"


def test_one_button_tries_everything_and_says_so_at_once(workspace: Workspace) -> None:
    asked: list[str] = []
    ctx = trying_ctx(workspace, asked)
    add_endpoint(ctx, **ENDPOINT)
    name, said = press_endpoint(ctx, pressed(row="near", verb="test"))
    assert (name, asked) == ("near", [])
    assert "送っています" in said
    name, report = try_endpoint(ctx, name)
    assert (name, asked) == ("", ["near"])
    assert "&lt;b&gt;2" in report
    assert "<b>2" not in report
    assert "思考" in report


def test_a_trial_that_fails_says_why_in_the_same_place(workspace: Workspace) -> None:
    ctx = trying_ctx(workspace, [])
    add_endpoint(ctx, **{**ENDPOINT, "name": "dead"})
    _, report = try_endpoint(ctx, "dead")
    assert "つながりません" in report
    assert try_endpoint(ctx, "")[0] == ""


def test_a_key_is_told_as_set_or_not_and_never_shown(ctx: UiContext) -> None:
    assert "設定済み" in say_key(ctx, "MY_KEY", {"MY_KEY": "s3cret"})
    assert "s3cret" not in say_key(ctx, "MY_KEY", {"MY_KEY": "s3cret"})
    assert "未設定" in say_key(ctx, "MY_KEY", {})
