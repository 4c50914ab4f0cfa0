"""What could stand in the way of a server, told in plain words before anything starts.

`look_around` asks the machine and the engine; `check_server` is pure and turns that into sentences.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from workbench.containers import ContainerEngine
from workbench.containers.references import allowed_repositories
from workbench.errors import WorkbenchError
from workbench.jobs import JobStore
from workbench.jobs.leases import most_bytes
from workbench.jobs.machine import Memory, read_memory
from workbench.paths import Workspace
from workbench.schemas.containers import EngineInfo, ImageRecord
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import Level, Preflight, PreflightCheck, ServeConfig
from workbench.serving.engines import (
    Place,
    cache_folders,
    check_model,
    choose_gpus,
    choose_image,
    choose_user,
)
from workbench.serving.memory import serving_bytes
from workbench.serving.readable import Reader, can_write, choose_reader, find_unreadable

GIB = 2**30
SPARE_DISK = 2 * GIB
"""Left free whatever happens: a full disk breaks more than this server."""
ORDER: dict[Level, int] = {"stop": 0, "warn": 1, "ok": 2}
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Seen:
    """What was found on this machine."""

    place: Place
    memory: Memory
    free_memory: int
    """Bytes that a further job could set aside now."""
    need: int
    engine: EngineInfo | None = None
    engine_error: WorkbenchError | None = None
    image: ImageRecord | None = None
    known_image: bool = True
    has_key: bool = False
    starting: str = ""
    """Title of another server that is loading now."""
    disk_free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    port_taken: Callable[[int], bool] = lambda port: is_port_taken(port)


def look_around(
    config: ServeConfig,
    recipe: EngineRecipe,
    workspace: Workspace,
    *,
    jobs: JobStore,
    connect: Callable[[], ContainerEngine],
    environ: Mapping[str, str],
    own_job: str = "",
) -> Seen:
    """Ask the machine and the container engine; an engine that cannot be reached is a finding, not an error."""
    info, error, image = None, None, None
    place = make_place(workspace, own_job)
    try:
        with closing(connect()) as engine:
            info = engine.info()
            place = make_place(workspace, own_job, info)
            image = engine.find_image(choose_image(config, recipe, place))
    except WorkbenchError as exc:
        error = exc
    starting = [
        record.spec.title
        for record in jobs.list(kind="serve")
        if record.status.state == "running" and not record.status.ready and record.spec.id != own_job
    ]
    return Seen(
        place=place,
        memory=read_memory(),
        free_memory=jobs.free_memory(),
        need=serving_bytes(config),
        engine=info,
        engine_error=error,
        image=image,
        known_image=allowed_repositories().find(choose_image(config, recipe, place)) is not None,
        has_key=bool(config.api_key_env and environ.get(config.api_key_env, "").strip()),
        starting=starting[0] if starting else "",
    )


def make_place(workspace: Workspace, job: str = "", info: EngineInfo | None = None) -> Place:
    """This machine as a container has to know it."""
    return Place(
        cache_root=workspace.engine_caches,
        uid=os.getuid(),
        gid=os.getgid(),
        gpu=info.gpu if info else "none",
        arch=info.arch if info else "",
        memory_total=read_memory().total,
        job=job,
    )


def check_server(
    config: ServeConfig, recipe: EngineRecipe, seen: Seen, *, running: bool = False
) -> Preflight:
    """Everything that stands in the way of a start, or might.

    Args:
        config: What is to be started.
        recipe: Of its engine.
        seen: What `look_around` found.
        running: Its memory is set aside for it already, and its port may be its own.
    """
    found: list[PreflightCheck] = [*_engine(seen), *_image(config, recipe, seen), *_gpu(config, recipe, seen)]
    found += [*_model(config, recipe, seen), *_cache(config, recipe, seen), *_disk(recipe, seen)]
    found += [*_rights(config, recipe, seen), *_advice(config, recipe, seen)]
    if not running:
        found += [*_port(config, seen), *_memory(seen), *_turn(seen)]
    return Preflight(checks=tuple(sorted(found, key=lambda check: ORDER[check.level])))


def _say(level: Level, code: str, **params: str | int | float) -> PreflightCheck:
    return PreflightCheck(code=code, level=level, params=params)


ENGINE_ERRORS = {
    "engine_not_installed": "engine_missing",
    "engine_not_running": "engine_stopped",
    "engine_no_permission": "engine_forbidden",
}
"""How the container engine says that it cannot be used -> our sentence."""


def _engine(seen: Seen) -> Iterator[PreflightCheck]:
    if seen.engine_error is not None:
        code = ENGINE_ERRORS.get(seen.engine_error.code, "engine_unusable")
        detail = str(seen.engine_error.params.get("detail", seen.engine_error.code))
        yield _say("stop", code, detail=detail)
        return
    info = seen.engine
    if info is None:
        return
    yield _say("ok", "engine_found", kind=info.kind, version=info.version)
    if info.remote:
        yield _say("stop", "engine_elsewhere", socket=info.socket)
    if info.desktop and info.memory_bytes and info.memory_bytes < seen.need:
        limit = round(info.memory_bytes / GIB, 1)
        yield _say("warn", "engine_memory_small", limit=limit, need=round(seen.need / GIB, 1))


def _image(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    name = choose_image(config, recipe, seen.place)
    if not seen.known_image and not config.allow_other_image:
        yield _say("stop", "image_maker_unknown", image=name)
    host = seen.engine.arch if seen.engine else ""
    if seen.image is not None:
        if host and seen.image.arch and seen.image.arch != host:
            yield _say("stop", "image_other_processor", image=name, image_arch=seen.image.arch, host=host)
        else:
            yield _say("ok", "image_here", image=name)
        return
    if host and host not in recipe.architectures:
        architectures = ", ".join(recipe.architectures)
        yield _say("stop", "image_other_processor", image=name, image_arch=architectures, host=host)
    else:
        yield _say("ok", "image_to_pull", image=name)


def _gpu(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    if seen.engine is None:
        return
    wanted = choose_gpus(config, recipe, seen.place).kind != "none"
    if wanted and seen.engine.gpu == "none":
        yield _say("stop", "gpu_unreachable")
    elif wanted:
        yield _say("ok", "gpu_found", way=seen.engine.gpu)
    elif recipe.gpu == "required":
        yield _say("warn", "gpu_not_asked")
    else:
        yield _say("ok", "gpu_unused")


def _model(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    try:
        check_model(config, recipe)
    except WorkbenchError as exc:
        kind = recipe.model.kind if exc.code.startswith("serve_model") else "adapter"
        yield _say("stop", f"model_unfit_{kind}", path=str(exc.params.get("path", config.model)))
        return
    reader = _reader(config, recipe, seen)
    mounted = [config.model] if recipe.model.target else []
    mounted += [adapter.path for adapter in config.adapters]
    for path in mounted:
        found = find_unreadable(Path(path), reader)
        if found is not None:
            code = "model_link_outside" if found.why == "link" else "model_unreadable"
            yield _say("stop", code, path=str(found.path), uid=reader.uid)
            return
    yield _say("ok", "model_readable")


def _reader(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Reader:
    return choose_reader(
        choose_user(config.run_as, recipe, seen.place),
        seen.image.user if seen.image else "",
        drops_all="ALL" in recipe.hardening.cap_drop,
        own=(seen.place.uid, seen.place.gid),
    )


def _cache(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    reader = _reader(config, recipe, seen)
    for folder in cache_folders(config, recipe, seen.place):
        if not can_write(folder, reader):
            yield _say("stop", "cache_unwritable", path=str(folder), uid=reader.uid)


def _port(config: ServeConfig, seen: Seen) -> Iterator[PreflightCheck]:
    if not config.port:
        yield _say("ok", "port_chosen")
    elif seen.port_taken(config.port):
        yield _say("stop", "port_taken", port=config.port)
    else:
        yield _say("ok", "port_free", port=config.port)


def _disk(recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    if seen.image is None and seen.engine is not None and seen.engine.data_root:
        yield from _room(Path(seen.engine.data_root), recipe.usual_image_gib * GIB, "disk_low_images", seen)
    if recipe.caches:
        yield from _room(seen.place.cache_root, 0, "disk_low_cache", seen)


def _room(place: Path, need: float, code: str, seen: Seen) -> Iterator[PreflightCheck]:
    while not place.exists():
        place = place.parent
    try:
        free = seen.disk_free(place)
    except OSError:  # another user's folder: only the engine can see it
        return
    params = {"path": str(place), "free": round(free / GIB, 1), "need": round((need + SPARE_DISK) / GIB, 1)}
    if free < SPARE_DISK:
        yield _say("stop", code, **params)
    elif free < need + SPARE_DISK:
        # how large an image is becomes known only while it comes
        yield _say("warn", code, **params)
    else:
        yield _say("ok", code.replace("low", "enough"), **params)


def _memory(seen: Seen) -> Iterator[PreflightCheck]:
    need, free = round(seen.need / GIB, 1), round(seen.free_memory / GIB, 1)
    most = most_bytes(seen.memory)
    if seen.need > most:
        yield _say("stop", "memory_too_small", need=need, most=round(most / GIB, 1))
    elif seen.need > seen.free_memory:
        yield _say("warn", "memory_waits", need=need, free=free)
    else:
        yield _say("ok", "memory_enough", need=need, free=free)


def _rights(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    if recipe.licence is not None and not config.accept_licence:
        yield _say("stop", "licence_open", name=recipe.licence.name, url=recipe.licence.url)
    needs = bool(recipe.key.inside) or (recipe.key.to_pull and seen.image is None)
    if not needs:
        return
    if not config.api_key_env:
        yield _say("stop", "key_unnamed", name=recipe.key.usual_name)
    elif not seen.has_key:
        yield _say("stop", "key_missing", name=config.api_key_env)
    else:
        yield _say("ok", "key_inside" if recipe.key.inside else "key_for_pull", name=config.api_key_env)


def _turn(seen: Seen) -> Iterator[PreflightCheck]:
    if seen.starting:
        yield _say("warn", "other_starting", title=seen.starting)


def _advice(config: ServeConfig, recipe: EngineRecipe, seen: Seen) -> Iterator[PreflightCheck]:
    if recipe.model.kind == "inside" and config.role in ("before", "after"):
        yield _say("warn", "precision_differs")
    if recipe.adapters.way == "by_model" and config.adapters:
        yield _say("warn", "two_sets_of_weights")
    if config.trust_remote_code:
        yield _say("warn", "remote_code")
    if recipe.activity.kind == "none" and config.idle_seconds:
        yield _say("warn", "idle_unknown")


def is_port_taken(port: int) -> bool:
    """Whether something listens on a loopback port, or holds it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
        except OSError:
            return True
    return False
