"""The settings of a role's server: what can be chosen, what is offered, and what a start would do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import ValidationError

from workbench.errors import InputError, WorkbenchError
from workbench.jobs import read_memory
from workbench.jobs.leases import most_bytes
from workbench.schemas.base import parse
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import (
    Preflight,
    PreflightCheck,
    ServeConfig,
    ServeEngine,
    ServePlan,
    ServerRole,
)
from workbench.serving.docking import Connect
from workbench.serving.model_files import find_gguf, gguf_kind
from workbench.serving.planning import plan_server
from workbench.serving.recipes import CONTAINER_ENGINES, load_recipe
from workbench.ui.components import command_payload
from workbench.ui.context import UiContext
from workbench.ui.engine_look import within
from workbench.ui.forms import parse_form
from workbench.ui.handover import Handed
from workbench.ui.models import gguf_models, list_models, starter_folder
from workbench.ui.views import preflight as view
from workbench.ui.views.html import Child, Html, el, paragraph
from workbench.ui.views.runs import Choices
from workbench.ui.views.words import say_date

TUNED = "finetuned"
HANDED_ROLE: ServerRole = "after"
"""The role of what another tab hands over to be served."""
NO_MODEL = "-"
"""Stands for a model that is still to be chosen."""
KNOBS = ("max_context", "memory_share", "max_batch_size")
MORE = ("idle_seconds", "dtype", "trust_remote_code")
CONTAINER = ("image", "allow_other_image", "gpus", "run_as", "cache_dir", "ready_seconds")
RIGHTS = ("accept_licence", "api_key_env")
FIELDS = (*KNOBS, *MORE, *CONTAINER, *RIGHTS)
"""Fields of the schema that the form takes as they are."""
CHOSEN = ("engine", "model", "adapters")
ENGINES: tuple[ServeEngine, ...] = ("embedded", "llamacpp", "ollama", "vllm", "nim1", "nim2", "nim_spark")
"""In the order of what they ask of a newcomer."""
PLAN_SECONDS = 12.0
"""Looking at files and asking the engine takes no longer, or the page says that the engine does not answer."""
GIB = 2**30


def engine_choices(ctx: UiContext) -> Choices:
    """Every way to serve a model."""
    return [(ctx.t(f"choice.ServeConfig.engine.{name}"), name) for name in ENGINES]


def recipe_of(engine: str) -> EngineRecipe | None:
    """How an engine in a container is run; None for the embedded server."""
    return load_recipe(engine) if engine in CONTAINER_ENGINES else None


def describe_engine(ctx: UiContext, engine: str) -> Html:
    """What an engine is for, what it needs, and what to know of it."""
    recipe = recipe_of(engine)
    if recipe is None:
        return paragraph(ctx.t("serve_tab.engine.embedded.about"), "wb-soft")
    about = recipe.about.get(ctx.lang) or next(iter(recipe.about.values()))
    needs = ctx.t(f"serve_tab.engine.needs.{recipe.gpu}")
    notes = [paragraph(ctx.t(f"engine.note.{name}"), "wb-soft wb-tiny") for name in recipe.notes]
    return el("div", paragraph(f"{about}{needs}", "wb-soft"), *notes)


def describe_rights(ctx: UiContext, engine: str) -> Html:
    """The terms and the key that an engine asks for."""
    recipe = recipe_of(engine)
    if recipe is None:
        return Html()
    parts: list[Child] = []
    if recipe.licence is not None:
        link = el("a", recipe.licence.name, href=recipe.licence.url, target="_blank", rel="noreferrer")
        parts.append(el("p", ctx.t("serve_tab.rights.licence"), " ", link))
    if recipe.key.to_pull or recipe.key.inside:
        use = "inside" if recipe.key.inside else "pull"
        parts.append(paragraph(ctx.t(f"serve_tab.rights.key.{use}", name=recipe.key.usual_name)))
    return el("div", *parts)


def needs_rights(engine: str) -> bool:
    """Whether the engine asks for a licence or a key."""
    recipe = recipe_of(engine)
    return recipe is not None and bool(recipe.licence or recipe.key.to_pull or recipe.key.inside)


# ---- what can be chosen


def model_choices(ctx: UiContext, engine: str) -> Choices:
    """Models of this machine in the form that the engine reads; other paths and names can be typed."""
    recipe = recipe_of(engine)
    kind = recipe.model.kind if recipe else "folder"
    if kind == "folder":
        known = [(model.name, model.path) for model in list_models(ctx.workspace, ctx.t("live_tab.starter"))]
        return [*known, *_artifacts(ctx, "model")]
    return (
        []
        if kind == "inside"
        else [(name_model(ctx, model.path), model.path) for model in gguf_models(ctx.workspace)]
    )


def adapter_choices(ctx: UiContext, engine: str, model: str | None) -> Choices:
    """Adapters that fit: those of the chosen base, or all where an adapter does not tell its base."""
    recipe = recipe_of(engine)
    if recipe is not None and recipe.adapters.way == "none":
        return []
    if recipe is not None and recipe.adapters.kind == "file":
        return [(name, path) for name, path in _artifacts(ctx, "gguf") if gguf_kind(Path(path)) == "adapter"]
    fitting = [
        item for item in ctx.artifacts.list("adapter") if item.details.get("base_model", model) in (model, "")
    ]
    return [(_name(item.name, item.created_at), str(ctx.artifacts.folder(item.id))) for item in fitting]


def _artifacts(ctx: UiContext, kind: Any) -> Choices:
    found = ctx.artifacts.list(kind)
    return [(_name(item.name, item.created_at), str(ctx.artifacts.folder(item.id))) for item in found]


def _name(name: str, created_at: float) -> str:
    return f"{name} · {say_date(created_at)}"


def name_model(ctx: UiContext, path: str) -> str:
    """A model as people know it."""
    if path.startswith("/") and Path(path) == starter_folder():
        return ctx.t("live_tab.starter")
    return _artifact_name(ctx, path) or (Path(path).name if path.startswith("/") else path)


def name_adapter(ctx: UiContext, path: str) -> str:
    """An adapter as people know it."""
    return _artifact_name(ctx, path) or Path(path).name


def _artifact_name(ctx: UiContext, path: str) -> str:
    folder = Path(path)
    if folder.parent != ctx.workspace.artifacts or not (folder / "artifact.json").is_file():
        return ""
    found = ctx.artifacts.get(folder.name)
    return _name(found.name, found.created_at)


# ---- what is offered


def last_config(ctx: UiContext, role: ServerRole) -> ServeConfig | None:
    """What was started for this role the last time."""
    for job in ctx.jobs.list(kind="serve"):
        if job.spec.config.get("role") == role:
            try:
                return ServeConfig.model_validate(job.spec.config)
            except ValidationError:  # written by another version
                continue
    return None


def offer_config(ctx: UiContext, role: ServerRole) -> ServeConfig | None:
    """What a start would start: the last choice, else the newest adapter and its base; None where nobody can guess."""
    known = last_config(ctx, role)
    if known is not None:
        return known
    if role not in ("before", "after"):
        return None
    newest = next((item for item in ctx.artifacts.list("adapter") if item.details.get("base_model")), None)
    if newest is None:
        return ServeConfig(role=role, model=str(starter_folder())) if role == "before" else None
    base = str(newest.details["base_model"])
    chosen = [{"name": TUNED, "path": str(ctx.artifacts.folder(newest.id))}] if role == "after" else []
    return parse(ServeConfig, {"role": role, "model": base, "adapters": chosen})


def take_handed(ctx: UiContext, role: str, handed: Handed | None) -> ServeConfig | None:
    """What another tab handed over to be served; None where that is over: another role, or started since."""
    if not handed or handed["target"] != "serve" or role != HANDED_ROLE:
        return None
    newest = next((job for job in ctx.jobs.list(kind="serve") if job.spec.config.get("role") == role), None)
    if newest is not None and newest.spec.created_at > handed["at"]:
        return None
    adapter = handed.get("adapter")
    values: dict[str, Any] = {
        "role": role,
        "engine": handed.get("engine", "embedded"),
        "model": handed["name"] or NO_MODEL,
        "adapters": [{"name": TUNED, "path": adapter}] if adapter else [],
    }
    return parse(ServeConfig, values)


def fill_form(ctx: UiContext, role: ServerRole, handed: Handed | None = None) -> list[Any]:
    """Values for the form of a role: engine, model, adapters, then `FIELDS`."""
    shown = (
        take_handed(ctx, role, handed) or offer_config(ctx, role) or ServeConfig(role=role, model=NO_MODEL)
    )
    model = None if shown.model == NO_MODEL else shown.model
    adapters = [adapter.path for adapter in shown.adapters]
    return [
        shown.engine,
        gr.update(choices=_with(model_choices(ctx, shown.engine), model, ctx), value=model),
        gr.update(
            choices=_with_all(adapter_choices(ctx, shown.engine, model), adapters, ctx), value=adapters
        ),
        *(getattr(shown, name) for name in FIELDS),
    ]


def _with(choices: Choices, chosen: str | None, ctx: UiContext) -> Choices:
    """A list must offer what it holds."""
    known = {value for _, value in choices}
    return [*choices, (name_model(ctx, chosen), chosen)] if chosen and chosen not in known else choices


def _with_all(choices: Choices, chosen: Sequence[str], ctx: UiContext) -> Choices:
    known = {value for _, value in choices}
    return [*choices, *((name_adapter(ctx, path), path) for path in chosen if path not in known)]


def choose_engine(
    ctx: UiContext, engine: str, model: str | None, adapters: Sequence[str] | None
) -> list[Any]:
    """What belongs to an engine.

    Returns:
        Models, adapters, and what `show_engine` gives.
    """
    models = model_choices(ctx, engine)
    kept = model if fits(engine, model) else next((value for _, value in models), None)
    return [
        gr.update(choices=_with(models, kept, ctx), value=kept),
        choose_model(ctx, engine, kept, adapters),
        *show_engine(ctx, engine),
    ]


def show_engine(ctx: UiContext, engine: str) -> list[Any]:
    """An engine's description, its terms, and which boxes are shown (terms, container)."""
    return [
        describe_engine(ctx, engine),
        describe_rights(ctx, engine),
        gr.update(visible=needs_rights(engine)),
        gr.update(visible=engine in CONTAINER_ENGINES),
    ]


