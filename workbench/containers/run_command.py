"""The `docker run` line that does what a spec says. Shown to people, never executed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from workbench.containers.payload import LOOPBACK, cdi_devices
from workbench.schemas.containers import ContainerSpec, GpuRequest, GpuSupport
from workbench.text.secrets import MASK, is_secret_name

GIB = 2**30
MIB = 2**20
Flag = tuple[str, ...]
"""A flag and its value."""


def render_arguments(
    spec: ContainerSpec, *, gpu: GpuSupport = "toolkit", program: str = "docker"
) -> list[str]:
    """The command as a list of arguments, flag by flag in the order of the spec's fields.

    A secret stands as its name alone (`-e NGC_API_KEY`): the program takes the value from its own environment, so
    the line works where the variable is set and shows nothing. Other variables named like secrets are masked.

    Args:
        spec: What to run.
        gpu: How the engine is asked for GPUs where the spec leaves it open.
        program: `docker` or `podman`.
    """
    flags = [part for flag in _flags(spec, gpu) for part in flag]
    return [program, "run", *flags, *_what_runs(spec)]


def render_text(spec: ContainerSpec, *, gpu: GpuSupport = "toolkit", program: str = "docker") -> str:
    """The command for a shell, one flag a line."""
    lines = [(program, "run"), *_flags(spec, gpu), tuple(_what_runs(spec))]
    return " \\\n  ".join(shlex.join(line) for line in lines)


def _flags(spec: ContainerSpec, gpu: GpuSupport) -> Iterator[Flag]:
    yield ("--detach",)
    yield from _identity(spec)
    yield from _limits(spec)
    yield from _gpus(spec.gpus, gpu)
    yield from _inside(spec)
    yield from _hardening(spec)
    if spec.entrypoint:
        yield ("--entrypoint", spec.entrypoint[0])


def _what_runs(spec: ContainerSpec) -> list[str]:
    return [spec.runs, *spec.entrypoint[1:], *spec.command]


def _identity(spec: ContainerSpec) -> Iterator[Flag]:
    if spec.name:
        yield ("--name", spec.name)
    for name, value in spec.labels.items():
        yield ("--label", f"{name}={value}")


def _limits(spec: ContainerSpec) -> Iterator[Flag]:
    if spec.shm_bytes:
        yield (f"--shm-size={say_bytes(spec.shm_bytes)}",)
    if spec.mem_bytes:
        yield (f"--memory={say_bytes(spec.mem_bytes)}",)
        yield (f"--memory-swap={say_bytes(spec.mem_bytes)}",)
    for limit in spec.ulimits:
        both = str(limit.soft) if limit.soft == limit.hard else f"{limit.soft}:{limit.hard}"
        yield ("--ulimit", f"{limit.name}={both}")
    if spec.ipc:
        yield (f"--ipc={spec.ipc}",)
    if spec.network:
        yield (f"--network={spec.network}",)


def _gpus(gpus: GpuRequest, support: GpuSupport) -> Iterator[Flag]:
    if gpus.kind == "none":
        return
    if gpus.driver == "cdi" or (gpus.driver == "auto" and support == "cdi"):
        for device in cdi_devices(gpus):
            yield ("--device", device)
    elif gpus.kind == "ids":
        # the value is a list of its own kind: several devices need quotes inside it
        listed = ",".join(gpus.ids)
        yield ("--gpus", f'"device={listed}"' if "," in listed else f"device={listed}")
    else:
        yield ("--gpus", "all" if gpus.kind == "all" else str(gpus.count))


def _inside(spec: ContainerSpec) -> Iterator[Flag]:
    for name, value in spec.env.items():
        yield ("-e", f"{name}={MASK if is_secret_name(name) and value else value}")
    for name in spec.secret_env:
        yield ("-e", name)
    for mount in spec.mounts:
        yield ("--mount", _mount(mount.source, mount.target, mount.read_only))
    if spec.user:
        yield ("-u", spec.user)
    if spec.workdir:
        yield ("--workdir", spec.workdir)
    for inside, outside in spec.ports.items():
        yield ("-p", f"{LOOPBACK}:{outside or ''}:{inside}")


def _mount(source: str, target: str, read_only: bool) -> str:
    parts = ["type=bind", f"source={source}", f"target={target}", *(["readonly"] if read_only else [])]
    # the value is a line of CSV: a part with a comma or a quote stands in quotes
    return ",".join('"' + p.replace('"', '""') + '"' if "," in p or '"' in p else p for p in parts)


def _hardening(spec: ContainerSpec) -> Iterator[Flag]:
    hardening = spec.hardening
    for name in hardening.cap_drop:
        yield (f"--cap-drop={name}",)
    for name in hardening.cap_add:
        yield (f"--cap-add={name}",)
    if hardening.no_new_privileges:
        yield ("--security-opt", "no-new-privileges:true")
    for option in hardening.security_opt:
        yield ("--security-opt", option)
    if hardening.read_only_rootfs:
        yield ("--read-only",)
    for target, options in hardening.tmpfs.items():
        yield ("--tmpfs", f"{target}:{options}" if options else target)
    if spec.init:
        yield ("--init",)
    yield (f"--stop-timeout={spec.stop_seconds}",)
    if spec.healthcheck is not None:
        yield from _health(spec)


def _health(spec: ContainerSpec) -> Iterator[Flag]:
    check = spec.healthcheck
    if check is None:
        return
    line = check.test[1] if check.test[0] == "CMD-SHELL" else shlex.join(check.test[1:])
    yield ("--health-cmd", line)
    yield (f"--health-interval={check.interval_s:g}s",)
    yield (f"--health-timeout={check.timeout_s:g}s",)
    yield (f"--health-start-period={check.start_period_s:g}s",)
    yield (f"--health-retries={check.retries}",)


def say_bytes(count: int) -> str:
    """Bytes as the command line takes them: `16g`, `512m`, or the number."""
    if count % GIB == 0:
        return f"{count // GIB}g"
    return f"{count // MIB}m" if count % MIB == 0 else str(count)
