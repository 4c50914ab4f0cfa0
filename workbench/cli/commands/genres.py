"""`workbench genres RUN [--against RUN]`: which categories of questions go wrong, and what changed."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from workbench.cli.context import CliContext
from workbench.cli.files import write_out
from workbench.evaluation.genre_judge import classify_genres, dump_list
from workbench.evaluation.genres import (
    Genres,
    break_down,
    genres_by_column,
    genres_by_list,
    genres_by_rules,
    genres_by_source,
    read_list,
    read_rules,
)
from workbench.evaluation.naming import say_change, say_value
from workbench.evaluation.runs import Side, load_run
from workbench.inference import EndpointRegistry, create_client
from workbench.schemas.genres import GenreBreakdown, GenreFigures


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `genres`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--against", default="", metavar="RUN")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--by-source", action="store_true")
    source.add_argument("--rules", type=Path, metavar="RULES.yaml")
    source.add_argument("--list", type=Path, metavar="FILE", dest="listed")
    source.add_argument("--judge", default="", metavar="ENDPOINT")
    parser.add_argument("--names", default="", metavar="A,B,C")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Print the breakdown; by the test file's own column where nothing else is named.

    `--by-source` takes where the documents come from instead.
    """
    artifacts = context.artifacts()
    run = load_run(arguments.run, artifacts)
    before = load_run(arguments.against, artifacts) if arguments.against else None
    genres = _find_genres(context, arguments, run)
    if arguments.out:
        write_out(arguments.out, dump_list(genres).encode("utf-8"))
    found = break_down(run.answers, genres, before.answers if before else ())
    context.out.result(found.model_dump(mode="json"), _text(context, found))
    return 0


def _find_genres(context: CliContext, arguments: argparse.Namespace, run: Side) -> Genres:
    if arguments.by_source:
        return genres_by_source(run.answers)
    if arguments.rules:
        return genres_by_rules(run.answers, read_rules(arguments.rules))
    if arguments.listed:
        return genres_by_list(run.answers, read_list(arguments.listed))
    if arguments.judge:
        return _ask_judge(context, arguments, run)
    return genres_by_column(run.answers)


def _ask_judge(context: CliContext, arguments: argparse.Namespace, run: Side) -> Genres:
    endpoint = EndpointRegistry(context.workspace).get(arguments.judge)
    names = [name.strip() for name in str(arguments.names).split(",") if name.strip()]
    folder = context.workspace.cache / "genres"
    folder.mkdir(parents=True, exist_ok=True)

    async def ask() -> Genres:
        client = create_client(endpoint, environ=context.environ)
        try:
            # the name holds the model: another one is asked anew
            journal = folder / f"{endpoint.name}.jsonl"
            found = await classify_genres(
                run.answers, names, client, journal, in_flight=endpoint.max_in_flight
            )
        finally:
            await client.close()
        if found.failed:
            context.out.say("cli.genres.failed", count=found.failed)
        return found.genres

    return asyncio.run(ask())


def _text(context: CliContext, found: GenreBreakdown) -> str:
    lines = [_line(context, one) for one in found.genres]
    lines.append(_line(context, found.whole.model_copy(update={"genre": context.out.text("genres.whole")})))
    return "\n".join(lines)


def _line(context: CliContext, one: GenreFigures) -> str:
    name = one.genre or context.out.text("genres.none")
    line = f"{name}: {one.wrong} / {one.n} ({say_value(one.share.value, rate=True)})"
    if one.difference is None or one.verdict is None:
        return line
    change = say_change(one.difference.value, context.lang, rate=True)
    return f"{line}  {change} {context.out.text(f'table.verdict.{one.verdict}')}"