def fits(engine: str, model: str | None) -> bool:
    """Whether a model that was chosen for one engine is of the kind that another one reads."""
    kind = model_kind(engine)
    if not model:
        return False
    if kind == "folder":
        return (Path(model) / "config.json").is_file()
    is_file = model.startswith("/") and find_gguf(Path(model)) is not None
    return is_file if kind == "file" else is_file or not model.startswith("/")


def _fits_as_adapter(engine: str, path: str) -> bool:
    recipe = recipe_of(engine)
    if recipe is not None and recipe.adapters.kind == "file":
        return find_gguf(Path(path)) is not None
    return (Path(path) / "adapter_config.json").is_file()


def model_kind(engine: str) -> str:
    """In which form the engine reads its model."""
    recipe = recipe_of(engine)
    return recipe.model.kind if recipe else "folder"


def adapters_possible(engine: str) -> bool:
    """Whether adapters can be served beside the base."""
    recipe = recipe_of(engine)
    return recipe is None or recipe.adapters.way != "none"


def choose_model(ctx: UiContext, engine: str, model: str | None, adapters: Sequence[str] | None) -> Any:
    """The adapters that fit the model; one from elsewhere stays chosen while its form fits."""
    offered = adapter_choices(ctx, engine, model)
    values = {value for _, value in offered}
    own = ctx.workspace.artifacts
    kept = [
        path
        for path in adapters or ()
        if path in values or (Path(path).parent != own and _fits_as_adapter(engine, path))
    ]
    possible = adapters_possible(engine)
    kept = kept if possible else []
    return gr.update(choices=_with_all(offered, kept, ctx), value=kept, visible=possible)


