"""The serve job of an engine in a container: it lasts until it is stopped, ends by itself, or nobody asks for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from workbench.containers import ContainerEngine, end_failure
from workbench.jobs import JobContext
from workbench.schemas.serving import ServeConfig
from workbench.serving.docking import Connect, connect
from workbench.serving.idle import IdleWatch, read_activity
from workbench.serving.planning import command_of
from workbench.serving.recipes import load_recipe
from workbench.serving.starting import LogCopy, Running, Starter, StopWanted

POLL_SECONDS = 1.0
LAST_LINES = 60


def serve_in_container(
    config: ServeConfig,
    job: JobContext,
    *,
    connect: Connect = connect,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Serve until the job is stopped or idle; the container is removed whatever ends it, a kill aside.

    Args:
        config: What to serve.
        job: Of the server.
        connect: How the container engine is reached.
        clock: A steady clock in seconds.
        sleep: Waits.

    Returns:
        Model names, and why the server ended (`idle` or `stopped`).

    Raises:
        WorkbenchError: It did not come up, or ended by itself; the sentence says why.
    """
    recipe = load_recipe(config.engine)
    with closing(connect(job.workspace)) as engine:
        starter = Starter(config, recipe, job, engine, connect)
        try:
            running = starter.start()
        except StopWanted:
            return {"models": [], "reason": "stopped"}
        try:
            _tell(config, job, running)
            idle = IdleWatch(lambda: read_activity(running.root, recipe), clock)
            with LogCopy(connect, job, running.record.id, tail=0):
                reason = _watch(config, job, engine, running, idle, sleep)
        finally:
            job.progress("serve_stopping")
            starter.remove(running.record.id)
    return {"models": [model.name for model in running.models], "reason": reason}


def _tell(config: ServeConfig, job: JobContext, running: Running) -> None:
    base = running.models[0].endpoint
    facts: dict[str, Any] = {"engine": config.engine, **running.note["provenance"], "ignored_settings": []}
    job.server_ready(
        base.base_url,
        models=[model.name for model in running.models],
        notes={},
        facts=facts,
        command=command_of(config),
        **running.note,
    )
    job.event("server_ready", endpoint=base.base_url, models=len(running.models))


def _watch(
    config: ServeConfig,
    job: JobContext,
    engine: ContainerEngine,
    running: Running,
    idle: IdleWatch,
    sleep: Callable[[float], None],
) -> str:
    """Why the server ends; raises what the job's control raises, or why the container ended."""
    told_unknown = False
    while not job.check():
        record = engine.inspect(running.record.id)
        if record.state not in ("running", "paused", "restarting"):
            raise end_failure(record, engine.logs(record.id, tail=LAST_LINES))
        idle.look()
        if not idle.known and config.idle_seconds and not told_unknown:
            job.event("server_idle_unknown", name=record.name)
            told_unknown = True
        job.progress("serving", idle.counted, 0, "counted")
        if config.idle_seconds and idle.idle_seconds() >= config.idle_seconds:
            job.event("server_idle", minutes=round(config.idle_seconds / 60, 1))
            return "idle"
        sleep(POLL_SECONDS)
    return "stopped"
