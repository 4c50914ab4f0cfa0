"""`workbench serve plan|start|stop`: a model server of ours."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from workbench.cli.context import CliContext
from workbench.errors import InputError, NotFoundError, WorkbenchError
from workbench.jobs import JobStore
from workbench.schemas.base import parse
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.serving import ServeConfig
from workbench.serving.memory import serving_bytes

POLL_SECONDS = 0.3


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `serve`."""
    actions = parser.add_subparsers(dest="action", metavar="plan|start|stop", required=True)
    for name in ("plan", "start"):
        action = actions.add_parser(name, parents=[common])
        action.add_argument("--engine", default="embedded", choices=("embedded",))
        action.add_argument("--model", required=True, type=Path, metavar="DIR")
        action.add_argument("--adapter", action="append", default=[], metavar="NAME=PATH")
        action.add_argument("--port", type=int, default=0)
    stop = actions.add_parser("stop", parents=[common])
    stop.add_argument("server", nargs="?", default="", metavar="ID")
    stop.add_argument("--engine", default="embedded", choices=("embedded",))
    stop.add_argument("--model", type=Path, default=None, metavar="DIR")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Plan, start or stop a server and print what it is."""
    if arguments.action == "stop":
        return _stop(context, arguments)
    config = read_config(arguments)
    document: dict[str, Any]
    if arguments.action == "plan":
        document = {
            "server": None,
            "state": "planned",
            "endpoint": None,
            "command": command_of(config),
            "memory_bytes": serving_bytes(config),
        }
    else:
        jobs = context.jobs()
        record = jobs.submit("serve", config.model_name, config, memory_bytes=serving_bytes(config))
        document = _document(_until_ready(jobs, record), config)
    context.out.result(
        document, f"{document['state']}: {document['endpoint'] or ' '.join(document['command'])}"
    )
    return 0


def read_config(arguments: argparse.Namespace) -> ServeConfig:
    """The server that the flags describe.

    Raises:
        InputError: An `--adapter` is not NAME=PATH.
    """
    adapters: list[dict[str, str]] = []
    for item in arguments.adapter:
        name, separator, path = str(item).partition("=")
        if not separator:
            raise InputError("adapter_flag_malformed", value=str(item))
        adapters.append({"name": name, "path": str(Path(path).resolve())})
    values = {"model": str(arguments.model.resolve()), "adapters": adapters, "port": arguments.port}
    return parse(ServeConfig, values)


def command_of(config: ServeConfig) -> list[str]:
    """The command that starts this server."""
    command = ["workbench", "serve", "start", "--engine", config.engine, "--model", config.model]
    for adapter in config.adapters:
        command += ["--adapter", f"{adapter.name}={adapter.path}"]
    return command + (["--port", str(config.port)] if config.port else [])


def _until_ready(jobs: JobStore, record: JobRecord) -> JobRecord:
    while not record.status.ready and record.status.state not in ENDED and not record.status.waiting_for:
        time.sleep(POLL_SECONDS)
        record = jobs.get(record.spec.id)
    if record.error is not None:
        raise WorkbenchError(record.error.code, **record.error.params)
    return record


def _document(record: JobRecord, config: ServeConfig) -> dict[str, Any]:
    state = "ready" if record.status.ready and record.status.state == "running" else record.status.state
    return {
        "server": record.spec.id,
        "state": state,
        "endpoint": record.status.endpoint or None,
        "command": command_of(config),
    }


def _stop(context: CliContext, arguments: argparse.Namespace) -> int:
    jobs = context.jobs()
    running = [record for record in jobs.list(kind="serve") if record.status.state not in ENDED]
    if arguments.server:
        running = [record for record in running if record.spec.id == arguments.server]
    if arguments.model is not None:
        running = [
            record for record in running if record.spec.config["model"] == str(arguments.model.resolve())
        ]
    if not running:
        raise NotFoundError("server_not_running")
    for record in running:
        jobs.control(record.spec.id, "stop")
    ended = [jobs.wait(record.spec.id, timeout=30) for record in running]
    last = ended[-1]
    document = _document(last, ServeConfig.model_validate(last.spec.config))
    stopped = {
        **document,
        "state": "stopped" if last.status.state in ENDED else last.status.state,
        "endpoint": None,
    }
    context.out.result(stopped, context.out.text("cli.serve.stopped", count=len(ended)))
    return 0
