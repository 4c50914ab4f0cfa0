"""`workbench evaluate`: an adapter against its base, tasks against any endpoint, and files of other programs.

evaluate --adapter ID --dataset ID            base and fine-tuned, asked from one server and compared;
further tasks by --task
evaluate --task NAME[=DATA] --endpoint E      tasks of the catalogue or of a file
evaluate --lm-eval TASKS --endpoint E         lm-evaluation-harness as a process of its own
evaluate tasks | import FILE | export RUN     the catalogue; result files of other programs
evaluate dataset TRAIN --out DIR              llm-jp-eval's dataset files from JCommonsenseQA as it is published

Scripts ask endpoints in loops: what only the other ways need is imported where they begin.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file
from workbench.cli.commands.following import follow, public_record
from workbench.cli.context import CliContext
from workbench.cli.files import write_out
from workbench.errors import InputError
from workbench.evaluation.tasks import list_tasks, load_task
from workbench.inference import EndpointRegistry
from workbench.jobs import prepare_workspace
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig, RunMetrics, TaskChoice
from workbench.schemas.inference import Endpoint

PLACEHOLDER = "endpoint"
"""Name of an endpoint that was given by its address."""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `evaluate`."""
    parser.add_argument("--adapter", default="", metavar="ARTIFACT")
    parser.add_argument("--dataset", default="", metavar="ARTIFACT")
    parser.add_argument("--general", action="store_true")
    parser.add_argument("--task", action="append", default=[], metavar="NAME[=DATA]")
    parser.add_argument("--lm-eval", default="", metavar="TASKS", dest="lm_eval")
    parser.add_argument("--lm-eval-python", default="", metavar="PYTHON")
    parser.add_argument("--include-path", default="", metavar="DIR")
    parser.add_argument("--endpoint", default="", metavar="NAME|URL")
    parser.add_argument("--model", default="")
    parser.add_argument("--engine", default="openai")
    parser.add_argument("--key-env", default="", metavar="VARIABLE")
    parser.add_argument("--thinking", default="off")
    parser.add_argument("--in-flight", type=int, metavar="N")
    parser.add_argument("--shots", type=int, metavar="N")
    parser.add_argument("--limit", type=int, default=0, metavar="N")
    parser.add_argument("--label", default="")
    actions = parser.add_subparsers(dest="action", metavar="tasks|import|export|dataset", required=False)
    actions.add_parser("tasks", parents=[common])
    importing = actions.add_parser("import", parents=[common])
    importing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    importing.add_argument("--label", default="", dest="import_label")
    importing.add_argument("--provider", default="")
    exporting = actions.add_parser("export", parents=[common])
    exporting.add_argument("run", metavar="RUN")
    exporting.add_argument("--format", required=True)
    exporting.add_argument("--out", required=True, type=Path, metavar="DIR")
    building = actions.add_parser("dataset", parents=[common])
    building.add_argument("train", type=Path, metavar="TRAIN")
    building.add_argument("--test", type=Path, metavar="VALID")
    building.add_argument("--out", required=True, type=Path, metavar="DIR")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Do what the arguments say."""
    if arguments.action:
        return ACTIONS[arguments.action](context, arguments)
    if arguments.lm_eval:
        return _run_lm_eval(context, arguments)
    if arguments.task and not arguments.adapter:
        return _run_tasks(context, arguments)
    if not arguments.adapter or not (arguments.dataset or arguments.task):
        raise InputError("evaluate_needs")
    from workbench.cli.commands.run import run_recipe
    from workbench.pipeline import evaluate_recipe

    recipe = evaluate_recipe(
        context.artifacts(),
        arguments.adapter,
        arguments.dataset,
        general=arguments.general,
        tasks=read_tasks(arguments),
        limit=arguments.limit,
    )
    return run_recipe(context, recipe)


def _run_tasks(context: CliContext, arguments: argparse.Namespace) -> int:
    jobs = context.jobs()
    config = read_config(context, arguments)
    if jobs.list(kind="serve"):
        from workbench.pipeline.sides import settle_side
        from workbench.serving.servers import find_note

        config = settle_side(config, find_note(config.endpoint, jobs))
    secrets = (config.endpoint.api_key_env,) if config.endpoint.api_key_env else ()
    submitted = jobs.submit("evaluate", config.label, config, secret_names=secrets)
    context.out.say("cli.submitted", job=submitted.spec.id)
    record = follow(context, jobs, submitted.spec.id)
    result = record.result or {}
    metrics = RunMetrics.model_validate(result["metrics"]) if "metrics" in result else None
    text = _tell_tasks(context, metrics) if metrics else f"{record.spec.id}: {record.status.state}"
    context.out.result({**public_record(record), **result}, text)
    return 0 if record.status.state == "succeeded" else 1


def read_config(context: CliContext, arguments: argparse.Namespace) -> EvaluateConfig:
    """The evaluation that the flags describe; its tasks are looked up before anything starts.

    Raises:
        WorkbenchError: A task, the endpoint or a flag is wrong.
    """
    endpoint = read_endpoint(context, arguments)
    values = {
        "endpoint": endpoint.model_dump(),
        "label": arguments.label or endpoint.name,
        "tasks": read_tasks(arguments),
        "limit": arguments.limit,
    }
    return parse(EvaluateConfig, values)


def read_tasks(arguments: argparse.Namespace) -> list[TaskChoice]:
    """The tasks of the flags, looked up before anything starts.

    Raises:
        WorkbenchError: A task or a flag is wrong.
    """
    choices: list[dict[str, Any]] = []
    for item in arguments.task:
        name, _, data = str(item).partition("=")
        load_task(name)
        choice: dict[str, Any] = {
            "task": name,
            "data": str(Path(data).expanduser().resolve()) if data else "",
        }
        if name.endswith((".yaml", ".yml")):
            choice["task"] = str(Path(name).expanduser().resolve())
        choices.append(choice | ({} if arguments.shots is None else {"shots": arguments.shots}))
    return [parse(TaskChoice, choice) for choice in choices]


def read_endpoint(context: CliContext, arguments: argparse.Namespace) -> Endpoint:
    """The endpoint of the flags: a registered one by its name, or an address with a model.

    Raises:
        InputError: None is given, or an address without a model.
        NotFoundError: None is registered under that name.
    """
    if not arguments.endpoint:
        raise InputError("evaluate_needs")
    if "://" not in arguments.endpoint:
        prepare_workspace(context.workspace)
        known = EndpointRegistry(context.workspace).get(arguments.endpoint)
        changes = {"model": arguments.model, "max_in_flight": arguments.in_flight}
        return parse(Endpoint, known.model_dump() | {key: value for key, value in changes.items() if value})
    values = {
        "name": arguments.label or PLACEHOLDER,
        "base_url": arguments.endpoint,
        "model": arguments.model,
        "engine": arguments.engine,
        "api_key_env": arguments.key_env,
        "thinking": arguments.thinking,
        "max_in_flight": arguments.in_flight,
    }
    return parse(Endpoint, values)


def _run_lm_eval(context: CliContext, arguments: argparse.Namespace) -> int:
    from workbench.evaluation.formats import import_results
    from workbench.evaluation.formats.lm_eval_child import build_command, find_python, run_lm_eval

    endpoint = read_endpoint(context, arguments)
    python = find_python(arguments.lm_eval_python)
    include = str(Path(arguments.include_path).resolve()) if arguments.include_path else ""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        command = build_command(
            python, endpoint, arguments.lm_eval.split(","), out, limit=arguments.limit, include=include
        )
        context.out.line(" ".join(command))
        samples = run_lm_eval(command, endpoint, context.environ, out)
        artifact, run = import_results(samples, context.artifacts(), label=arguments.label or endpoint.name)
    return _tell_import(context, artifact, [note.model_dump() for note in run.notes])


def _list(context: CliContext, arguments: argparse.Namespace) -> int:
    tasks = list_tasks()
    document = [task.spec.model_dump(mode="json", exclude={"prompt"}) for task in tasks]
    lines = [f"{task.spec.name:<18} {task.spec.title[context.lang]}" for task in tasks]
    context.out.result({"tasks": document}, "\n".join(lines))
    return 0


def _import(context: CliContext, arguments: argparse.Namespace) -> int:
    from workbench.evaluation.formats import import_results

    artifact, run = import_results(
        arguments.files,
        context.artifacts(),
        label=arguments.import_label,
        provider=arguments.provider,
    )
    return _tell_import(context, artifact, [note.model_dump() for note in run.notes])


def _tell_import(context: CliContext, artifact: Artifact, notes: list[dict[str, Any]]) -> int:
    out = context.out
    told = [out.text(f"sentence.{note['code']}", **note["params"]) for note in notes]
    text = out.text("cli.evaluate.imported", id=artifact.id, n=int(artifact.numbers["n"]))
    document = {"artifact": artifact.id, "numbers": artifact.numbers, "details": artifact.details}
    out.result({**document, "notes": notes}, "\n".join([text, *told]))
    return 0


def _export(context: CliContext, arguments: argparse.Namespace) -> int:
    from workbench.evaluation.formats import export_run

    written = export_run(arguments.run, arguments.format, arguments.out, context.artifacts())
    context.out.result(written, "\n".join(written["files"]))
    return 0


def _build_dataset(context: CliContext, arguments: argparse.Namespace) -> int:
    from workbench.evaluation.formats.llm_jp_dataset import build_jcq_datasets

    out: Path = arguments.out.resolve()
    built = build_jcq_datasets(arguments.train, arguments.test)
    for name, content in built.items():
        write_out(out / name, content)
    files = [{"path": str(out / name), "sha256": hash_file(out / name)} for name in built]
    context.out.result({"files": files}, "\n".join(f"{one['sha256']}  {one['path']}" for one in files))
    return 0


ACTIONS: dict[str, Callable[[CliContext, argparse.Namespace], int]] = {
    "tasks": _list,
    "import": _import,
    "export": _export,
    "dataset": _build_dataset,
}


def _tell_tasks(context: CliContext, metrics: RunMetrics) -> str:
    return "\n".join(
        context.out.text(
            "cli.evaluate.task",
            task=name,
            metric=task.primary,
            value=_figure(task.metrics[task.primary].value),
            low=_figure(task.metrics[task.primary].low),
            high=_figure(task.metrics[task.primary].high),
            n=task.n,
            errors=task.errors,
            protocol=task.protocol,
            shots=task.shots,
        )
        for name, task in metrics.tasks.items()
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
