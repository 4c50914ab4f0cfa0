"""`workbench containers list|show|logs|stop|remove|pull|prune`: the containers of this workspace."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.containers import ContainerEngine, check_allowed, connect, end_code
from workbench.containers.labels import StopMarks
from workbench.schemas.base import parse
from workbench.schemas.containers import ContainerRecord, PullConfig
from workbench.text.secrets import Redactor

LOG_LINES = 200
# what no server of anybody's is: it may go without a question
_ENDED = frozenset({"created", "exited", "dead"})


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `containers`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[common])
    listing.add_argument("--all", action="store_true", dest="everything")
    actions.add_parser("prune", parents=[common])
    for name in ("show", "logs", "stop", "remove"):
        actions.add_parser(name, parents=[common]).add_argument("container", metavar="ID")
    logs = actions.choices["logs"]
    logs.add_argument("--tail", type=int, default=LOG_LINES, metavar="N")
    logs.add_argument("--follow", action="store_true")
    logs.add_argument("--timestamps", action="store_true")
    actions.choices["stop"].add_argument("--seconds", type=int, default=None, metavar="N")
    actions.choices["remove"].add_argument("--force", action="store_true")
    pull = actions.add_parser("pull", parents=[common])
    pull.add_argument("reference", metavar="IMAGE")
    pull.add_argument("--key-env", default="", metavar="VARIABLE")
    pull.add_argument("--username", default="$oauthtoken")
    pull.add_argument("--confirm", action="store_true", dest="confirmed")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Do one of the actions."""
    if arguments.action == "pull":
        return _pull(context, arguments)
    with _engine(context) as engine:
        return ACTIONS[arguments.action](context, engine, arguments)


@contextmanager
def _engine(context: CliContext) -> Generator[ContainerEngine]:
    engine = connect(context.workspace, context.environ, mask=Redactor(context.environ).mask)
    try:
        yield engine
    finally:
        engine.close()


def public_container(record: ContainerRecord) -> dict[str, Any]:
    """A container as `--json` shows it."""
    return {**record.model_dump(mode="json"), "end": end_code(record)}


def _line(context: CliContext, record: ContainerRecord) -> str:
    """One row: state and health stand in columns of their own."""
    health = "-" if record.health == "none" else record.health
    whose = "" if record.owned else f"  ({context.out.text('containers.foreign')})"
    state = context.out.text(f"containers.end.{end_code(record)}")
    return f"{record.id[:12]}  {record.state:<10} {health:<9} {record.name}  {record.image}  {state}{whose}"


def _list(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    records = engine.list(everything=arguments.everything)
    text = "\n".join(_line(context, record) for record in records) or context.out.text("cli.containers.none")
    context.out.result({"containers": [public_container(record) for record in records]}, text)
    return 0


def _show(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    record = engine.inspect(arguments.container)
    lines = [
        _line(context, record),
        *(f"  {inside} -> 127.0.0.1:{port}" for inside, port in record.ports.items()),
    ]
    context.out.result(public_container(record), "\n".join(lines))
    return 0


def _logs(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    options: dict[str, Any] = {"tail": arguments.tail, "timestamps": arguments.timestamps}
    if arguments.follow and not context.out.as_json:
        for line in engine.follow(arguments.container, **options):
            context.out.line(f"{line.at} {line.text}".lstrip())
        return 0
    lines = engine.logs(arguments.container, **options)
    document = {"lines": [line.model_dump(mode="json") for line in lines]}
    context.out.result(document, "\n".join(f"{line.at} {line.text}".lstrip() for line in lines))
    return 0


def _stop(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    record = engine.stop(arguments.container, seconds=arguments.seconds)
    context.out.result(public_container(record), context.out.text("cli.containers.stopped", name=record.name))
    return 0


def _remove(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    record = engine.inspect(arguments.container)
    engine.remove(record.id, force=arguments.force)
    context.out.result({"removed": [record.id]}, context.out.text("cli.containers.removed", count=1))
    return 0


def _prune(context: CliContext, engine: ContainerEngine, arguments: argparse.Namespace) -> int:
    """Remove what has ended or was never started; what runs stays."""
    records = engine.list()
    ended = [record for record in records if record.state in _ENDED]
    for record in ended:
        engine.remove(record.id)
    StopMarks(context.workspace.containers / "stopped").sweep(
        record.id for record in records if record not in ended
    )
    removed = [record.id for record in ended]
    context.out.result({"removed": removed}, context.out.text("cli.containers.removed", count=len(removed)))
    return 0


ACTIONS: dict[str, Callable[[CliContext, ContainerEngine, argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "logs": _logs,
    "stop": _stop,
    "remove": _remove,
    "prune": _prune,
}


def _pull(context: CliContext, arguments: argparse.Namespace) -> int:
    values = {name: getattr(arguments, name) for name in ("reference", "username", "key_env", "confirmed")}
    config = parse(PullConfig, values)
    check_allowed(config.reference, confirmed=config.confirmed)
    jobs = context.jobs()
    secrets = (config.key_env,) if config.key_env else ()
    submitted = jobs.submit("pull", config.reference, config, secret_names=secrets)
    record = follow(context, jobs, submitted.spec.id)
    context.out.result(public_record(record), f"{record.spec.id}: {record.status.state}")
    return 0 if record.status.state == "succeeded" else 1
