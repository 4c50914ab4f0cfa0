"""Whom the live page can ask: the models of running servers, registered endpoints, and what could be started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workbench.artifacts import read_jsonl
from workbench.errors import InputError, StateError
from workbench.inference import EndpointRegistry
from workbench.schemas.base import parse
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.serving import ServeConfig
from workbench.serving.memory import serving_bytes
from workbench.ui.context import UiContext
from workbench.ui.models import list_models, starter_folder
from workbench.ui.views.words import say_date

ANSWER_SECONDS = 600.0
"""A server of this machine may be slow, and a person can stop it."""
TUNED = "finetuned"
START_SECONDS = 10.0
"""Starting Python and its libraries, measured on two cores."""
LOAD_BYTES_PER_SECOND = 150e6
"""Reading weights from a common disk."""
WEIGHTS = "*.safetensors"


@dataclass(frozen=True)
class Source:
    """One model that answers now."""

    id: str
    label: str
    endpoint: Endpoint
    is_base: bool = False
    """Known to be a model without its adapter."""
    server: str = ""
    """Id of the job that serves it; empty for an endpoint that we did not start."""


@dataclass(frozen=True)
class Startable:
    """A model for which a server can be started."""

    id: str
    label: str
    config: ServeConfig


def list_sources(ctx: UiContext) -> list[Source]:
    """Everything that answers now: servers first (the newest one's base, then its adapters), then endpoints."""
    servers = [
        job for job in ctx.jobs.list(kind="serve") if job.status.state == "running" and job.status.ready
    ]
    served = [source for job in servers for source in _read_server(ctx, job)]
    outside = [
        Source(f"endpoint:{endpoint.name}", f"{endpoint.name} · {endpoint.model}", endpoint)
        for endpoint in EndpointRegistry(ctx.workspace).list()
    ]
    return [*served, *outside]


def find_sources(ctx: UiContext, ids: Sequence[str]) -> list[Source]:
    """The chosen ones in the order of the choice.

    Raises:
        StateError: `live_source_gone` where one of them no longer answers.
    """
    known = {source.id: source for source in list_sources(ctx)}
    missing = [name for name in ids if name not in known]
    if missing:
        raise StateError("live_source_gone", name=missing[0].rpartition(":")[2])
    return [known[name] for name in ids]


def _read_server(ctx: UiContext, job: JobRecord) -> list[Source]:
    config = ServeConfig.model_validate(job.spec.config)
    base = _name_base(ctx, config.model)
    adapters = {adapter.name: _name_adapter(ctx, adapter.path) for adapter in config.adapters}
    told = _read_endpoints(job.status.note.get("endpoints"))
    names = cast("Sequence[str]", job.status.note.get("models") or [config.model_name, *adapters])
    return [
        Source(
            id=f"serve:{job.spec.id}:{name}",
            label=ctx.t("live_tab.source.tuned", name=adapters[name])
            if name in adapters
            else ctx.t("live_tab.source.base", name=base),
            endpoint=told.get(name) or _endpoint(name, job.status.endpoint),
            is_base=name not in adapters,
            server=job.spec.id,
        )
        for name in names
    ]


def _read_endpoints(told: object) -> dict[str, Endpoint]:
    """How each model is asked, as its server's job tells: an adapter of llama.cpp is a scale in every request."""
    values = cast("dict[str, Any]", told) if isinstance(told, dict) else dict[str, Any]()
    return {name: parse(Endpoint, {**value, "timeout_s": ANSWER_SECONDS}) for name, value in values.items()}


def _endpoint(name: str, url: str) -> Endpoint:
    values = {"name": name, "base_url": url, "model": name, "engine": "embedded", "timeout_s": ANSWER_SECONDS}
    return parse(Endpoint, values)


def _name_base(ctx: UiContext, folder: str) -> str:
    return ctx.t("live_tab.starter") if Path(folder) == starter_folder() else Path(folder).name


def _name_adapter(ctx: UiContext, folder: str) -> str:
    found = next((item for item in ctx.artifacts.list("adapter") if item.id == Path(folder).name), None)
    return Path(folder).name if found is None else f"{found.name} · {say_date(found.created_at)}"


def list_startable(ctx: UiContext) -> list[Startable]:
    """Adapters, newest first, each with its base; then models alone."""
    found: list[Startable] = []
    for item in ctx.artifacts.list("adapter"):
        base = item.details.get("base_model")
        if isinstance(base, str) and base:
            mount = {"name": TUNED, "path": str(ctx.artifacts.folder(item.id))}
            label = f"{item.name} · {say_date(item.created_at)}"
            found.append(Startable(item.id, label, parse(ServeConfig, {"model": base, "adapters": [mount]})))
    for model in list_models(ctx.workspace, ctx.t("live_tab.starter")):
        label = ctx.t("live_tab.start.alone", name=model.name)
        found.append(Startable(f"model:{model.path}", label, parse(ServeConfig, {"model": model.path})))
    return found


def start_server(ctx: UiContext, chosen: str | None) -> JobRecord:
    """Submit a server for the choice; the one that runs or starts already where there is one.

    Raises:
        InputError: `live_nothing_to_start`.
    """
    found = next((item for item in list_startable(ctx) if item.id == chosen), None)
    if found is None:
        raise InputError("live_nothing_to_start")
    running = find_server(ctx, found.config)
    if running is not None:
        return running
    memory = serving_bytes(found.config)
    return ctx.jobs.submit("serve", found.label, found.config, memory_bytes=memory)


def find_server(ctx: UiContext, config: ServeConfig) -> JobRecord | None:
    """A server with that model and adapter that has not ended; those of recipes end by themselves and are left out."""
    wanted = _what_it_serves(config.model_dump(mode="json"))
    return next(
        (
            job
            for job in ctx.jobs.list(kind="serve", parent="")
            if job.status.state not in ENDED and _what_it_serves(job.spec.config) == wanted
        ),
        None,
    )


def _what_it_serves(config: Mapping[str, Any]) -> tuple[Any, ...]:
    return config.get("model"), [dict(adapter) for adapter in config.get("adapters") or ()]


def say_start_time(ctx: UiContext, chosen: str | None) -> str:
    """How long the start will take: as long as last time, or an estimate by the size of the weights."""
    found = next((item for item in list_startable(ctx) if item.id == chosen), None)
    if found is None:
        return ""
    last = measure_last_start(ctx, found.config)
    if last is not None:
        return ctx.t("live_tab.start.last_time", seconds=max(1, round(last)))
    size = sum(path.stat().st_size for path in Path(found.config.model).glob(WEIGHTS))
    low = START_SECONDS + size / LOAD_BYTES_PER_SECOND
    return ctx.t("live_tab.start.estimate", low=round(low), high=round(3 * low))


def measure_last_start(ctx: UiContext, config: ServeConfig) -> float | None:
    """Seconds from the worker's start until the same model answered, the last time; None where never seen."""
    for job in ctx.jobs.list(kind="serve"):
        if job.spec.config.get("model") != config.model or not job.status.started_at:
            continue
        events = Path(job.folder) / "events.jsonl"
        ready = (
            [line for line in read_jsonl(events) if line.get("code") == "server_ready"]
            if events.exists()
            else []
        )
        if ready:
            return max(0.0, float(ready[0]["at"]) - job.status.started_at)
    return None
