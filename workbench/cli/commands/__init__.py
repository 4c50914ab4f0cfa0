"""One module per command. Each offers `add_arguments(parser, common)` and `handle(context, arguments)`."""

from __future__ import annotations

import argparse
from typing import Protocol

from workbench.cli.commands import (
    containers,
    convert,
    diff,
    doctor,
    download,
    evaluate,
    gate,
    generate,
    genres,
    inspect,
    jobs,
    judge,
    review,
    run,
    score,
    serve,
    table,
    test,
    train,
    ui,
)
from workbench.cli.context import CliContext


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


COMMANDS: dict[str, Command] = {
    "ui": ui,
    "run": run,
    "generate": generate,
    "train": train,
    "evaluate": evaluate,
    "judge": judge,
    "score": score,
    "diff": diff,
    "table": table,
    "genres": genres,
    "gate": gate,
    "review": review,
    "inspect": inspect,
    "convert": convert,
    "serve": serve,
    "containers": containers,
    "jobs": jobs,
    "download": download,
    "doctor": doctor,
    "test": test,
}
