"""`workbench serve plan|start|stop|list|probe|load|guard`: model servers of ours, and trials of any endpoint."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.cli.context import CliContext
from workbench.errors import InputError, NotFoundError, StateError, WorkbenchError
from workbench.inference import EndpointRegistry
from workbench.jobs import JobStore
from workbench.schemas.base import parse
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.schemas.probing import LEVELS, LoadProbeConfig
from workbench.schemas.serving import Preflight, ServeConfig, ServePlan
from workbench.serving.guarding import guard_endpoints, served_models
from workbench.serving.planning import FLAGS, SWITCHES, command_of, plan_server, submit_server
from workbench.serving.servers import find_servers, stop_server

POLL_SECONDS = 0.3
STOP_SECONDS = 60.0
ENGINES = ("embedded", "nim1", "nim2", "nim_spark", "vllm", "llamacpp", "ollama")
NUMBERS: dict[str, Callable[[str], object]] = {
    "max_context": int,
    "memory_share": float,
    "max_batch_size": int,
    "max_num_seqs": int,
    "shm_gib": float,
    "idle_seconds": int,
    "port": int,
}


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `serve`."""
    actions = parser.add_subparsers(
        dest="action", metavar="plan|start|stop|list|probe|load|guard", required=True
    )
    for name in ("plan", "start"):
        action = actions.add_parser(name, parents=[common])
        action.add_argument("--engine", default="embedded", choices=ENGINES)
        action.add_argument("--model", required=True, metavar="PATH")
        action.add_argument("--adapter", action="append", default=[], metavar="NAME=PATH")
        for field, flag in FLAGS.items():
            action.add_argument(flag, dest=field, type=NUMBERS.get(field, str), default=None)
        for field, flag in SWITCHES.items():
            action.add_argument(flag, dest=field, action="store_true")
    stop = actions.add_parser("stop", parents=[common])
    stop.add_argument("server", nargs="?", default="", metavar="ID")
    stop.add_argument("--engine", default="", choices=("", *ENGINES))
    stop.add_argument("--model", default="", metavar="PATH")
    actions.add_parser("list", parents=[common])
    _add_trials(actions, common)


