"""The evaluation page's plain functions: what can be evaluated, starting it, answers as they come in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from workbench.errors import ConfigError, InputError, Problem
from workbench.inference import EndpointRegistry
from workbench.jobs import JsonlTail
from workbench.pipeline import evaluate_recipe, submit_recipe
from workbench.schemas.artifact import Artifact
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import ENDED, JobRecord
from workbench.ui.components import command_payload, job_row, jobs_payload
from workbench.ui.context import UiContext
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import evaluation as view
from workbench.ui.views.html import Html, chip, el, paragraph
from workbench.ui.views.runs import Choices, keep_choice, make_request_id, pick_run, run_choices
from workbench.ui.views.words import say_date

TEST_FILES = {
    "answerable": "test.jsonl",
    "unseen": "test_unseen.jsonl",
    "unanswerable": "test_unanswerable.jsonl",
}
LISTED = 20
JOURNAL = Path("work") / "journal.jsonl"
"""Where an evaluation keeps its finished answers while it runs."""
KEPT_TAILS = 16


class Tail(NamedTuple):
    """One journal as far as it was read."""

    reader: JsonlTail
    newest: list[dict[str, Any]]
    total: int


@dataclass
class LiveAnswers:
    """The newest finished answers of jobs that were looked at last; reads only what is new."""

    tails: OrderedDict[Path, Tail] = field(default_factory=OrderedDict[Path, "Tail"])

    def read(self, folder: Path) -> tuple[list[dict[str, Any]], int]:
        """The last answers of one evaluation job, and how many there are."""
        journal = folder / JOURNAL
        tail, kept, count = self.tails.pop(journal, None) or Tail(JsonlTail(journal), [], 0)
        new = [line["scored"] for line in tail.read() if isinstance(line.get("scored"), dict)]
        kept, count = [*kept, *new][-view.SHOWN_ANSWERS :], count + len(new)
        self.tails[journal] = Tail(tail, kept, count)
        while len(self.tails) > KEPT_TAILS:
            self.tails.popitem(last=False)
        return kept, count


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


def choose_what(ctx: UiContext, what: str, endpoint: str | None) -> list[Any]:
    """Show the list that belongs to the choice."""
    outside = what == "endpoint"
    return [
        gr.update(visible=not outside),
        gr.update(visible=outside),
        describe_endpoint(ctx, what, endpoint),
    ]


def describe_endpoint(ctx: UiContext, what: str, name: str | None) -> Html:
    """Whether questions leave the house."""
    if what != "endpoint":
        return Html()
    if not name:
        return paragraph(ctx.t("evaluate_tab.endpoint.none"), "wb-soft")
    endpoint = EndpointRegistry(ctx.workspace).get(name)
    if endpoint.locality != "cloud":
        return el("p", chip(ctx.t("header.stays"), "good"))
    host = endpoint.base_url.partition("://")[2].partition("/")[0]
    return el(
        "p", chip(ctx.t("header.leaves_house"), "warn"), " ", ctx.t("evaluate_tab.sent_outside", host=host)
    )


def start_evaluation(ctx: UiContext, **values: Any) -> str:
    """Submit the evaluation; the choice that shows it.

    Raises:
        InputError: Nothing to evaluate, or no questions, were chosen.
        ConfigError: One entry per bad field.
    """
    dataset, token = str(values["dataset"] or ""), str(values["token"])
    if not dataset:
        raise InputError("evaluation_no_dataset")
    if values["what"] == "endpoint":
        _start_endpoint(ctx, str(values["endpoint"] or ""), dataset, values["limit"], token)
    else:
        _start_adapter(ctx, str(values["adapter"] or ""), dataset, values["limit"], token)
    return ""


def _start_adapter(ctx: UiContext, adapter: str, dataset: str, limit: Any, token: str) -> None:
    if not adapter:
        raise InputError("evaluation_no_adapter")
    recipe = evaluate_recipe(ctx.artifacts, adapter, dataset, general=True)
    questions = check_limit(limit)
    if questions:
        steps = [
            step.model_copy(update={"config": {**step.config, "limit": questions}})
            if step.kind == "evaluate"
            else step
            for step in recipe.steps
        ]
        recipe = recipe.model_copy(update={"steps": tuple(steps)})
    request = make_request_id(token, recipe, list_jobs(ctx))
    submit_recipe(ctx.jobs, recipe, lang=ctx.lang, request_id=request)


def _start_endpoint(ctx: UiContext, name: str, dataset: str, limit: Any, token: str) -> None:
    if not name:
        raise InputError("evaluation_no_endpoint")
    endpoint = EndpointRegistry(ctx.workspace).get(name)
    config = endpoint_config(ctx, endpoint, dataset, check_limit(limit))
    secrets = (endpoint.api_key_env,) if endpoint.api_key_env else ()
    request = make_request_id(token, config, list_jobs(ctx))
    ctx.jobs.submit("evaluate", endpoint.name, config, request_id=request, secret_names=secrets)


def endpoint_config(ctx: UiContext, endpoint: Endpoint, dataset: str, limit: int) -> EvaluateConfig:
    """Every test file that the dataset has, asked of one endpoint."""
    folder = ctx.artifacts.folder(dataset)
    tests = {kind: str(folder / name) for kind, name in TEST_FILES.items() if (folder / name).is_file()}
    values = {"endpoint": endpoint, "label": endpoint.name, "tests": tests, "limit": limit}
    return parse(EvaluateConfig, values)


def check_limit(limit: Any) -> int:
    """Questions per test set; 0 for all.

    Raises:
        ConfigError: Not a whole number from 0 on.
    """
    given = limit or 0
    if isinstance(given, int | float) and given >= 0 and float(given).is_integer():
        return int(given)
    raise ConfigError([Problem("EvaluateConfig.limit", "at_least", {"limit": "0"})])


def evaluations_of(ctx: UiContext, job: JobRecord) -> list[JobRecord]:
    """The evaluation jobs that a job is or has started, in the order of their start."""
    if job.spec.kind == "evaluate":
        return [job]
    return list(reversed(ctx.jobs.list(kind="evaluate", parent=job.spec.id)))


def read_answers(ctx: UiContext, live: LiveAnswers, job: JobRecord) -> Html:
    """The table of finished answers of a job."""
    shown: list[view.LiveAnswer] = []
    total = 0
    for child in evaluations_of(ctx, job):
        lines, count = live.read(Path(child.folder))
        total += count
        label = str(child.spec.config.get("label", ""))
        shown += [view.LiveAnswer(label, line) for line in lines]
    return view.render_answers(shown, total, ctx.lang)


def show_run(ctx: UiContext, live: LiveAnswers, chosen: str | None) -> list[Any]:
    """Card, finished answers, list of jobs and the next step, for the job on display."""
    jobs = list_jobs(ctx)
    job = pick_run(jobs, chosen or "")
    runs = gr.update(
        choices=run_choices(jobs, ctx.lang), value=keep_choice(jobs, chosen), visible=len(jobs) > 1
    )
    if job is None:
        return [jobs_payload([]), "", runs, gr.update(visible=False)]
    parts = [job, *evaluations_of(ctx, job)] if job.spec.kind == "recipe" else [job]
    going = job.status.state not in ENDED
    rows = [job_row(part, part.status.updated_at, ctx.lang) for part in parts]
    done = job.status.state == "succeeded"
    answers = read_answers(ctx, live, job) if going or job.status.state != "succeeded" else Html()
    return [jobs_payload(rows), answers, runs, gr.update(visible=done and job.spec.kind == "recipe")]


def show_lists(
    ctx: UiContext, chosen: str | None, adapter: str | None, dataset: str | None, endpoint: str | None
) -> list[Any]:
    """The table of evaluations and what can be chosen, from the disk."""
    evaluations = ctx.artifacts.list("evaluation")[:LISTED]
    table = view.render_list(
        [(item, view.read_metrics(ctx.artifacts.folder(item.id))) for item in evaluations], ctx.lang
    )
    shown = _keep(view.evaluation_choices(evaluations, ctx.lang), chosen)
    adapters = _keep(artifact_choices(ctx.artifacts.list("adapter")), adapter)
    datasets = _keep(artifact_choices(ctx.artifacts.list("dataset")), dataset)
    endpoints = _keep(endpoint_choices(ctx), endpoint)
    lists = [gr.update(**each) for each in (adapters, datasets, endpoints)]
    return [table, gr.update(**shown, visible=bool(evaluations)), *lists]


def _keep(choices: Choices, chosen: str | None) -> dict[str, Any]:
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
    return view.render_detail(artifact, metrics, ctx.lang)


def show_command(ctx: UiContext, what: str, adapter: str | None, dataset: str | None) -> str:
    """The command that does the same as the start button."""
    if what == "endpoint" or not adapter or not dataset:
        return command_payload([])
    return command_payload(["workbench", "evaluate", "--adapter", adapter, "--dataset", dataset, "--general"])
