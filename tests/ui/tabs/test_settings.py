"""The settings page."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from tests.ui.fakes import make_ctx
from workbench.errors import ConfigError, InputError
from workbench.inference import EndpointRegistry
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.ui.context import HubModel, Services, UiContext
from workbench.ui.tabs.settings import (
    add_endpoint,
    add_folder,
    press_endpoint,
    read_endpoints,
    read_models,
    say_key,
    start_download,
    tell_model,
)

ENDPOINT = {"name": "near", "base_url": " http://127.0.0.1:8000/v1 ", "model": "m", "locality": "lan"}


def pressed(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


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


def test_an_endpoint_can_be_tried_where_the_service_is_there(workspace: Workspace) -> None:
    asked: list[str] = []

    def ask(endpoint: Endpoint) -> str:
        asked.append(endpoint.name)
        return "<b>2</b>"

    ctx = make_ctx(workspace, services=Services(test_endpoint=ask))
    add_endpoint(ctx, **ENDPOINT)
    assert [a["verb"] for a in json.loads(read_endpoints(ctx, {}))["rows"][0]["actions"]] == [
        "test",
        "remove",
    ]
    press_endpoint(ctx, pressed(row="near", verb="test"))
    assert asked == ["near"]


def test_a_key_is_told_as_set_or_not_and_never_shown(ctx: UiContext) -> None:
    assert "設定済み" in say_key(ctx, "MY_KEY", {"MY_KEY": "s3cret"})
    assert "s3cret" not in say_key(ctx, "MY_KEY", {"MY_KEY": "s3cret"})
    assert "未設定" in say_key(ctx, "MY_KEY", {})


def test_a_download_is_one_job_however_often_it_is_pressed(ctx: UiContext) -> None:
    first = start_download(ctx, repo_id="org/model", revision="main", token_env="")
    assert start_download(ctx, repo_id="org/model", revision="main", token_env="").spec.id == first.spec.id
    assert first.spec.kind == "download"


def test_a_name_that_is_no_model_is_refused(ctx: UiContext) -> None:
    with pytest.raises(ConfigError):
        start_download(ctx, repo_id="https://example.com/x", revision="main", token_env="")


def test_size_licence_and_free_disk_are_told_before_a_download(ctx: UiContext) -> None:
    said = tell_model(ctx, HubModel("org/model", 3 * 2**30, ""))
    assert "3.0 GB" in said
    assert "記載なし" in said


def test_a_folder_that_is_no_model_is_refused(ctx: UiContext) -> None:
    with pytest.raises(InputError):
        add_folder(ctx, "/nowhere")
    assert json.loads(read_models(ctx))["rows"] == []
