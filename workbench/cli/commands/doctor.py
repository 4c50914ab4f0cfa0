"""`workbench doctor`: what this machine has and what is missing, in plain words."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from workbench.cli.context import CliContext
from workbench.containers import diagnose
from workbench.i18n import render_error
from workbench.jobs import prepare_workspace, read_machine

GIB = 2**30
NEEDED_MEMORY = 4 * GIB
NEEDED_DISK = 5 * GIB
NEEDED_IMAGE_DISK = 40 * GIB
"""One image of a model server takes 10 to 25 GiB, and as much again while it is unpacked."""


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    state: Literal["ok", "warn", "fail"]
    value: str


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """`doctor` takes no arguments of its own."""


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Print the findings; the exit code is 1 where something needed is missing."""
    checks = examine(context)
    marks = {"ok": "✓", "warn": "△", "fail": "✗"}
    lines = [
        f"{marks[item.state]} {context.out.text(f'doctor.{item.name}')}: {item.value}" for item in checks
    ]
    context.out.result({"checks": [asdict(item) for item in checks]}, "\n".join(lines))
    return 1 if any(item.state == "fail" for item in checks) else 0


def examine(context: CliContext) -> list[Check]:
    """All checks, none of which changes anything but making the workspace."""
    prepare_workspace(context.workspace)
    machine = read_machine(context.workspace.root)
    memory, disk = machine.memory_available, shutil.disk_usage(context.workspace.root).free
    return [
        Check("python", "ok" if sys.version_info >= (3, 11) else "fail", platform.python_version()),
        Check("platform", "ok", f"{platform.system()} {platform.machine()}"),
        Check("torch", "ok" if find_spec("torch") else "fail", _version("torch")),
        Check("memory", "ok" if memory >= NEEDED_MEMORY else "warn", f"{memory / GIB:.1f} GiB"),
        Check("disk", "ok" if disk >= NEEDED_DISK else "warn", f"{disk / GIB:.1f} GiB"),
        Check("gpu", "ok" if machine.gpu_name else "warn", machine.gpu_name or "-"),
        *examine_containers(context),
        Check("workspace", "ok", str(context.workspace.root)),
    ]


def examine_containers(context: CliContext) -> list[Check]:
    """Whether a container engine answers, GPUs reach its containers, and its disk has room for images.

    None of it is needed: the workbench's own server runs without an engine.
    """
    found = diagnose(context.environ)
    if found.info is None:
        said = render_error(found.error, context.lang).text if found.error else found.state
        return [Check("docker", "warn", said)]
    info = found.info
    named = " ".join(filter(None, (info.kind, info.version, info.arch, info.context, info.socket)))
    differences = [context.out.text(f"containers.difference.{name}") for name in info.differences]
    checks = [
        Check("docker", "ok", "; ".join([named, *differences])),
        Check(
            "docker_gpu",
            "ok" if info.gpu != "none" else "warn",
            context.out.text(f"containers.gpu.{info.gpu}"),
        ),
    ]
    free = _free_bytes(info.data_root) if not info.remote else None
    if free is not None:
        enough = free >= NEEDED_IMAGE_DISK
        checks.append(
            Check("docker_disk", "ok" if enough else "warn", f"{free / GIB:.1f} GiB ({info.data_root})")
        )
    return checks


def _free_bytes(folder: str) -> int | None:
    """Free bytes where the engine keeps its images; None where that is inside a virtual machine."""
    path = Path(folder)
    while folder and not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free if folder and path != Path("/") else None
    except OSError:
        return None


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