def _add_trials(actions: Any, common: argparse.ArgumentParser) -> None:
    for name in ("probe", "load"):
        action = actions.add_parser(name, parents=[common])
        action.add_argument("endpoint", metavar="NAME|SERVER|URL")
        action.add_argument("--model", default="", metavar="NAME")
        action.add_argument("--engine", default="", metavar="KIND")
        action.add_argument("--key-env", default="", metavar="VARIABLE")
        if name == "load":
            action.add_argument("--levels", default=",".join(map(str, LEVELS)), metavar="N,N,...")
            action.add_argument("--budget", type=float, default=180.0, metavar="SECONDS")
            action.add_argument("--tokens", type=int, default=64)
    guard = actions.add_parser("guard", parents=[common])
    guard.add_argument("--baseline", required=True, metavar="NAME|SERVER")
    guard.add_argument("--tuned", required=True, metavar="NAME|SERVER")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Do what the sub-command says and print what came of it."""
    return ACTIONS[arguments.action](context, arguments)


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
    given = {name: getattr(arguments, name) for name in FLAGS if getattr(arguments, name) is not None}
    switched = {name: True for name in SWITCHES if getattr(arguments, name)}
    values = {"engine": arguments.engine, "model": _model(arguments), "adapters": adapters}
    return parse(ServeConfig, {**values, **given, **switched})


def _model(arguments: argparse.Namespace) -> str:
    """A path is made absolute; where the engine takes names, what is no path stays a name."""
    text = str(arguments.model)
    named = arguments.engine in ("ollama", "nim_spark") and not Path(text).exists()
    return text if named else str(Path(text).resolve())


def _plan(context: CliContext, arguments: argparse.Namespace) -> int:
    plan = _make_plan(context, read_config(arguments))
    checks = _say_checks(context, plan.preflight)
    command = list(plan.run_command or plan.command)
    document: dict[str, Any] = {
        "server": None,
        "state": "planned",
        "endpoint": None,
        "command": command,
        "memory_bytes": plan.memory_bytes,
        "image": plan.image,
        "models": list(plan.models),
        "workbench_command": list(plan.command),
        "preflight": checks,
    }
    lines = [" ".join(command), *(str(check["sentence"]) for check in checks)]
    context.out.result(document, "\n".join(lines))
    return 0


def _make_plan(context: CliContext, config: ServeConfig) -> ServePlan:
    return plan_server(config, context.workspace, jobs=context.jobs(), environ=context.environ)


def _say_checks(context: CliContext, preflight: Preflight) -> list[dict[str, Any]]:
    return [
        {
            "code": check.code,
            "level": check.level,
            "sentence": context.out.text(f"preflight.{check.code}.say", **check.params),
            "hint": context.out.text(f"preflight.{check.code}.do", **check.params)
            if check.level != "ok"
            else "",
        }
        for check in preflight.checks
    ]


def _start(context: CliContext, arguments: argparse.Namespace) -> int:
    config = read_config(arguments)
    jobs = context.jobs()
    if config.in_container:
        plan = _make_plan(context, config)
        if plan.preflight.stops:
            said = " ".join(
                context.out.text(f"preflight.{check.code}.say", **check.params)
                for check in plan.preflight.stops
            )
            raise StateError("serve_not_startable", reasons=said)
    record = _until_ready(jobs, submit_server(config, jobs))
    document = _document(record, config)
    context.out.result(
        document, f"{document['state']}: {document['endpoint'] or ' '.join(document['command'])}"
    )
    return 0


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
        "models": [model.name for model in served_models(record.status.note)],
        "guard": record.status.note.get("guard"),
        "image_digest": record.status.note.get("image_digest", ""),
    }


def _stop(context: CliContext, arguments: argparse.Namespace) -> int:
    jobs = context.jobs()
    cards = [
        card for card in find_servers(context.workspace, jobs) if card.state not in ("stopped", "failed")
    ]
    if arguments.server:
        cards = [card for card in cards if arguments.server in (card.id, card.container, card.container_name)]
    if arguments.engine:
        cards = [card for card in cards if card.engine == arguments.engine]
    if arguments.model:
        wanted = {arguments.model, str(Path(arguments.model).resolve())}
        cards = [card for card in cards if card.config is not None and card.config.model in wanted]
    if not cards:
        raise NotFoundError("server_not_running")
    for card in cards:
        stop_server(card.id, context.workspace, jobs)
    ended = [jobs.wait(card.job, timeout=STOP_SECONDS) for card in cards if card.job]
    last = cards[-1]
    over = all(record.status.state in ENDED for record in ended)
    stopped = {
        "server": last.id,
        "state": "stopped" if over else ended[-1].status.state,
        "endpoint": None,
        "command": command_of(last.config) if last.config else [],
    }
    context.out.result(stopped, context.out.text("cli.serve.stopped", count=len(cards)))
    return 0


def _list(context: CliContext, arguments: argparse.Namespace) -> int:
    cards = find_servers(context.workspace, context.jobs())
    lines = [f"{card.state}  {card.engine}  {card.id}  {card.title}  {card.endpoint}" for card in cards]
    context.out.result({"servers": [card.model_dump(mode="json") for card in cards]}, "\n".join(lines))
    return 0


def find_endpoint(context: CliContext, name: str, arguments: argparse.Namespace | None = None) -> Endpoint:
    """An endpoint by its registered name, by `SERVER` or `SERVER/MODEL` of ours, or by its address.

    Raises:
        NotFoundError: `endpoint_missing`.
    """
    if "://" in name and arguments is not None:
        values = {
            "name": "trial",
            "base_url": name,
            "model": arguments.model,
            "api_key_env": arguments.key_env,
        }
        engine = arguments.engine or "openai"
        dialect = "ollama" if engine == "ollama" and not name.rstrip("/").endswith("/v1") else "openai"
        return parse(Endpoint, {**values, "engine": engine, "dialect": dialect})
    server, _, model = name.partition("/")
    for card in find_servers(context.workspace, context.jobs(), ended=0):
        if server in (card.id, card.container_name):
            for served in card.models:
                if served.name == model or (not model and served.is_base):
                    return served.endpoint
    return EndpointRegistry(context.workspace).get(name)


def _probe(context: CliContext, arguments: argparse.Namespace) -> int:
    from workbench.inference.probe import examine

    endpoint = find_endpoint(context, arguments.endpoint, arguments)
    report = asyncio.run(examine(endpoint, environ=context.environ))
    speed = "-" if report.tokens_per_second is None else f"{report.tokens_per_second:.1f}"
    said = context.out.text("cli.serve.probed", name=endpoint.name, speed=speed, answer=report.answer)
    context.out.result(report.model_dump(mode="json"), said)
    return 0


def _load(context: CliContext, arguments: argparse.Namespace) -> int:
    endpoint = find_endpoint(context, arguments.endpoint, arguments)
    levels = _levels(arguments.levels)
    values = {
        "endpoint": endpoint,
        "levels": levels,
        "budget_seconds": arguments.budget,
        "max_tokens": arguments.tokens,
    }
    config = parse(LoadProbeConfig, values)
    jobs = context.jobs()
    secrets = (endpoint.api_key_env,) if endpoint.api_key_env else ()
    record = jobs.wait(jobs.submit("load_probe", endpoint.name, config, secret_names=secrets).spec.id)
    if record.error is not None:
        raise WorkbenchError(record.error.code, **record.error.params)
    report = record.result or {}
    lines = [
        context.out.text(
            "cli.serve.load_line",
            in_flight=level["in_flight"],
            speed=f"{level['tokens_per_second']:.1f}",
            wait="-" if level["p95_seconds"] is None else f"{level['p95_seconds']:.2f}",
            errors=level["errors"],
        )
        for level in report.get("levels", ())
    ]
    knee = "-" if report.get("knee") is None else str(report["knee"])
    context.out.result(
        {"job": record.spec.id, **report}, "\n".join([*lines, context.out.text("cli.serve.knee", knee=knee)])
    )
    return 0


def _levels(text: str) -> list[int]:
    parts = [part.strip() for part in str(text).split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError("load_levels_malformed", value=str(text))
    return [int(part) for part in parts]


def _guard(context: CliContext, arguments: argparse.Namespace) -> int:
    baseline, tuned = find_endpoint(context, arguments.baseline), find_endpoint(context, arguments.tuned)
    models = next(
        (
            card.models
            for card in find_servers(context.workspace, context.jobs(), ended=0)
            if card.endpoint and card.endpoint == baseline.base_url
        ),
        (),
    )
    result = asyncio.run(guard_endpoints(baseline, tuned, environ=context.environ, models=models))
    context.out.result(
        result.model_dump(mode="json"), context.out.text(f"guard.{result.code}", **result.params)
    )
    return 0 if result.state == "held" else 1


ACTIONS: dict[str, Callable[[CliContext, argparse.Namespace], int]] = {
    "plan": _plan,
    "start": _start,
    "stop": _stop,
    "list": _list,
    "probe": _probe,
    "load": _load,
    "guard": _guard,
}
