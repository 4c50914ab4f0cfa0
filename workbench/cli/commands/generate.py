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

SIZES = (
    "train",
    "test",
    "unseen",
    "unanswerable",
    "extra_unanswerable",
    "distractors",
    "oracle_share",
    "seed",
)


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `generate`."""
    recipes = parser.add_subparsers(dest="recipe", metavar="KIND", required=True)
    raft = recipes.add_parser("raft", parents=[common])
    raft.add_argument("faq", type=Path, metavar="FAQ.csv")
    raft.add_argument("--out", type=Path, required=True, metavar="DIR")
    raft.add_argument("--teacher", default="extractive", metavar="extractive|ENDPOINT")
    for name in ("train", "test", "unseen", "unanswerable", "extra-unanswerable", "distractors", "seed"):
        raft.add_argument(f"--{name}", type=int, metavar="N")
    raft.add_argument("--oracle-share", type=float, metavar="P")
    raft.add_argument("--question-column", default="", metavar="C")
    raft.add_argument("--answer-column", default="", metavar="C")
    raft.add_argument("--group-column", default="", metavar="C")
    raft.add_argument("--group", default="", metavar="VALUE")
    raft.add_argument("--refusal", metavar="TEXT")


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
    sizes = {name: getattr(arguments, name) for name in SIZES if getattr(arguments, name) is not None}
    source = {
        "path": str(arguments.faq.resolve()),
        "question_column": arguments.question_column,
        "answer_column": arguments.answer_column,
        "group_column": arguments.group_column,
    }
    values: dict[str, Any] = {"source": source, "group": arguments.group, **sizes}
    if arguments.refusal is not None:
        values["refusal"] = arguments.refusal
    if arguments.teacher != "extractive":
        prepare_workspace(context.workspace)
        endpoint = EndpointRegistry(context.workspace).get(arguments.teacher)
        values |= {"teacher": "endpoint", "endpoint": endpoint.model_dump()}
    if not arguments.faq.is_file():
        raise NotFoundError("faq_missing", path=str(arguments.faq))
    return parse(RaftConfig, values)