# ---- what a start would do


def read_config(role: str, values: Mapping[str, Any]) -> ServeConfig:
    """What the form asks for.

    Raises:
        InputError: `serve_no_model`.
        ConfigError: One entry per bad field.
    """
    model = str(values.get("model") or "").strip()
    if not model:
        raise InputError("serve_no_model")
    fixed = {
        "role": role,
        "engine": values.get("engine") or "embedded",
        "model": model,
        "adapters": _mounts(values.get("adapters") or ()),
    }
    rest = {
        name: value.strip() if isinstance(value := values.get(name), str) else value
        for name in FIELDS
        if values.get(name) is not None
    }
    return parse_form(ServeConfig, rest, fixed=fixed)


def _mounts(paths: Sequence[str]) -> list[dict[str, str]]:
    if len(paths) == 1:
        return [{"name": TUNED, "path": paths[0]}]
    return [{"name": f"{TUNED}-{place}", "path": path} for place, path in enumerate(paths, 1)]


def make_plan(ctx: UiContext, config: ServeConfig, connect: Connect) -> ServePlan:
    """What a start would do, found out within a bounded time.

    Raises:
        ResourceError: `engine_slow`.
        InputError: There is nothing that could be planned.
    """
    plan = within(
        lambda: plan_server(config, ctx.workspace, jobs=ctx.jobs, environ=os.environ, connect=connect),
        PLAN_SECONDS,
    )
    if config.in_container:
        return plan
    return plan.model_copy(
        update={"preflight": check_embedded(config, plan.memory_bytes, ctx.jobs.free_memory())}
    )


