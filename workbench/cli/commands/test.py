"""`workbench test`: the suite, every tier whose tool is present; names the tiers that did not run."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from workbench.cli.context import CliContext
from workbench.errors import ResourceError
from workbench.paths import assets_dir

ROOT = assets_dir().parent


def _has_browser() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def _has_engine() -> bool:
    """The real engine of the tests is their own: it needs root and the programs, and no engine that runs already."""
    programs = ("dockerd", "containerd", "docker-registry", "busybox", "htpasswd")
    return os.geteuid() == 0 and all(shutil.which(name) for name in programs)


TIERS: dict[str, Callable[[], bool]] = {
    "browser": _has_browser,
    "llama": lambda: importlib.util.find_spec("llama_cpp") is not None,
    "engine": _has_engine,
    "data": lambda: (ROOT.parent / "shared" / "data").is_dir(),
}
"""Marker of the tests -> whether what they need is here."""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `test`; what it does not know goes to pytest."""
    parser.add_argument("--require", default="", metavar="TIERS")
    parser.add_argument("paths", nargs="*", metavar="PYTEST_ARGUMENT")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Run pytest and say which tiers were left out.

    Raises:
        ResourceError: A required tier has no tool here.
    """
    required = {name for name in str(arguments.require).split(",") if name}
    unknown = required - TIERS.keys()
    if unknown:
        raise ResourceError("tier_unknown", tiers=", ".join(sorted(unknown)), known=", ".join(TIERS))
    absent = [name for name, present in TIERS.items() if not present()]
    missing = required & set(absent)
    if missing:
        raise ResourceError("tier_missing", tiers=", ".join(sorted(missing)))
    command = [sys.executable, "-m", "pytest"]
    if absent:
        command += ["-m", " and ".join(f"not {name}" for name in absent)]
    done = subprocess.run([*command, *arguments.unknown, *arguments.paths], cwd=ROOT, check=False)
    for name in absent:
        context.out.say("cli.test.left_out", tier=name)
    return 0 if done.returncode == 0 else 1
