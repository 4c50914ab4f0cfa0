from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import fail, make_ctx, set_status
from workbench.artifacts import append_jsonl
from workbench.errors import InputError, StateError
from workbench.inference import EndpointRegistry
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import JobRecord
from workbench.schemas.serving import ServeConfig
from workbench.ui import live_sources as live
from workbench.ui.context import UiContext
from workbench.ui.models import starter_folder

URL = "http://127.0.0.1:4567/v1"


@pytest.fixture
def adapter(ctx: UiContext) -> str:
    draft = ctx.artifacts.begin("adapter", "税 LoRA")
    (draft.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    return draft.commit(details={"base_model": str(starter_folder())}).id


def start(ctx: UiContext, adapter: str, **status: Any) -> JobRecord:
    job = live.start_server(ctx, adapter)
    pid = 1_000_000_000
    return set_status(ctx, job, "running", pid=pid, pid_started_at=float(pid), started_at=1.0, **status)


def ready(ctx: UiContext, adapter: str) -> JobRecord:
    return start(ctx, adapter, ready=True, endpoint=URL, note={"models": ["base", "finetuned"]})


def test_a_running_server_offers_its_base_and_its_adapters(ctx: UiContext, adapter: str) -> None:
    assert live.list_sources(ctx) == []
    ready(ctx, adapter)
    base, tuned = live.list_sources(ctx)
    assert (base.is_base, tuned.is_base) == (True, False)
    assert "練習用モデル" in base.label
    assert "税 LoRA" in tuned.label
    assert (tuned.endpoint.base_url, tuned.endpoint.model, tuned.endpoint.engine) == (
        URL,
        "finetuned",
        "embedded",
    )


def test_a_server_that_is_still_loading_answers_nothing(ctx: UiContext, adapter: str) -> None:
    start(ctx, adapter)
    assert live.list_sources(ctx) == []


def test_registered_endpoints_can_be_asked_too(ctx: UiContext, adapter: str) -> None:
    EndpointRegistry(ctx.workspace).add(Endpoint(name="lan", base_url="http://10.0.0.2/v1", model="m"))
    ready(ctx, adapter)
    assert [source.id.partition(":")[0] for source in live.list_sources(ctx)] == [
        "serve",
        "serve",
        "endpoint",
    ]


def test_a_model_whose_server_stopped_is_told(ctx: UiContext) -> None:
    with pytest.raises(StateError, match="live_source_gone"):
        live.find_sources(ctx, ["serve:gone:base"])


def test_adapters_are_started_with_their_base_and_models_alone(ctx: UiContext, adapter: str) -> None:
    first, second = live.list_startable(ctx)[:2]
    assert [mount.name for mount in first.config.adapters] == ["finetuned"]
    assert first.config.model == second.config.model == str(starter_folder())
    assert second.config.adapters == ()


def test_one_button_starts_one_server_however_often_it_is_pressed(ctx: UiContext, adapter: str) -> None:
    first = live.start_server(ctx, adapter)
    assert live.start_server(ctx, adapter).spec.id == first.spec.id
    assert ServeConfig.model_validate(first.spec.config).adapters[0].path == str(
        ctx.artifacts.folder(adapter)
    )
    assert first.spec.memory_bytes > 0
    fail(ctx, first, "serve_died")
    assert live.start_server(ctx, adapter).spec.id != first.spec.id


@pytest.mark.parametrize("chosen", [None, "", "adapter-x", "model:/etc"])
def test_what_is_not_on_the_list_is_not_started(ctx: UiContext, chosen: str | None) -> None:
    with pytest.raises(InputError, match="live_nothing_to_start"):
        live.start_server(ctx, chosen)


def test_the_page_says_how_long_a_start_takes(workspace: Workspace, adapter: str, ctx: UiContext) -> None:
    assert "ふつう" in live.say_start_time(ctx, adapter)
    job = set_status(ctx, live.start_server(ctx, adapter), "running", started_at=100.0)
    append_jsonl(Path(job.folder) / "events.jsonl", [{"at": 112.4, "code": "server_ready", "params": {}}])
    assert "前回は起動に 12 秒" in live.say_start_time(ctx, adapter)
    assert "took 12 s" in live.say_start_time(make_ctx(workspace, "en"), adapter)
    assert live.say_start_time(ctx, "gone") == ""
