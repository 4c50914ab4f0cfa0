"""The form of a new training run: choices, outlook, and the settings that come of it. Plain functions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import InputError, NotFoundError, WorkbenchError
from workbench.i18n import render_error
from workbench.jobs import read_memory
from workbench.jobs.leases import most_bytes
from workbench.pipeline import load_recipe, sample_recipe_path
from workbench.schemas.training import SFTSettings
from workbench.training.models import ModelInfo, describe_model, require_consent
from workbench.training.plan import plan_training
from workbench.ui.components import command_payload
from workbench.ui.context import UiContext
from workbench.ui.forms import SEPARATOR, parse_form
from workbench.ui.models import list_models, starter_folder
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import planning as view
from workbench.ui.views.html import Html, el, join, paragraph
from workbench.ui.views.runs import Choices
from workbench.ui.views.words import say_date

PLAIN = ("num_train_epochs", "learning_rate", "max_length")
ADVANCED = (
    "lora.r",
    "lora.lora_alpha",
    "lora.lora_dropout",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "warmup_steps",
    "lr_scheduler_type",
    "weight_decay",
    "packing",
    "loss_on",
    "eval_steps",
    "early_stopping_patience",
    "precision",
    "gradient_checkpointing",
    "seed",
    "rehearsal_file",
)
FIELDS = (*PLAIN, *ADVANCED)


def dataset_choices(ctx: UiContext) -> Choices:
    """Datasets that can be trained on, newest first."""
    found: Choices = []
    for item in ctx.artifacts.list("dataset"):
        rows = item.numbers.get("train", item.numbers.get("train_rows", 0))
        facts = {"name": item.name, "count": f"{int(rows):,}", "date": say_date(item.created_at)}
        key = "train_tab.dataset.choice" if rows else "train_tab.dataset.choice_plain"
        found.append((ctx.t(key, **facts), item.id))
    return found


def model_choices(ctx: UiContext) -> Choices:
    """The practice model, downloaded models and registered folders."""
    return [
        (model.name, model.path) for model in list_models(ctx.workspace, ctx.t("train_tab.model.starter"))
    ]


def list_choices(ctx: UiContext, dataset: str | None, model: str | None) -> list[Any]:
    """Datasets and models as they are on disk now; what is chosen stays chosen while it exists."""
    return [_keep(dataset_choices(ctx), dataset), _keep(model_choices(ctx), model)]


def _keep(choices: Choices, chosen: str | None) -> Any:
    values = [value for _, value in choices]
    return gr.update(choices=choices, value=chosen if chosen in values else next(iter(values), None))


def describe(ctx: UiContext, path: str | None) -> ModelInfo:
    """A model of the list.

    Raises:
        InputError: It is not in the list, or its folder cannot be used.
    """
    if not path or path not in {value for _, value in model_choices(ctx)}:
        raise InputError("train_no_model")
    return describe_model(Path(path))


def choose_model(ctx: UiContext, path: str | None) -> list[Any]:
    """What the model is, whether it brings a program of its own, and settings that suit it.

    Returns:
        Updates for the note, the consent (text, box, tick), and every field of `FIELDS`.
    """
    same = [SKIP] * len(FIELDS)
    if not path:
        return ["", "", gr.update(visible=False), False, *same]
    try:
        info = describe(ctx, path)
    except WorkbenchError as exc:
        return [explain(ctx, exc), "", gr.update(visible=False), False, *same]
    note = view.render_model(info, ctx.lang)
    values = starter_values() if Path(path) == starter_folder() else {}
    if values:
        note = join([note, paragraph(ctx.t("train_tab.starter_values"), "wb-soft wb-tiny")])
    # what the practice model rehearses is nothing to another model
    fields = [values.get(name, "" if name == "rehearsal_file" else SKIP) for name in FIELDS]
    consent = view.render_consent(info, ctx.lang) if info.needs_remote_code else ""
    return [note, consent, gr.update(visible=info.needs_remote_code), False, *fields]


@lru_cache(maxsize=1)
def starter_values() -> dict[str, Any]:
    """What the sample recipe trains the practice model with; empty where there is no such recipe."""
    try:
        steps = load_recipe(sample_recipe_path()).steps
    except NotFoundError:
        return {}
    config = next((step.config for step in steps if step.kind == "train"), dict[str, Any]())
    return {name: config[name] for name in FIELDS if name in config}


def explain(ctx: UiContext, error: WorkbenchError) -> Html:
    """An error in its place on the page."""
    rendered = render_error(error, ctx.lang)
    return el("div", el("b", rendered.message), " ", el("span", rendered.hint), cls="wb-error", role="alert")


def read_settings(ctx: UiContext, values: Mapping[str, Any]) -> SFTSettings:
    """The settings that the page says.

    Raises:
        InputError: No data or no model was chosen.
        ConfigError: One entry per bad field.
    """
    rest = dict(values)
    dataset = str(rest.pop("dataset") or "")
    if not dataset:
        raise InputError("train_no_dataset")
    info = describe(ctx, rest.pop("model"))
    consent = bool(rest.pop("consent", False)) and info.needs_remote_code
    folder = ctx.artifacts.folder(dataset)
    valid = folder / "valid.jsonl"
    fixed = {
        "model": str(info.path),
        "train_file": str(ctx.artifacts.file(dataset, "train.jsonl")),
        "eval_file": str(valid) if valid.is_file() and valid.stat().st_size else "",
        "name": str(rest.pop("name") or "").strip() or ctx.artifacts.get(dataset).name,
        "trust_remote_code": consent,
    }
    settings = parse_form(SFTSettings, rest, fixed=fixed)
    require_consent(info, consent)
    return settings


def show_plan(ctx: UiContext, **values: Any) -> list[Any]:
    """The outlook on the run that the form describes, and the command that starts it.

    Returns:
        Updates for the outlook, the button that changes the settings so that the run fits, these changes, and the
        command.
    """
    no_fix = [gr.update(visible=False), {}]
    if not values.get("dataset") or not values.get("model"):
        return [paragraph(ctx.t("train_tab.plan.choose"), "wb-soft"), *no_fix, command_payload([])]
    try:
        settings = read_settings(ctx, {**values, "consent": True})
        plan = plan_training(settings, budget=most_bytes(read_memory()))
    except WorkbenchError as exc:
        return [explain(ctx, exc), *no_fix, command_payload([])]
    changes = dict(plan.fix.changes) if plan.fix is not None else {}
    return [
        view.render_plan(plan, ctx.jobs.free_memory(), ctx.lang),
        gr.update(visible=bool(changes)),
        changes,
        command_payload(command_for(ctx, settings)),
    ]


def apply_fix(ctx: UiContext, changes: Mapping[str, Any]) -> list[Any]:
    """The changes that `show_plan` proposed, as updates for every field of `FIELDS`."""
    return [changes.get(name, SKIP) for name in FIELDS]


def command_for(ctx: UiContext, settings: SFTSettings) -> list[str]:
    """`workbench train SPEC`: the page writes the specification of the newest run beside it."""
    newest = next(iter(ctx.jobs.list(kind="train", limit=1)), None)
    spec = str(Path(newest.folder) / "spec.json") if newest is not None else f"{settings.name}.yaml"
    return ["workbench", "train", spec]


def form_key(path: str) -> str:
    """The key of a field in the form: `lora.r` -> `lora__r`."""
    return path.replace(".", SEPARATOR)
