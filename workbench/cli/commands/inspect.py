"""`workbench inspect PATH`: what a folder or file holds."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from workbench.cli.context import CliContext
from workbench.conversion import detect
from workbench.conversion.detect import find_place
from workbench.conversion.megatron import build_command
from workbench.schemas.conversion import ConvertConfig


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `inspect`."""
    parser.add_argument("path", metavar="PATH")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Detect and print."""
    found = detect(Path(arguments.path))
    shown = found.model_dump(mode="json")
    if found.layout == "nemo_megatron":
        settings = ConvertConfig(source=found.path)
        shown["command"] = shlex.join(build_command(find_place(Path(arguments.path)), settings))
    layout = context.out.text(f"layout.{found.layout}")
    lines = [layout, *(f"  {name}: {value}" for name, value in shown.items() if value and name != "layout")]
    context.out.result({"kind": shown.pop("layout"), "details": shown}, "\n".join(lines))
    return 0
