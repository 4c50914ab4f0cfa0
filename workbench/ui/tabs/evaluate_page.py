"""The evaluation page's plain functions: what can be evaluated, starting it, answers as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import ConfigError, InputError, Problem
from workbench.inference import EndpointRegistry
from workbench.pipeline import TEST_FILES, evaluate_model_recipe, evaluate_recipe, submit_recipe
from workbench.pipeline.sides import settle_side
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig, TaskChoice
from workbench.schemas.job import JobRecord
from workbench.serving.servers import find_note
from workbench.ui.components import command_payload, job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.guarding import guard_start
from workbench.ui.handover import Handed
from workbench.ui.models import base_of, list_askable
from workbench.ui.tabs.evaluate_live import LiveAnswers, evaluations_of, read_answers
from workbench.ui.tabs.evaluate_tasks import Rows, read_choices, task_titles
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import evaluation as view
from workbench.ui.views.html import Html, chip, el, paragraph
from workbench.ui.views.runs import Choices, keep_choice, make_request_id, pick_run, run_choices
from workbench.ui.views.words import say_date

LISTED = 20
NO_SET = ""
"""The choice of asking no RAFT test set."""


def list_jobs(ctx: UiContext) -> list[JobRecord]:
    """Jobs that evaluate: single evaluations, and recipes that hold one; newest first."""
    alone = ctx.jobs.list(kind="evaluate", parent="")
    recipes = [job for job in ctx.jobs.list(kind="recipe") if has_evaluation(job)]
    return sorted([*alone, *recipes], key=lambda job: job.spec.created_at, reverse=True)


def has_evaluation(job: JobRecord) -> bool:
    """Whether a recipe job has a step that evaluates."""
    steps = job.spec.config.get("recipe", {}).get("steps", ())
    return any(step.get("kind") == "evaluate" for step in steps)


def artifact_choices(artifacts: Sequence[Artifact]) -> Choices:
    """Artifacts for a drop-down list, newest first."""
    return [(f"{item.name} · {say_date(item.created_at)}", item.id) for item in artifacts]


def endpoint_choices(ctx: UiContext) -> Choices:
    """Registered endpoints for a drop-down list."""
    return [
        (f"{endpoint.name} · {endpoint.model}", endpoint.name)
        for endpoint in EndpointRegistry(ctx.workspace).list()
    ]


def model_choices(ctx: UiContext) -> Choices:
    """Models of this machine: the practice model, results of conversions, downloads, registered folders."""
    return [
        (model.name, model.path) for model in list_askable(ctx.workspace, ctx.t("train_tab.model.starter"))
    ]


def dataset_choices(ctx: UiContext) -> Choices:
    """Datasets, and asking none of them."""
    return [*artifact_choices(ctx.artifacts.list("dataset")), (ctx.t("evaluate_tab.dataset.none"), NO_SET)]


def guess_dataset(ctx: UiContext, adapter_id: str) -> str:
    """The dataset that the adapter was trained on, empty where it is not here any more."""
    inputs = [ref.id for ref in ctx.artifacts.get(adapter_id).inputs] if adapter_id else []
    for item in ctx.artifacts.list("dataset"):
        folder = ctx.artifacts.folder(item.id)
        if any(ref == item.id or Path(ref).is_relative_to(folder) for ref in inputs):
            return item.id
    return ""


def choose_adapter(ctx: UiContext, adapter: str | None) -> Any:
    """Offer the dataset that belongs to the adapter."""
    found = guess_dataset(ctx, adapter or "")
    return gr.update(value=found) if found else SKIP


def choose_what(ctx: UiContext, what: str, endpoint: str | None, model: str | None) -> list[Any]:
    """Show the list that belongs to the choice."""
    shown = [gr.update(visible=what == name) for name in ("adapter", "endpoint", "model")]
    return [*shown, describe_choice(ctx, what, endpoint, model)]


def describe_choice(ctx: UiContext, what: str, endpoint: str | None, model: str | None) -> Html:
    """Whether questions leave the house, and what a model is compared with."""
    if what == "model":
        return describe_model_choice(ctx, model)
    return describe_endpoint(ctx, endpoint) if what == "endpoint" else Html()


def describe_model_choice(ctx: UiContext, model: str | None) -> Html:
    """Which model is asked beside the chosen one."""
    base = base_of(Path(model)) if model else None
    if base is None:
        return paragraph(ctx.t("evaluate_tab.model.alone"), "wb-soft")
    known = {path: name for name, path in model_choices(ctx)}
    return paragraph(ctx.t("evaluate_tab.model.beside", name=known.get(str(base), base.name)), "wb-soft")


def describe_endpoint(ctx: UiContext, name: str | None) -> Html:
    """Whether questions leave the house."""
    if not name:
        return paragraph(ctx.t("evaluate_tab.endpoint.none"), "wb-soft")
    endpoint = EndpointRegistry(ctx.workspace).get(name)
    if endpoint.locality != "cloud":
        return el("p", chip(ctx.t("header.stays"), "good"))
    host = endpoint.base_url.partition("://")[2].partition("/")[0]
    return el(
        "p", chip(ctx.t("header.leaves_house"), "warn"), " ", ctx.t("evaluate_tab.sent_outside", host=host)
    )


def take_handed(ctx: UiContext, handed: Handed) -> list[Any]:
    """Another page hands over what is to be evaluated: a model's folder, or an endpoint.

    Returns:
        Values for the kind of thing, the lists of endpoints and models (both shown as the choice wants), and the note.

    Raises:
        InputError: It is not in the list.
    """
    what, name = handed["what"], handed["name"]
    choices = model_choices(ctx) if what == "model" else endpoint_choices(ctx)
    if name not in {value for _, value in choices}:
        raise InputError("evaluation_no_model")
    return _take_over(ctx, what, name, choices)


def _take_over(ctx: UiContext, what: str, chosen: str, choices: Choices) -> list[Any]:
    adapter, endpoint, model = (gr.update(visible=what == name) for name in ("adapter", "endpoint", "model"))
    taken = gr.update(choices=choices, value=chosen, visible=True)
    endpoint, model = (taken, model) if what == "endpoint" else (endpoint, taken)
    note = describe_choice(ctx, what, chosen, chosen)
    return [what, adapter, endpoint, model, note]


def start_evaluation(ctx: UiContext, **values: Any) -> str:
    """Submit the evaluation; the choice that shows it.

    Raises:
        InputError: Nothing to evaluate, or no questions, were chosen.
        ConfigError: One entry per bad field.
    """
    dataset, token = str(values["dataset"] or ""), str(values["token"])
    tasks, limit = read_choices(values["tasks"] or ()), check_limit(values["limit"])
    if not dataset and not tasks:
        raise InputError("evaluation_no_dataset")
    if values["what"] == "endpoint":
        _start_endpoint(ctx, str(values["endpoint"] or ""), dataset, tasks, limit, token)
        return ""
    asked: dict[str, Any] = {"general": bool(dataset), "tasks": tasks, "limit": limit}
    if values["what"] == "model":
        model = check_model(ctx, values.get("model"))
        recipe = evaluate_model_recipe(ctx.artifacts, model, base_of(model), dataset, **asked)
    elif values["adapter"]:
        recipe = evaluate_recipe(ctx.artifacts, str(values["adapter"]), dataset, **asked)
    else:
        raise InputError("evaluation_no_adapter")
    request = make_request_id(token, recipe, list_jobs(ctx))
    submit_recipe(ctx.jobs, recipe, lang=ctx.lang, request_id=request)
    return ""


def check_model(ctx: UiContext, chosen: str | None) -> Path:
    """A model of the list.

    Raises:
        InputError: `evaluation_no_model`.
    """
    if not chosen or chosen not in {path for _, path in model_choices(ctx)}:
        raise InputError("evaluation_no_model")
    return Path(chosen)


def _start_endpoint(
    ctx: UiContext, name: str, dataset: str, tasks: Sequence[TaskChoice], limit: int, token: str
) -> None:
    if not name:
        raise InputError("evaluation_no_endpoint")
    endpoint = EndpointRegistry(ctx.workspace).get(name)
    values = {
        "endpoint": endpoint,
        "label": endpoint.name,
        "tests": endpoint_tests(ctx, dataset),
        "tasks": tuple(tasks),
        "limit": limit,
    }
    config = settle_side(parse(EvaluateConfig, values), find_note(endpoint, ctx.jobs))
    guard_start(ctx, endpoint)
    secrets = (endpoint.api_key_env,) if endpoint.api_key_env else ()
    request = make_request_id(token, config, list_jobs(ctx))
    ctx.jobs.submit("evaluate", endpoint.name, config, request_id=request, secret_names=secrets)


def endpoint_tests(ctx: UiContext, dataset: str) -> dict[str, str]:
    """Every test file that the dataset has."""
    if not dataset:
        return {}
    folder = ctx.artifacts.folder(dataset)
    return {kind: str(folder / name) for kind, name in TEST_FILES.items() if (folder / name).is_file()}


def check_limit(limit: Any) -> int:
    """Questions per test set; 0 for all.

    Raises:
        ConfigError: Not a whole number from 0 on.
    """
    given = limit or 0
    if isinstance(given, int | float) and given >= 0 and float(given).is_integer():
        return int(given)
    raise ConfigError([Problem("EvaluateConfig.limit", "at_least", {"limit": "0"})])


def show_run(ctx: UiContext, live: LiveAnswers, chosen: str | None, filter_: str | None = None) -> list[Any]:
    """Card, finished answers, list of jobs and the next step, for the job on display."""
    jobs = list_jobs(ctx)
    job = pick_run(jobs, chosen or "")
    runs = gr.update(
        choices=run_choices(jobs, ctx.lang), value=keep_choice(jobs, chosen), visible=len(jobs) > 1
    )
    if job is None:
        return [jobs_payload([]), "", gr.update(visible=False), runs, gr.update(visible=False)]
    parts = [job, *evaluations_of(ctx, job)] if job.spec.kind == "recipe" else [job]
    rows = [job_row(part, part.status.updated_at, ctx.lang) for part in parts]
    done = job.status.state == "succeeded"
    # a sample run's comparison is shown by its own tab; answers of what is over stay in reach here
    answers = read_answers(ctx, live, job, filter_ or "all")
    following = gr.update(visible=done and job.spec.kind == "recipe")
    return [jobs_payload(rows), answers, gr.update(visible=True), runs, following]


def show_lists(
    ctx: UiContext,
    chosen: str | None,
    adapter: str | None,
    dataset: str | None,
    endpoint: str | None,
    model: str | None,
) -> list[Any]:
    """The table of evaluations and what can be chosen, from the disk."""
    evaluations = ctx.artifacts.list("evaluation")[:LISTED]
    table = view.render_list(
        [(item, view.read_metrics(ctx.artifacts.folder(item.id))) for item in evaluations], ctx.lang
    )
    shown = keep_listed(view.evaluation_choices(evaluations, ctx.lang), chosen)
    adapters = keep_listed(artifact_choices(ctx.artifacts.list("adapter")), adapter)
    datasets = keep_listed(dataset_choices(ctx), dataset)
    endpoints = keep_listed(endpoint_choices(ctx), endpoint)
    models = keep_listed(model_choices(ctx), model)
    lists = [gr.update(**each) for each in (adapters, datasets, endpoints, models)]
    return [table, gr.update(**shown, visible=bool(evaluations)), *lists]


def keep_listed(choices: Choices, chosen: str | None) -> dict[str, Any]:
    """Choices with the chosen one while it exists, else the newest."""
    values = [value for _, value in choices]
    return {"choices": choices, "value": chosen if chosen in values else (values[0] if values else None)}


def show_detail(ctx: UiContext, evaluation: str | None) -> Html:
    """One evaluation's figures in words, with what it was asked of."""
    if not evaluation:
        return Html()
    artifact = ctx.artifacts.get(evaluation)
    metrics = view.read_metrics(ctx.artifacts.folder(evaluation))
    if metrics is None:
        raise InputError("evaluation_unreadable", id=evaluation)
    return view.render_detail(artifact, metrics, ctx.lang, task_titles(ctx))


def show_command(
    ctx: UiContext,
    what: str,
    adapter: str | None,
    endpoint: str | None,
    dataset: str | None,
    limit: Any,
    tasks: Rows | None,
) -> str:
    """The command that does the same as the start button; empty where none does."""
    if what == "model":
        return command_payload([])
    choices, whole = read_choices(tasks or ()), check_limit(limit)
    limits = {choice.limit or whole for choice in choices}
    if dataset:
        limits.add(whole)
    asks_outside = what == "endpoint"
    nobody = not (endpoint if asks_outside else adapter)
    if nobody or len(limits) != 1 or (asks_outside and dataset):
        return command_payload([])
    command = ["workbench", "evaluate"]
    command += ["--endpoint", str(endpoint)] if asks_outside else ["--adapter", str(adapter)]
    command += ["--dataset", dataset, "--general"] if dataset else []
    for choice in choices:
        command += ["--task", f"{choice.task}={choice.data}" if choice.data else choice.task]
    command += ["--limit", str(*limits)] if any(limits) else []
    return command_payload(command)