def check_embedded(config: ServeConfig, need_bytes: int, free_bytes: int) -> Preflight:
    """The embedded server needs no engine; what it needs is files and memory."""
    need, free = round(need_bytes / GIB, 1), round(free_bytes / GIB, 1)
    most = most_bytes(read_memory())
    if need_bytes > most:
        memory = PreflightCheck(
            code="memory_too_small", level="stop", params={"need": need, "most": round(most / GIB, 1)}
        )
    elif need_bytes > free_bytes:
        memory = PreflightCheck(code="memory_waits", level="warn", params={"need": need, "free": free})
    else:
        memory = PreflightCheck(code="memory_enough", level="ok", params={"need": need, "free": free})
    missing = [] if (Path(config.model) / "config.json").is_file() else [config.model]
    files = [
        PreflightCheck(code="model_unfit_folder", level="stop", params={"path": path}) for path in missing
    ]
    files += [
        PreflightCheck(code="model_unfit_adapter", level="stop", params={"path": adapter.path})
        for adapter in config.adapters
        if not (Path(adapter.path) / "adapter_config.json").is_file()
    ]
    return Preflight(checks=(*files, memory))


def show_plan(ctx: UiContext, connect: Connect, role: str, values: Mapping[str, Any]) -> list[Any]:
    """The preflight in sentences, our command, and the `docker run` that does the same."""
    try:
        plan = make_plan(ctx, read_config(role, values), connect)
    except WorkbenchError as exc:
        return [view.render_problem(exc, ctx.lang), command_payload([]), command_payload([])]
    return [
        view.render_preflight(plan.preflight, ctx.lang),
        command_payload(plan.command),
        command_payload(plan.run_command),
    ]


def named(values: Sequence[Any]) -> dict[str, Any]:
    """The form's values by name, from the order of `CHOSEN` and `FIELDS`."""
    return dict(zip((*CHOSEN, *FIELDS), values, strict=True))


def safe_title(ctx: UiContext, config: ServeConfig) -> str:
    """The title of a server's job."""
    role = ctx.t(f"serve_tab.role.{config.role}")
    return re.sub(r"\s+", " ", f"{role} · {name_model(ctx, config.model)}")[:100]
