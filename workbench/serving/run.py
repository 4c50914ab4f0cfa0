"""The job that is a model server: it lasts until it is stopped or nobody has asked anything for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.jobs import JobContext
from workbench.schemas.base import parse
from workbench.schemas.serving import GuardResult, ServeConfig, ServeProvenance
from workbench.serving.containered import serve_in_container
from workbench.serving.model_files import quantisation_of
from workbench.serving.provenance import HashInBackground
from workbench.serving.sides import describe_models

if TYPE_CHECKING:
    from workbench.inference.embedded import RunningServer

logger = logging.getLogger(__name__)

FREE_PORT = 0
Serve = Callable[[ServeConfig, int, "Callable[[RunningServer], None]", Callable[[], bool]], None]


def _serve_embedded(
    config: ServeConfig,
    port: int,
    on_ready: Callable[[RunningServer], None],
    should_stop: Callable[[], bool],
) -> None:
    # imported here: torch belongs into the worker that serves, and nowhere else
    from workbench.inference.embedded import serve

    serve(config, port, on_ready, should_stop)


ENGINES: dict[str, Serve] = {"embedded": _serve_embedded}
"""Engines in this process; those in containers are recipes, see `serving.engines`."""


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Serve a model until the job is stopped or has been idle for `idle_seconds`.

    Returns:
        Model names, number of requests answered, and why the server ended (`idle` or `stopped`).

    Raises:
        WorkbenchError: The model cannot be loaded or the server cannot run.
    """
    settings = parse(ServeConfig, config)
    if settings.in_container:
        return serve_in_container(settings, job)
    watch = ServerWatch(settings, job)
    job.progress("serve_loading")
    ENGINES[settings.engine](settings, FREE_PORT, watch.on_ready, watch.should_stop)
    return watch.result()


class ServerWatch:
    """Shows the state of a server in its job and decides when it ends."""

    def __init__(self, settings: ServeConfig, job: JobContext) -> None:
        self._settings = settings
        self._job = job
        self._server: RunningServer | None = None
        self._reason = "stopped"
        self._hashes = HashInBackground(settings)
        self._hashes.start()

    def on_ready(self, server: RunningServer) -> None:
        """Tell where the server is and what it found about its models."""
        self._server = server
        notes = {info.name: list(info.notes) for info in server.models if info.notes}
        differences = {info.name: info.difference for info in server.models if info.difference is not None}
        served = describe_models(self._settings, server.endpoint)
        self._job.server_ready(
            server.endpoint,
            models=[info.name for info in server.models],
            notes=notes,
            differences=differences,
            facts=server.facts,
            served=[model.model_dump(mode="json") for model in served],
            endpoints={model.name: model.endpoint.model_dump(mode="json") for model in served},
            guard=_guard_of(differences).model_dump(mode="json"),
            provenance=self._provenance(server.facts),
        )
        self._job.event("server_ready", endpoint=server.endpoint, models=len(server.models))
        for name, codes in notes.items():
            for code in codes:
                self._job.event(code, name=name)
        for setting in server.facts.get("ignored_settings", []):
            self._job.event("generation_setting_ignored", setting=setting)

    def _provenance(self, facts: dict[str, Any]) -> dict[str, Any]:
        """What answers of this server must carry."""
        settings, hashes = self._settings, self._hashes.result()
        return ServeProvenance(
            engine="embedded",
            base_sha256=hashes.get(settings.model_name, ""),
            adapters={adapter.name: hashes.get(adapter.name, "") for adapter in settings.adapters},
            dtype=str(facts.get("dtype", "")),
            quantisation=quantisation_of(Path(settings.model)),
            template_sha256=str(facts.get("template_sha256", "")),
            options={"max_context": settings.max_context, "versions": facts.get("versions", {})},
        ).model_dump(mode="json", exclude_defaults=True)

    def should_stop(self) -> bool:
        """Whether the server ends now; raises what the job's control raises."""
        server = self._server
        if self._job.check():
            return True
        if server is None:
            return False
        self._job.progress("serving", server.engine.answered, 0, "requests")
        limit = self._settings.idle_seconds
        if limit and server.engine.idle_seconds() >= limit:
            self._reason = "idle"
            self._job.event("server_idle", minutes=round(limit / 60, 1))
            return True
        return False

    def result(self) -> dict[str, Any]:
        """What the job leaves behind."""
        server = self._server
        names = [info.name for info in server.models] if server else []
        answered = server.engine.answered if server else 0
        return {"models": names, "requests": answered, "reason": self._reason}


def _guard_of(differences: dict[str, float]) -> GuardResult:
    """The proof by logits that the server made while it loaded: off is the base to the bit, or it did not start."""
    if not differences:
        return GuardResult(state="not checked", code="no_adapters")
    silent = [name for name, difference in differences.items() if not difference]
    return GuardResult(
        state="no_effect" if silent else "held",
        code="tuned_is_base" if silent else "held",
        params={"name": ", ".join(silent)} if silent else {"count": len(differences)},
        method="logits",
        differences=differences,
    )
