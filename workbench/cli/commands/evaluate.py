"""`workbench evaluate --adapter ID --dataset ID`: base and fine-tuned, asked from one server and compared."""

from __future__ import annotations

import argparse

from workbench.cli.commands.run import run_recipe
from workbench.cli.context import CliContext
from workbench.pipeline import evaluate_recipe


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `evaluate`."""
    parser.add_argument("--adapter", required=True, metavar="ARTIFACT")
    parser.add_argument("--dataset", required=True, metavar="ARTIFACT")
    parser.add_argument("--general", action="store_true")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Evaluate an adapter against its base."""
    recipe = evaluate_recipe(
        context.artifacts(), arguments.adapter, arguments.dataset, general=arguments.general
    )
    return run_recipe(context, recipe)
