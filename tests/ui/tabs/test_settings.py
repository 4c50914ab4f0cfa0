"""The settings page."""

from __future__ import annotations

import json

import pytest

from workbench.errors import ConfigError, InputError
from workbench.ui.context import HubModel, UiContext
from workbench.ui.tabs.settings import (
    add_folder,
    read_models,
    start_download,
    tell_model,
)


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
