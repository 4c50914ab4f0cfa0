"""From a serve job's settings to a container that answers: image, turn, start, models, guard.

A worker that was killed left its container behind; its job finds it by label and goes on with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from workbench.containers import (
    ContainerEngine,
    LogFollow,
    RegistryLogin,
    check_architecture,
    pin,
    run_container,
    verify_gpu,
    wait_ready,
)
from workbench.errors import ResourceError, StateError, WorkbenchError
from workbench.inference.guard import prove_sides
from workbench.inference.server_state import list_names, read_object
from workbench.jobs import JobContext, JobStore
from workbench.schemas.containers import ContainerRecord, ContainerSpec, ImageRecord, PullProgress
from workbench.schemas.containers import Readiness as WaitFor
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import GuardResult, ServeConfig, ServedModel
from workbench.serving.docking import Connect
from workbench.serving.engines import LABEL, Place, build_spec, cache_folders
from workbench.serving.ollama_models import prepare_models
from workbench.serving.preflight import check_server, look_around, make_place
from workbench.serving.provenance import HashInBackground, describe_server
from workbench.serving.servers import LIVING
from workbench.serving.sides import describe_models
from workbench.serving.turn import starting_turn

logger = logging.getLogger(__name__)

LOGGED_LINES = 200
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """A container that answers."""

    record: ContainerRecord
    spec: ContainerSpec
    root: str
    """Address without a path."""
    models: tuple[ServedModel, ...]
    guard: GuardResult
    note: dict[str, Any]
    """What the job tells of it."""


class StopWanted(Exception):
    """A person asked the server to stop before it was ready."""


class Starter:
    """Brings one server up.

    Args:
        config: What to serve.
        recipe: How its engine is told so.
        job: Where to tell how far it is, and whom to ask whether to go on.
        engine: Of this job's own thread.
        connect: For further threads.
    """

    def __init__(
        self,
        config: ServeConfig,
        recipe: EngineRecipe,
        job: JobContext,
        engine: ContainerEngine,
        connect: Connect,
    ) -> None:
        self._config = config
        self._recipe = recipe
        self._job = job
        self._engine = engine
        self._connect = connect
        self._place: Place = make_place(job.workspace, job.spec.id, engine.info())

    def start(self) -> Running:
        """The server, ready; nothing is left of it where this raises.

        Raises:
            StopWanted: A person asked for it.
            WorkbenchError: Why it did not come up.
        """
        found = self._find_own()
        hashes = HashInBackground(self._config, self._recipe)
        hashes.start()
        with starting_turn(self._job.workspace.locks, self._wait_for_turn):
            record, spec = self._take_up(found) if found else self._start_new()
            self._job.note(container=record.id, container_name=record.name, image_digest=spec.digest)
            with ExitStack() as undo:
                undo.callback(self.remove, record.id)
                running = self._make_ready(record, spec, hashes)
                undo.pop_all()
        return running

    def remove(self, container: str) -> None:
        """Stop and remove the container; what is gone already is no error."""
        try:
            self._engine.stop(container)
        except WorkbenchError as exc:
            logger.warning("the container did not stop by itself: %s", exc)
        self._engine.remove(container, force=True)

    # ---- inside

    def _check(self) -> bool:
        """Whether to end now; in this phase a stop and a cancel are the same."""
        if self._job.check():
            raise StopWanted
        return False

    def _wait_for_turn(self) -> None:
        self._job.progress("serve_waiting_turn")
        self._check()

    def _find_own(self) -> ContainerRecord | None:
        own = [
            record for record in self._engine.list() if record.labels.get(f"{LABEL}.job") == self._job.spec.id
        ]
        running = [record for record in own if record.state in LIVING and record.state != "created"]
        for record in own:
            if record not in running[:1]:
                self._engine.remove(record.id, force=True)
        return running[0] if running else None

    def _take_up(self, record: ContainerRecord) -> tuple[ContainerRecord, ContainerSpec]:
        self._job.event("server_reattached", name=record.name)
        digest = record.digest or record.image_id
        return record, build_spec(self._config, self._recipe, self._place, digest=digest)

    def _start_new(self) -> tuple[ContainerRecord, ContainerSpec]:
        self._preflight()
        spec = build_spec(self._config, self._recipe, self._place)
        image = self._engine.find_image(spec.image) or self._pull(spec.image)
        check_architecture(image, self._engine.info())
        for folder in cache_folders(self._config, self._recipe, self._place):
            folder.mkdir(parents=True, exist_ok=True)
        self._check()
        self._job.progress("serve_starting")
        pinned = pin(spec, image)
        confirmed = self._config.allow_other_image
        return run_container(self._engine, pinned, self._secrets(pinned), confirmed=confirmed), pinned

    def _preflight(self) -> None:
        seen = look_around(
            self._config,
            self._recipe,
            self._job.workspace,
            jobs=JobStore(self._job.workspace),
            connect=lambda: self._connect(self._job.workspace),
            environ=os.environ,
            own_job=self._job.spec.id,
        )
        found = check_server(self._config, self._recipe, seen, running=True)
        self._job.note(preflight=found.model_dump(mode="json"))
        if found.stops:
            raise StateError("serve_preflight_stopped", count=len(found.stops), check=found.stops[0].code)

    def _secrets(self, spec: ContainerSpec) -> Mapping[str, str]:
        return {name: self._job.secret(self._config.api_key_env) for name in spec.secret_env}

    def _pull(self, image: str) -> ImageRecord:
        name = self._config.api_key_env
        login = RegistryLogin(self._recipe.key.username, self._job.secret(name)) if name else None
        self._job.event("image_pulling", image=image)

        def show(progress: PullProgress) -> None:
            self._job.progress("serve_pulling", progress.done_bytes, progress.total_bytes, "bytes")

        confirmed = self._config.allow_other_image
        return self._engine.pull(
            image, login=login, on_progress=show, should_stop=self._check, confirmed=confirmed
        )

    def _make_ready(self, record: ContainerRecord, spec: ContainerSpec, hashes: HashInBackground) -> Running:
        with LogCopy(self._connect, self._job, record.id):
            self._check_gpu(record, spec)
            assert self._recipe.ready is not None
            waits = WaitFor(
                port=self._recipe.port, path=self._recipe.ready.path, timeout_s=self._config.ready_seconds
            )
            self._job.progress("serve_loading")
            ready = wait_ready(self._engine, record.id, waits, should_stop=self._check)
            root = f"http://{HOST}:{ready.ports[self._recipe.port]}"
            models = self._find_models(root)
            guard = self._guard(models)
        digest = spec.digest or ready.digest or ready.image_id
        provenance = describe_server(self._config, spec, digest, hashes.result())
        return Running(
            record=ready,
            spec=spec,
            root=root,
            models=models,
            guard=guard,
            note={
                "container": ready.id,
                "container_name": ready.name,
                "image_digest": digest,
                "served": [model.model_dump(mode="json") for model in models],
                "endpoints": {model.name: model.endpoint.model_dump(mode="json") for model in models},
                "guard": guard.model_dump(mode="json"),
                "differences": guard.differences,
                "provenance": provenance.model_dump(mode="json"),
            },
        )

    def _check_gpu(self, record: ContainerRecord, spec: ContainerSpec) -> None:
        if spec.gpus.kind == "none":
            return
        try:
            names = verify_gpu(self._engine, record.id)
        except ResourceError:
            if self._recipe.gpu == "required":
                raise
            self._job.event("gpu_not_inside", name=record.name)
            return
        self._job.event("gpu_inside", names=", ".join(names))

    def _find_models(self, root: str) -> tuple[ServedModel, ...]:
        """The models as they are asked, after the server has said that it has them."""
        config, recipe = self._config, self._recipe
        if recipe.dialect == "ollama":
            prepare_models(root, config, recipe, self._show_upload, self._check)
            return describe_models(config, root, recipe)
        listed = list_names(read_object(f"{root}/v1/models"))
        wanted = config.names if recipe.adapters.way == "by_name" else (config.model_name,)
        missing = [name for name in wanted if name not in listed]
        if listed and missing and recipe.model.kind != "inside":
            raise StateError("serve_names_missing", names=", ".join(missing), listed=", ".join(listed))
        return describe_models(config, f"{root}/v1", recipe, listed)

    def _show_upload(self, sent: int, size: int) -> None:
        self._job.progress("serve_uploading", sent, size, "bytes")

    def _guard(self, models: tuple[ServedModel, ...]) -> GuardResult:
        """Ask both sides before anybody trusts a comparison of them.

        Raises:
            StateError: `serve_guard_refused`.
        """
        base, *tuned = models
        if not tuned:
            return GuardResult(state="not checked", code="no_adapters")
        self._job.progress("serve_guarding")
        found = asyncio.run(
            prove_sides(
                base.endpoint, {one.name: one.endpoint for one in tuned}, base.endpoint, environ=os.environ
            )
        )
        if found.state == "refused":
            raise StateError("serve_guard_refused", name=base.name)
        for name, difference in found.differences.items():
            if not difference:
                self._job.event("adapter_has_no_effect", name=name)
        return found


class LogCopy:
    """Copies a container's log into the job's, line by line, while it lasts.

    Args:
        connect: Makes an engine for the copying thread.
        job: Whose log it goes to; the job's logging masks secrets once more.
        container: Its id.
    """

    def __init__(
        self, connect: Connect, job: JobContext, container: str, *, tail: int = LOGGED_LINES
    ) -> None:
        self._connect = connect
        self._job = job
        self._container = container
        self._tail = tail
        self._follow: LogFollow | None = None
        self._thread = threading.Thread(target=self._copy, name="container-log", daemon=True)

    def __enter__(self) -> LogCopy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the copying."""
        if self._follow is not None:
            self._follow.close()
        self._thread.join(5)

    def _copy(self) -> None:
        try:
            engine = self._connect(self._job.workspace)
            try:
                self._follow = engine.follow(self._container, tail=self._tail)
                for line in self._follow:
                    logger.info("| %s", line.text)
            finally:
                engine.close()
        except WorkbenchError as exc:
            logger.info("the container's log ends: %s", exc)
