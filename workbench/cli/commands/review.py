"""`workbench review list | show COMPARISON | export COMPARISON --format NAME --out FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.artifacts import write_bytes_atomic
from workbench.cli.context import CliContext
from workbench.errors import InputError
from workbench.pipeline.gate_memory import recall_note
from workbench.review import VoteStore, check_metrics, find_disagreements
from workbench.review.exports import EXPORTS, load_source
from workbench.review.exports.report import say_win_rate
from workbench.review.publish import save_export


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `review`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", parents=[common])
    actions.add_parser("show", parents=[common]).add_argument("comparison", metavar="COMPARISON")
    export = actions.add_parser("export", parents=[common])
    export.add_argument("comparison", metavar="COMPARISON")
    export.add_argument("--format", required=True, choices=tuple(EXPORTS))
    export.add_argument("--out", required=True, metavar="FILE")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """List the comparisons with their votes, show what one's votes add up to, or save them in a format."""
    _ACTIONS[arguments.action](context, arguments)
    return 0


def _list(context: CliContext, arguments: argparse.Namespace) -> None:
    votes = VoteStore(context.workspace)
    rows: list[dict[str, Any]] = []
    for artifact in context.artifacts().list("comparison"):
        people = votes.count(artifact.id)
        rows.append(
            {
                "comparison": artifact.id,
                "name": artifact.name,
                "votes": sum(people.values()),
                "reviewers": people,
            }
        )
    lines = [
        context.out.text(
            "review.cli.line",
            id=row["comparison"],
            name=row["name"],
            votes=row["votes"],
            people=len(row["reviewers"]),
        )
        for row in rows
    ]
    context.out.result({"comparisons": rows}, "\n".join(lines) or context.out.text("review.cli.none"))


def _show(context: CliContext, arguments: argparse.Namespace) -> None:
    source = load_source(
        context.artifacts(), VoteStore(context.workspace), arguments.comparison, context.lang
    )
    summary = source.summary
    found = {
        "summary": summary.model_dump(mode="json"),
        "disagreements": [
            one.model_dump(mode="json") for one in find_disagreements(source.votes, source.items)
        ],
        "metrics": [one.model_dump(mode="json") for one in check_metrics(source.items, source.votes)],
    }
    text = context.out.text(
        "review.cli.show", name=source.title, samples=summary.samples, votes=summary.votes
    )
    context.out.result(found, "\n".join([text, *say_win_rate(source)]))


def _export(context: CliContext, arguments: argparse.Namespace) -> None:
    out = Path(arguments.out).expanduser().resolve()
    artifacts = context.artifacts()
    made = save_export(
        VoteStore(context.workspace),
        artifacts,
        arguments.comparison,
        arguments.format,
        context.lang,
        gate=recall_note(context.workspace, artifacts.get(arguments.comparison), context.lang),
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(out, made.data)
    except OSError as exc:
        raise InputError("out_not_writable", path=str(out), reason=exc.strerror or str(exc)) from exc
    lines = [context.out.text("review.cli.saved", path=str(out), bytes=len(made.data))]
    if made.questions:
        lines.append(context.out.text("review.cli.rows", rows=made.rows, questions=len(made.questions)))
    if made.rebuilt:
        lines.append(context.out.text("review.cli.rebuilt", count=made.rebuilt))
    told = {"path": str(out), "format": arguments.format, "bytes": len(made.data), "rows": made.rows}
    context.out.result({**told, "marked": len(made.questions), "rebuilt": made.rebuilt}, "\n".join(lines))


_ACTIONS = {"list": _list, "show": _show, "export": _export}
