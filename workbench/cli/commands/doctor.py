"""`workbench doctor`: what this machine has and what is missing, in plain words."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Literal

from workbench.cli.context import CliContext
from workbench.jobs import prepare_workspace, read_machine

GIB = 2**30
NEEDED_MEMORY = 4 * GIB
NEEDED_DISK = 5 * GIB


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
    tools = {name: bool(shutil.which(name)) for name in ("chromium", "docker")}
    return [
        Check("python", "ok" if sys.version_info >= (3, 11) else "fail", platform.python_version()),
        Check("platform", "ok", f"{platform.system()} {platform.machine()}"),
        Check("torch", "ok" if find_spec("torch") else "fail", _version("torch")),
        Check("memory", "ok" if memory >= NEEDED_MEMORY else "warn", f"{memory / GIB:.1f} GiB"),
        Check("disk", "ok" if disk >= NEEDED_DISK else "warn", f"{disk / GIB:.1f} GiB"),
        Check("gpu", "ok" if machine.gpu_name else "warn", machine.gpu_name or "-"),
        Check("docker", "ok" if tools["docker"] else "warn", shutil.which("docker") or "-"),
        Check("workspace", "ok", str(context.workspace.root)),
    ]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
