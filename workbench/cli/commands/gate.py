"""`workbench gate GATE.yaml --candidate RUN`: exit code 0 for pass, 1 for fail, 2 for not enough evidence."""

from __future__ import annotations

import argparse
from pathlib import Path

from workbench.cli.context import CliContext
from workbench.cli.files import write_out
from workbench.pipeline.gate_files import load_gate, run_gate
from workbench.pipeline.gate_memory import keep_report
from workbench.pipeline.gate_report import (
    EXIT_CODES,
    render_junit,
    render_markdown,
    render_text,
    report_document,
)
from workbench.review import VoteStore


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `gate`."""
    parser.add_argument("gate", type=Path, metavar="GATE.yaml")
    parser.add_argument("--candidate", required=True, metavar="RUN")
    parser.add_argument("--baseline", default="", metavar="RUN")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--junit", type=Path, metavar="FILE")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Hold a run against a gate and print the verdict with every condition."""
    report = run_gate(
        load_gate(arguments.gate),
        context.artifacts(),
        VoteStore(context.workspace).votes,
        candidate=arguments.candidate,
        baseline=arguments.baseline,
    )
    keep_report(context.workspace, report)
    if arguments.markdown:
        write_out(arguments.markdown, render_markdown(report, context.lang).encode("utf-8"))
    if arguments.junit:
        write_out(arguments.junit, render_junit(report, context.lang))
    context.out.result(report_document(report, context.lang), render_text(report, context.lang))
    return EXIT_CODES[report.verdict]
