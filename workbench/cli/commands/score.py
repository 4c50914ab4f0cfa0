"""`workbench score ANSWERS.jsonl --protocol NAME`: answers that were given elsewhere, scored."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.context import CliContext
from workbench.evaluation.published import read_published
from workbench.evaluation.samples import load_file
from workbench.evaluation.score_file import find_protocol, score_file, score_path
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import TaskFigures
from workbench.schemas.scoring import ScoreReport


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `score`."""
    parser.add_argument("answers", type=Path, metavar="ANSWERS.jsonl")
    parser.add_argument("--protocol", required=True, metavar="NAME")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--task", default="", metavar="NAME")
    parser.add_argument("--side", default="", metavar="NAME")
    parser.add_argument("--tests", type=Path, metavar="TEST.jsonl")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Score a file and print what came out."""
    protocol = find_protocol(arguments.protocol)
    out = arguments.out.resolve() if arguments.out else None
    if arguments.side:
        samples = load_file(arguments.tests, "answerable") if arguments.tests else ()
        records = read_published(arguments.answers, arguments.side, samples)
        report = score_file(records, protocol, task=arguments.task, out=out)
    else:
        report = score_path(arguments.answers, protocol, task=arguments.task, out=out)
    context.out.result(score_document(context, report, out), _text(context, report, out))
    return 0


def score_document(context: CliContext, report: ScoreReport, out: Path | None) -> dict[str, Any]:
    """What `score --json` prints."""
    figures = report.summary.tasks[report.task]
    document: dict[str, Any] = {
        "n": figures.n,
        "protocol": report.protocol,
        "task": report.task,
        "primary": report.primary,
        "metrics": report.metrics,
        "intervals": {name: interval.model_dump() for name, interval in figures.metrics.items()},
        "chance": figures.chance,
        "states": count_states(report),
        "warnings": tell(context, report.warnings),
        "items": [item.model_dump(mode="json") for item in report.items],
    }
    return document | ({"out": str(out)} if out else {})


def count_states(report: ScoreReport) -> dict[str, int]:
    """Answers by what became of them."""
    counts: dict[str, int] = {}
    for item in report.items:
        counts[item.state] = counts.get(item.state, 0) + 1
    return counts


def tell(context: CliContext, warnings: tuple[Sentence, ...]) -> list[dict[str, Any]]:
    """Warnings with their sentences."""
    return [
        {
            "code": warning.code,
            "message": context.out.text(f"sentence.{warning.code}", **warning.params),
            **warning.params,
        }
        for warning in warnings
    ]


def _text(context: CliContext, report: ScoreReport, out: Path | None) -> str:
    figures = report.summary.tasks[report.task]
    lines = [context.out.text("cli.score.head", protocol=report.protocol, n=figures.n)]
    states = [
        f"{context.out.text(f'cli.score.state.{state}')} {count}"
        for state, count in count_states(report).items()
    ]
    lines.append("  " + " / ".join(states))
    lines += [_figure_line(name, figures) for name in figures.metrics]
    if figures.chance is not None:
        lines.append("  " + context.out.text("cli.score.chance", value=f"{figures.chance:.3f}"))
    lines += [warning["message"] for warning in tell(context, report.warnings)]
    if out:
        lines.append(context.out.text("cli.score.written", folder=str(out)))
    return "\n".join(lines)


def _figure_line(name: str, figures: TaskFigures) -> str:
    interval = figures.metrics[name]
    if interval.value is None:
        return f"  {name}: -"
    spread = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval.low is not None else ""
    return f"  {name}: {interval.value:.3f}{spread} (n={interval.n})"
