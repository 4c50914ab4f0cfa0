"""Servers as their workers would have written them, and an engine in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.serving.makers import make_adapter, make_model
from tests.ui.fakes import make_ctx, set_status
from workbench.containers.fakes import FakeEngine
from workbench.i18n import Lang
from workbench.jobs import FakeExecutor
from workbench.paths import Workspace
from workbench.schemas.base import parse
from workbench.schemas.containers import ContainerRecord, ContainerSpec
from workbench.schemas.job import JobRecord
from workbench.schemas.serving import ServeConfig
from workbench.serving.docking import Connect
from workbench.serving.sides import describe_models
from workbench.ui.context import Services, UiContext
from workbench.ui.engine_look import EngineLook

URL = "http://127.0.0.1:40123/v1"
IMAGE = "vllm/vllm-openai:v0.11.0"


def make_config(root: Path, **values: Any) -> ServeConfig:
    """A server of a model folder that exists."""
    return parse(ServeConfig, {"model": str(make_model(root / "model")), **values})


def with_adapter(root: Path, **values: Any) -> ServeConfig:
    """A base with one adapter."""
    mount = {"name": "finetuned", "path": str(make_adapter(root / "adapter"))}
    return make_config(root, adapters=[mount], **values)


def submit_server(ctx: UiContext, config: ServeConfig, title: str = "s") -> JobRecord:
    return ctx.jobs.submit("serve", title, config)


def make_ready(ctx: UiContext, config: ServeConfig, url: str = URL) -> JobRecord:
    """A server that answers."""
    served = describe_models(config, url)
    note = {
        "models": list(config.names),
        "served": [model.model_dump(mode="json") for model in served],
        "endpoints": {model.name: model.endpoint.model_dump(mode="json") for model in served},
    }
    job = submit_server(ctx, config)
    return set_running(ctx, job, ready=True, endpoint=url, note=note, started_at=1000.0)


def set_running(ctx: UiContext, job: JobRecord, **changes: Any) -> JobRecord:
    """A job whose worker lives; the newest one that was submitted."""
    pid = FakeExecutor.FIRST_PID + len(ctx.jobs.list()) - 1
    return set_status(ctx, job, "running", pid=pid, pid_started_at=float(pid), **changes)


def engine_ctx(workspace: Workspace, engine: FakeEngine | None = None, lang: Lang = "ja") -> UiContext:
    """A page whose engine is in memory."""
    made = engine or FakeEngine()
    return make_ctx(workspace, lang, Services(connect_engine=connect_to(made)))


def connect_to(engine: FakeEngine) -> Connect:
    return lambda workspace: engine


def look_at(ctx: UiContext, engine: FakeEngine | None = None) -> EngineLook:
    """A look that has had its first answer."""
    made = EngineLook(connect_to(engine or FakeEngine()), ctx.workspace, first_wait=10.0)
    made.read()
    return made


def leave_container(engine: FakeEngine, name: str, labels: Sequence[tuple[str, str]] = ()) -> ContainerRecord:
    """A container that a worker made and did not live to remove."""
    engine.add_image(IMAGE)
    given = {"workbench.serving.engine": "vllm", "workbench.serving.model": "qwen", **dict(labels)}
    spec = ContainerSpec(image=IMAGE, name=name, labels=given)
    return engine.start(engine.create(spec, confirmed=True).id)
