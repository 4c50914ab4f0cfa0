"""What is done with an engine while it is recorded, and again when the recording is played."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from workbench.containers.docker_engine import DockerEngine
from workbench.containers.ending import end_code
from workbench.containers.protocol import RegistryLogin
from workbench.containers.starting import run_container
from workbench.errors import WorkbenchError
from workbench.schemas.containers import ContainerRecord, ContainerSpec, GpuRequest, HealthCheck, PullProgress

OWNER = "recorded-owner"
IMAGE = "ftw-test/busybox:1"
Facts = dict[str, Any]


def _pull(engine: DockerEngine, reference: str, login: RegistryLogin | None = None) -> Facts:
    seen: list[PullProgress] = []
    try:
        image = engine.pull(reference, login=login, on_progress=seen.append, confirmed=True)
    except WorkbenchError as error:
        return {"error": error.code, "seen": seen}
    return {"digest": image.digest, "seen": seen, "store": engine.info().image_store}


def pull(engine: DockerEngine, reference: str) -> Facts:
    return _pull(engine, reference)


def pull_unauthorised(engine: DockerEngine, reference: str) -> Facts:
    return _pull(engine, reference, RegistryLogin("$oauthtoken", "nvapi-wrong-key-000000"))


def _run(engine: DockerEngine, line: str, **values: Any) -> ContainerRecord:
    spec = {"image": IMAGE, "command": ("sh", "-c", line), "init": False, "stop_seconds": 0, **values}
    return run_container(engine, ContainerSpec.model_validate(spec), confirmed=True)


def _until(engine: DockerEngine, container: str, holds: Callable[[ContainerRecord], bool]) -> ContainerRecord:
    until = time.monotonic() + 30
    while not holds(record := engine.inspect(container)):
        assert time.monotonic() < until
        time.sleep(0.05)
    return record


def port_conflict(engine: DockerEngine, reference: str) -> Facts:
    try:
        _run(engine, "sleep 60", name="conflict", ports={8000: int(reference)})
    except WorkbenchError as error:
        return {"error": error.code, "params": error.params, "left": engine.list()}
    raise AssertionError("the port was free")


def gpu_error(engine: DockerEngine, reference: str) -> Facts:
    try:
        _run(engine, "sleep 60", name="gpu", gpus=GpuRequest(kind="all"))
    except WorkbenchError as error:
        return {"error": error.code, "left": engine.list()}
    raise AssertionError("there was a GPU")


def out_of_memory(engine: DockerEngine, reference: str) -> Facts:
    record = _run(engine, "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", name="oom", mem_bytes=8 * 2**20)
    ended = _until(engine, record.id, lambda found: found.state == "exited")
    engine.remove(record.id)
    return {"end": end_code(ended), "exit_code": ended.exit_code}


def unhealthy(engine: DockerEngine, reference: str) -> Facts:
    check = HealthCheck(test=("CMD-SHELL", "echo the model is gone; exit 1"), interval_s=0.3, retries=2)
    record = _run(engine, "sleep 60", name="sick", healthcheck=check)
    first = record.health
    sick = _until(engine, record.id, lambda found: found.health == "unhealthy")
    engine.remove(record.id, force=True)
    return {"first": first, "last": sick.health, "said": sick.health_output}


def talk(engine: DockerEngine, reference: str) -> Facts:
    line = "echo 日本語; echo oops >&2; printf '\\r10%%\\r100%%\\n'; echo end"
    record = _run(engine, line, name="talk")
    _until(engine, record.id, lambda found: found.state == "exited")
    lines = list(engine.follow(record.id, timestamps=True))
    engine.remove(record.id)
    return {"lines": lines}


SCENARIOS: dict[str, Callable[[DockerEngine, str], Facts]] = {
    "pull": pull,
    "pull_error": pull,
    "pull_unauthorised": pull_unauthorised,
    "port_conflict": port_conflict,
    "gpu_error": gpu_error,
    "out_of_memory": out_of_memory,
    "unhealthy": unhealthy,
    "talk": talk,
}
