"""`workbench diff A.jsonl B.jsonl --protocol NAME`: what changed between two files of answers."""

from __future__ import annotations

import argparse
from typing import Any

from workbench.cli.commands.score import tell
from workbench.cli.context import CliContext
from workbench.evaluation.diff_runs import diff, read_side
from workbench.evaluation.score_file import find_protocol
from workbench.schemas.scoring import DiffReport


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `diff`."""
    parser.add_argument("a", metavar="A.jsonl")
    parser.add_argument("b", metavar="B.jsonl")
    parser.add_argument("--protocol", required=True, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0, metavar="N")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Compare two files and print the difference."""
    protocol = find_protocol(arguments.protocol)
    before, after = (read_side(source, protocol, context.artifacts) for source in (arguments.a, arguments.b))
    report = diff(before, after, protocol, seed=arguments.seed)
    context.out.result(diff_document(context, report), _text(context, report))
    return 0


def diff_document(context: CliContext, report: DiffReport) -> dict[str, Any]:
    """What `diff --json` prints."""
    document: dict[str, Any] = report.model_dump(mode="json")
    return document | {"warnings": tell(context, report.warnings)}


def _text(context: CliContext, report: DiffReport) -> str:
    out = context.out
    lines = [out.text("cli.diff.head", protocol=report.protocol, primary=report.primary, n=report.n)]
    if report.delta is not None:
        spread = f" [{report.ci[0]:+.3f}, {report.ci[1]:+.3f}]" if report.ci else ""
        lines.append(f"  {report.a.mean:.3f} → {report.b.mean:.3f} ({report.delta:+.3f}{spread})")
    lines.append("  " + out.text(f"cli.diff.{report.verdict}"))
    lines.append("  " + out.text("cli.diff.flips", gained=report.gained, lost=report.lost, p=_p(report.p)))
    lines += [
        "  " + out.text(f"cli.diff.part.{part.code}", n=part.n, contribution=f"{part.contribution:+.3f}")
        for part in report.decomposition.parts
        if part.n
    ]
    lines += [warning["message"] for warning in tell(context, report.warnings)]
    return "\n".join(lines)


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
