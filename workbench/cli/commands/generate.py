"""`workbench generate raft FAQ.csv`: training and test data from a FAQ file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.context import CliContext
from workbench.errors import NotFoundError
from workbench.generation.run import build_raft
from workbench.inference import EndpointRegistry
from workbench.jobs import prepare_workspace
from workbench.schemas.base import parse
from workbench.schemas.generation import RaftConfig

NUMBERS: dict[str, type[int] | type[float]] = {
    "train": int,
    "test": int,
    "unseen": int,
    "unanswerable": int,
    "extra_unanswerable": int,
    "distractors": int,
    "oracle_share": float,
    "valid_share": float,
    "answer_min": int,
    "answer_max": int,
    "negative_ratio_max": float,
    "seed": int,
}
"""Fields of `RaftConfig` that are flags of the same name."""
TEXTS = ("system_prompt", "refusal")
"""The same for texts; an empty one is a value too."""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `generate`."""
    recipes = parser.add_subparsers(dest="recipe", metavar="KIND", required=True)
    raft = recipes.add_parser("raft", parents=[common])
    raft.add_argument("faq", type=Path, metavar="FAQ.csv")
    raft.add_argument("--out", type=Path, required=True, metavar="DIR")
    raft.add_argument("--teacher", default="extractive", metavar="extractive|ENDPOINT")
    for name, kind in NUMBERS.items():
        raft.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N" if kind is int else "P")
    for name in TEXTS:
        raft.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT")
    raft.add_argument("--question-column", default="", metavar="C")
    raft.add_argument("--answer-column", default="", metavar="C")
    # left out, it is guessed; empty, there is none
    raft.add_argument("--group-column", metavar="C")
    raft.add_argument("--group", default="", metavar="VALUE")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Build the dataset in the given folder and print the report."""
    report = build_raft(read_config(context, arguments), arguments.out.resolve())
    document: dict[str, Any] = report.model_dump(mode="json")
    # totals for scripts; the sizes by file beside them
    document |= {
        "requested": report.requested_total,
        "kept": report.kept_total,
        "requested_sizes": document["requested"],
        "kept_sizes": document["kept"],
    }
    text = context.out.text(
        "cli.generate.done",
        kept=report.kept_total,
        requested=report.requested_total,
        listed=len(document["listed"]),
        folder=str(arguments.out.resolve()),
    )
    context.out.result(document, text)
    return 0


def read_config(context: CliContext, arguments: argparse.Namespace) -> RaftConfig:
    """The configuration that the flags say.

    Raises:
        ConfigError: Flags out of bounds.
        NotFoundError: `--teacher` names no registered endpoint.
    """
    given = {name: getattr(arguments, name) for name in (*NUMBERS, *TEXTS)}
    source = {
        "path": str(arguments.faq.resolve()),
        "question_column": arguments.question_column,
        "answer_column": arguments.answer_column,
        "group_column": arguments.group_column or "",
        "guess_group": arguments.group_column is None,
    }
    values: dict[str, Any] = {"source": source, "group": arguments.group}
    values |= {name: value for name, value in given.items() if value is not None}
    if arguments.teacher != "extractive":
        prepare_workspace(context.workspace)
        endpoint = EndpointRegistry(context.workspace).get(arguments.teacher)
        values |= {"teacher": "endpoint", "endpoint": endpoint.model_dump()}
    if not arguments.faq.is_file():
        raise NotFoundError("faq_missing", path=str(arguments.faq))
    return parse(RaftConfig, values)
