"""`workbench table RUN...`: two or more runs against a reference, question by question."""

from __future__ import annotations

import argparse
from pathlib import Path

from workbench.cli.context import CliContext
from workbench.cli.files import write_out
from workbench.errors import InputError
from workbench.evaluation.runs import load_run
from workbench.evaluation.table import build_table
from workbench.evaluation.table_export import FORMATS, to_text


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `table`."""
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--reference", default="", metavar="RUN")
    parser.add_argument("--all-metrics", action="store_true")
    parser.add_argument("--exploratory", action="store_true")
    parser.add_argument("--out", type=Path, metavar="FILE")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Print the table; the first run is the reference where none is named."""
    artifacts = context.artifacts()
    runs = [load_run(name, artifacts) for name in arguments.runs]
    reference = load_run(arguments.reference, artifacts) if arguments.reference else runs[0]
    if reference.id not in {run.id for run in runs}:
        runs.insert(0, reference)
    table = build_table(
        runs,
        reference.id,
        correction="exploratory" if arguments.exploratory else "holm",
        every_metric=arguments.all_metrics,
    )
    if arguments.out:
        write = FORMATS.get(arguments.out.suffix.lstrip(".").lower())
        if write is None:
            raise InputError("table_format_unknown", path=str(arguments.out), known=", ".join(FORMATS))
        write_out(arguments.out, write(table, context.lang))
    context.out.result(table.model_dump(mode="json"), to_text(table, context.lang))
    return 0
