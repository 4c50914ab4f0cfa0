"""One module per command. Each offers `add_arguments(parser, common)` and `handle(context, arguments)`."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Protocol, cast

from workbench.cli.context import CliContext

COMMANDS = (
    "ui",
    "run",
    "generate",
    "train",
    "evaluate",
    "judge",
    "score",
    "diff",
    "table",
    "genres",
    "gate",
    "review",
    "inspect",
    "convert",
    "serve",
    "containers",
    "jobs",
    "download",
    "doctor",
    "test",
)
"""In the order of the help; each is the name of a module beside this one."""


class Command(Protocol):
    """What a module in this folder offers."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""
        ...

    @staticmethod
    def handle(context: CliContext, arguments: argparse.Namespace) -> int:
        """Do it; the return value is the exit code."""
        ...


def load_command(name: str) -> Command:
    """A command by its name. Imported only when it is wanted: all of them together take two seconds."""
    return cast("Command", import_module(f"{__name__}.{name}"))
