"""A spec as the engine's API wants it. Pure: what this makes is what the engine gets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from workbench.containers.labels import ownership
from workbench.errors import InputError, StateError
from workbench.schemas.containers import ContainerSpec, EngineInfo, GpuRequest, GpuSupport, HealthCheck, Mount

LOOPBACK = "127.0.0.1"
CDI_KIND = "nvidia.com/gpu"
_USUAL_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
_NANO = 1_000_000_000


def build_payload(
    spec: ContainerSpec, secrets: Mapping[str, str], engine: EngineInfo, owner: str
) -> dict[str, Any]:
    """The body of `POST /containers/create`.

    Args:
        spec: What to make.
        secrets: Values of `spec.secret_env`; they go into the request and nowhere else.
        engine: Decides how GPUs are asked for.
        owner: Id of the workspace.

    Raises:
        StateError: `secret_missing`.
        InputError: `mount_engine_socket`.
    """
    for mount in spec.mounts:
        check_mount(mount, engine)
    payload: dict[str, Any] = {
        "Image": spec.runs,
        "Env": [f"{name}={value}" for name, value in _environment(spec, secrets).items()],
        "Labels": {**spec.labels, **ownership(owner, spec.secret_env)},
        "ExposedPorts": {f"{inside}/tcp": {} for inside in spec.ports},
        "HostConfig": host_config(spec, engine),
        "StopTimeout": spec.stop_seconds,
    }
    if spec.command:
        payload["Cmd"] = list(spec.command)
    if spec.entrypoint:
        payload["Entrypoint"] = list(spec.entrypoint)
    if spec.user:
        payload["User"] = spec.user
    if spec.workdir:
        payload["WorkingDir"] = spec.workdir
    if spec.healthcheck is not None:
        payload["Healthcheck"] = _health_check(spec.healthcheck)
    return payload


def _environment(spec: ContainerSpec, secrets: Mapping[str, str]) -> dict[str, str]:
    values = dict(spec.env)
    for name in spec.secret_env:
        if not secrets.get(name):
            raise StateError("secret_missing", name=name)
        values[name] = secrets[name]
    return values


def check_mount(mount: Mount, engine: EngineInfo) -> None:
    """Refuse a folder or a link through which the container would reach the engine.

    Whatever can talk to the engine is administrator of this machine.

    Raises:
        InputError: `mount_engine_socket`.
    """
    source = os.path.realpath(mount.source)
    sockets = {engine.socket.removeprefix("unix://"), *_USUAL_SOCKETS} if not engine.remote else set[str]()
    for path in {found for socket in sockets if socket for found in (socket, os.path.realpath(socket))}:
        if path == source or path.startswith(source.rstrip("/") + "/"):
            raise InputError("mount_engine_socket", path=mount.source)


def host_config(spec: ContainerSpec, engine: EngineInfo) -> dict[str, Any]:
    """Limits, mounts, ports and what is taken away. Restarting is off: a restarting server would eat the GPU."""
    config: dict[str, Any] = {
        "Mounts": [_mount(mount) for mount in spec.mounts],
        # always 127.0.0.1: without an address the engine would publish to the whole network
        "PortBindings": {
            f"{inside}/tcp": [{"HostIp": LOOPBACK, "HostPort": str(outside) if outside else ""}]
            for inside, outside in spec.ports.items()
        },
        "RestartPolicy": {"Name": "no"},
        "Privileged": False,
        "Init": spec.init,
        "CapDrop": list(spec.hardening.cap_drop),
        "CapAdd": list(spec.hardening.cap_add),
        "SecurityOpt": _security_options(spec),
        "ReadonlyRootfs": spec.hardening.read_only_rootfs,
        "Tmpfs": dict(spec.hardening.tmpfs),
        "Ulimits": [{"Name": item.name, "Soft": item.soft, "Hard": item.hard} for item in spec.ulimits],
        "DeviceRequests": device_requests(spec.gpus, engine.gpu),
    }
    if spec.shm_bytes:
        config["ShmSize"] = spec.shm_bytes
    if spec.mem_bytes:
        # the same for memory and swap together: no swap, so that the limit is one
        config |= {"Memory": spec.mem_bytes, "MemorySwap": spec.mem_bytes}
    if spec.ipc:
        config["IpcMode"] = spec.ipc
    if spec.network:
        config["NetworkMode"] = spec.network
    return config


def _mount(mount: Mount) -> dict[str, Any]:
    # `Mounts`, never `Binds`: a missing source is an error here, and an empty folder of root's there
    return {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}


def _security_options(spec: ContainerSpec) -> list[str]:
    options = list(spec.hardening.security_opt)
    return [*options, "no-new-privileges:true"] if spec.hardening.no_new_privileges else options


def _health_check(check: HealthCheck) -> dict[str, Any]:
    return {
        "Test": list(check.test),
        "Interval": int(check.interval_s * _NANO),
        "Timeout": int(check.timeout_s * _NANO),
        "StartPeriod": int(check.start_period_s * _NANO),
        "Retries": check.retries,
    }


def device_requests(gpus: GpuRequest, support: GpuSupport) -> list[dict[str, Any]]:
    """How this engine is asked for GPUs; empty where none are wanted."""
    if gpus.kind == "none":
        return []
    uses_cdi = gpus.driver == "cdi" or (gpus.driver == "auto" and support == "cdi")
    if uses_cdi:
        return [{"Driver": "cdi", "DeviceIDs": cdi_devices(gpus)}]
    # an empty driver name lets the engine take the toolkit's hook
    request: dict[str, Any] = {"Driver": "", "Capabilities": [["gpu"]]}
    if gpus.kind == "ids":
        return [{**request, "DeviceIDs": list(gpus.ids)}]
    return [{**request, "Count": -1 if gpus.kind == "all" else gpus.count}]


def cdi_devices(gpus: GpuRequest) -> list[str]:
    """Names of the devices for the Container Device Interface."""
    if gpus.kind == "all":
        return [f"{CDI_KIND}=all"]
    names = gpus.ids if gpus.kind == "ids" else tuple(str(index) for index in range(gpus.count))
    return [name if "=" in name else f"{CDI_KIND}={name}" for name in names]
