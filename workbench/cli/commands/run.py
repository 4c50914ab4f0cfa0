"""`workbench run RECIPE.yaml`: the whole cycle from one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.commands.following import follow
from workbench.cli.context import CliContext
from workbench.pipeline import load_recipe, submit_recipe
from workbench.schemas.job import JobRecord
from workbench.schemas.recipe import Recipe

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}
SHOWN_METRICS = (
    "n",
    "over_refusal_rate",
    "correct_refusal_rate",
    "verbatim_quote_rate",
    "answered_f1",
    "general_accuracy",
)


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `run`."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="STEP.FIELD=VALUE", dest="settings")
    parser.add_argument("--from", default="", metavar="STEP", dest="start_from")
    parser.add_argument("--dry-run", action="store_true")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Run a recipe and print its verdict."""
    recipe = load_recipe(arguments.recipe, arguments.settings)
    if arguments.dry_run:
        steps = [{"name": step.name, "kind": step.kind} for step in recipe.steps]
        text = "\n".join(f"{step['name']}: {step['kind']}" for step in steps)
        context.out.result({"recipe": recipe.model_dump(mode="json"), "steps": steps}, text)
        return 0
    return run_recipe(context, recipe, start_from=arguments.start_from)


def run_recipe(context: CliContext, recipe: Recipe, *, start_from: str = "") -> int:
    """Submit a recipe, follow it, and print its verdict; the exit code says the verdict."""
    jobs = context.jobs()
    submitted = submit_recipe(jobs, recipe, lang=context.lang, start_from=start_from)
    context.out.say("cli.submitted", job=submitted.spec.id)
    record = follow(context, jobs, submitted.spec.id)
    document = recipe_document(record)
    context.out.result(document, _text(context, document))
    return EXIT_CODES.get(str(document["verdict"]), 1)


def recipe_document(record: JobRecord) -> dict[str, Any]:
    """What `run --json` prints."""
    result = record.result or {}
    metrics: dict[str, dict[str, Any]] = result.get("metrics", {})
    return {
        "run": record.spec.id,
        "verdict": result.get("verdict", record.status.state),
        "steps": [_step(step) for step in result.get("steps", record.status.note.get("steps", []))],
        "metrics": {side: {name: values[name] for name in SHOWN_METRICS} for side, values in metrics.items()},
        "guard": result.get("guard", []),
        "gates": result.get("gates", []),
        "comparison": result.get("comparison"),
        "folder": record.folder,
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step[name] for name in ("name", "state", "cached", "seconds", "artifact", "job")}


def _text(context: CliContext, document: dict[str, Any]) -> str:
    out = context.out
    verdict = str(document["verdict"])
    lines = [out.text(f"verdict.{verdict}") if verdict in EXIT_CODES else verdict]
    for name in SHOWN_METRICS:
        if document["metrics"]:
            values = [_figure(document["metrics"][side][name]) for side in ("baseline", "finetuned")]
            lines.append(f"  {out.text(f'metric.{name}')}: {values[0]} → {values[1]}")
    return "\n".join(lines)


def _figure(value: object) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
