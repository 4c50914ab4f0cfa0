"""Servers as they are now: jobs and containers put together, so that nothing that runs goes unseen.

A worker that was killed leaves its container behind. It carries our labels, is found here, and can be taken up by
its job again or removed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, cast

from pydantic import ValidationError

from workbench.errors import NotFoundError, StateError, WorkbenchError
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerRecord
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.serving import CardState, GuardResult, ServeConfig, ServedModel, ServerCard
from workbench.serving.docking import Connect, connect
from workbench.serving.engines import LABEL
from workbench.serving.planning import submit_server

logger = logging.getLogger(__name__)

KEPT = 20
"""Servers that have ended and are still shown."""
LIVING = frozenset({"created", "running", "paused", "restarting"})
PHASES: Mapping[str, CardState] = {"serve_pulling": "pulling", "serve_stopping": "stopping"}


def find_servers(
    workspace: Workspace, jobs: JobStore, *, connect: Connect = connect, ended: int = KEPT
) -> tuple[ServerCard, ...]:
    """All servers of this workspace, the newest first; works without an engine too, then from the jobs alone.

    Args:
        workspace: Whose.
        jobs: Its jobs.
        connect: How the engine is reached.
        ended: How many of those that have ended to show.
    """
    containers = list_containers(workspace, connect)
    by_job = {record.labels.get(f"{LABEL}.job", ""): record for record in containers}
    records = jobs.list(kind="serve")
    living = [record for record in records if record.status.state not in ENDED]
    over = [record for record in records if record.status.state in ENDED]
    # one that has ended is shown for its own sake, or for the container that it left behind
    shown = [*living, *(one for index, one in enumerate(over) if index < ended or one.spec.id in by_job)]
    cards = [card_of(record, by_job.get(record.spec.id)) for record in shown]
    known = {record.spec.id for record in records}
    strays = [record for record in containers if record.labels.get(f"{LABEL}.job", "") not in known]
    return tuple(
        sorted([*cards, *map(card_of_stray, strays)], key=lambda card: card.started_at, reverse=True)
    )


def list_containers(workspace: Workspace, connect: Connect = connect) -> tuple[ContainerRecord, ...]:
    """Containers of this workspace that are model servers; none where no engine can be reached."""
    try:
        with closing(connect(workspace)) as engine:
            found = engine.list()
    except WorkbenchError as exc:
        logger.debug("no containers are seen: %s", exc)
        return ()
    return tuple(record for record in found if f"{LABEL}.engine" in record.labels)


def card_of(job: JobRecord, container: ContainerRecord | None) -> ServerCard:
    """A server that has a job."""
    note = job.status.note
    config = _read_config(job.spec.config)
    return ServerCard(
        id=job.spec.id,
        job=job.spec.id,
        container=container.id if container else "",
        container_name=container.name if container else "",
        title=job.spec.title,
        engine=config.engine if config else "embedded",
        role=config.role if config else "",
        state=_state(job, container),
        container_state=container.state if container else "unknown",
        health=container.health if container else "none",
        endpoint=job.status.endpoint if job.status.state == "running" else "",
        models=_read_models(note.get("served")),
        image=str(note.get("image_digest") or note.get("image") or (container.image if container else "")),
        memory_bytes=job.spec.memory_bytes,
        started_at=job.status.started_at or job.spec.created_at,
        error_code=job.error.code if job.error else "",
        error_params=job.error.params if job.error else {},
        can_reattach=_runs(container) and job.status.state in ENDED and job.resumable,
        config=config,
        guard=_read_guard(note.get("guard")),
    )


def card_of_stray(container: ContainerRecord) -> ServerCard:
    """A container of ours whose job is gone: it can only be removed."""
    labels = container.labels
    return ServerCard.model_validate(
        {
            "id": container.id,
            "container": container.id,
            "container_name": container.name,
            "title": labels.get(f"{LABEL}.model") or container.name,
            "engine": labels.get(f"{LABEL}.engine", "nim1"),
            "role": labels.get(f"{LABEL}.role", ""),
            "state": "orphaned",
            "container_state": container.state,
            "health": container.health,
            "image": container.digest or container.image,
            "started_at": container.started_at or container.created_at,
        }
    )


def stop_server(card_id: str, workspace: Workspace, jobs: JobStore, *, connect: Connect = connect) -> None:
    """Stop a server and remove its container, whoever looks after it: its living job, or nobody any more.

    Raises:
        NotFoundError: `server_unknown`.
    """
    card = find_server(card_id, workspace, jobs, connect=connect)
    if card.job and card.state not in ("orphaned", "stopped", "failed"):
        jobs.control(card.job, "stop" if card.state == "ready" else "cancel")
        return
    if card.container:
        with closing(connect(workspace)) as engine:
            engine.remove(card.container, force=True)


def reattach_server(
    card_id: str, workspace: Workspace, jobs: JobStore, *, connect: Connect = connect
) -> JobRecord:
    """Take up a container that still runs: its job goes on, and nothing is loaded again.

    Raises:
        NotFoundError: `server_unknown`.
        StateError: `server_not_attachable`.
    """
    card = find_server(card_id, workspace, jobs, connect=connect)
    if not card.can_reattach:
        raise StateError("server_not_attachable", name=card.title)
    return jobs.resume(card.job)


def find_server(
    card_id: str, workspace: Workspace, jobs: JobStore, *, connect: Connect = connect
) -> ServerCard:
    """One server by the id of its job or container.

    Raises:
        NotFoundError: `server_unknown`.
    """
    for card in find_servers(workspace, jobs, connect=connect, ended=10_000):
        if card_id in (card.id, card.container, card.container_name) and card_id:
            return card
    raise NotFoundError("server_unknown", id=card_id)


def find_note(endpoint: Endpoint, jobs: JobStore) -> dict[str, Any]:
    """What the server behind an endpoint tells of itself; empty where it is no server of ours that runs."""
    for record in jobs.list(kind="serve"):
        if record.status.state == "running" and record.status.endpoint == endpoint.base_url:
            return dict(record.status.note)
    return {}


def start_role(
    config: ServeConfig,
    workspace: Workspace,
    jobs: JobStore,
    *,
    connect: Connect = connect,
    request_id: str = "",
) -> JobRecord:
    """Start a server for a role; one that serves the same already is returned instead of a second one."""
    for card in find_servers(workspace, jobs, connect=connect, ended=0):
        if (
            card.job
            and card.config is not None
            and _same_work(card.config, config)
            and card.state != "orphaned"
        ):
            return jobs.get(card.job)
    return submit_server(config, jobs, title=config.model_name, request_id=request_id)


def _same_work(one: ServeConfig, other: ServeConfig) -> bool:
    aside = {"role", "port", "idle_seconds", "accept_licence", "ready_seconds"}
    return one.model_dump(exclude=aside) == other.model_dump(exclude=aside)


def _state(job: JobRecord, container: ContainerRecord | None) -> CardState:
    status = job.status
    if status.state in ENDED:
        if _runs(container):
            return "orphaned"
        return "failed" if status.state == "failed" else "stopped"
    if status.state != "running":
        return "paused" if status.state == "paused" else "waiting"
    if status.progress.phase in PHASES:
        return PHASES[status.progress.phase]
    if not status.ready:
        return "starting"
    unwell = container is not None and container.health == "unhealthy"
    return "unhealthy" if unwell else "ready"


def _runs(container: ContainerRecord | None) -> bool:
    return container is not None and container.state in LIVING


def _read_config(values: Mapping[str, Any]) -> ServeConfig | None:
    try:
        return ServeConfig.model_validate(values)
    except ValidationError:  # written by another version
        return None


def _read_models(values: object) -> tuple[ServedModel, ...]:
    return tuple(_read_all(values, ServedModel.model_validate))


def _read_all(values: object, read: Callable[[Any], ServedModel]) -> Iterable[ServedModel]:
    for value in cast("list[Any]", values) if isinstance(values, list) else ():
        try:
            yield read(value)
        except ValidationError:
            continue


def _read_guard(value: object) -> GuardResult | None:
    try:
        return GuardResult.model_validate(value) if isinstance(value, dict) else None
    except ValidationError:
        return None
