"""The conversion page's plain functions: what can be converted, what it is, and the plan of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import gradio as gr

from workbench.conversion.detect import detect, find_place
from workbench.conversion.plan import check_space, describe_plan, prepare
from workbench.conversion.run import refuse_overlap
from workbench.errors import InputError, NotFoundError, WorkbenchError
from workbench.jobs import JobFolder
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConversionPlan, ConvertConfig, Detected, Dtype, Target
from workbench.schemas.job import JobRecord
from workbench.ui.components import command_payload
from workbench.ui.context import UiContext
from workbench.ui.forms import choices_of
from workbench.ui.models import list_models
from workbench.ui.tabs.train_form import explain
from workbench.ui.views import conversion as view
from workbench.ui.views.html import Html, paragraph
from workbench.ui.views.runs import Choices, make_request_id
from workbench.ui.views.words import say_date

TARGETS: tuple[Target, ...] = get_args(Target)
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
ADAPTERS = frozenset({"peft", "nemo_peft"})
FLOATS = ("bf16", "f16", "f32")
"""Types that every target can hold."""
QUANTISED = frozenset({"gguf", "ollama"})
"""Targets that can also hold smaller types."""
GB = 1_000_000_000
SHOWN_CHECKPOINTS = 3
"""Per training run, newest first."""
OLLAMA = ("ollama_url", "ollama_name", "system", "ollama_adapter")
"""Settings of a registration at an Ollama server, the switch last."""
AS_IT_IS = ""
"""The choice of keeping the type of the weights."""
CHECKPOINTS = "*/checkpoint-*"
_STEP = re.compile(r"checkpoint-(\d+)")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Look(NamedTuple):
    """What the page says about a source and what would become of it."""

    found: Html | str
    to: Any
    unfit: Html
    base: Any
    dtype: Any
    ollama: Any
    plan: Html
    command: str
    start: Any


def list_jobs(ctx: UiContext) -> list[JobRecord]:
    """Conversions, newest first."""
    return ctx.jobs.list(kind="convert")


# ---- what can be converted


def source_choices(ctx: UiContext) -> Choices:
    """Adapters, checkpoints of runs, then models; each as its name and its folder."""
    found: Choices = []
    for item in ctx.artifacts.list("adapter"):
        said = ctx.t("convert_tab.source.adapter", name=item.name, date=say_date(item.created_at))
        found.append((said, str(ctx.artifacts.folder(item.id))))
    found += _checkpoint_choices(ctx)
    for model in list_models(ctx.workspace, ctx.t("convert_tab.starter")):
        found.append((ctx.t("convert_tab.source.model", name=model.name), model.path))
    return found


def _checkpoint_choices(ctx: UiContext) -> Choices:
    found: Choices = []
    for job in ctx.jobs.list(kind="train"):
        folders = JobFolder(Path(job.folder)).work_dir.glob(CHECKPOINTS)
        steps = {int(match[1]): path for path in folders if (match := _STEP.fullmatch(path.name))}
        title = str(job.spec.config.get("name") or job.spec.title)
        for step in sorted(steps, reverse=True)[:SHOWN_CHECKPOINTS]:
            said = ctx.t("convert_tab.source.checkpoint", name=title, step=f"{step:,}")
            found.append((said, str(steps[step])))
    return found


def base_choices(ctx: UiContext) -> Choices:
    """Models that can be a base."""
    return [(model.name, model.path) for model in list_models(ctx.workspace, ctx.t("convert_tab.starter"))]


def text_choices(ctx: UiContext) -> Choices:
    """Datasets whose texts the tokenizers are compared on, and the built-in sentences."""
    named = [
        (f"{item.name} · {say_date(item.created_at)}", item.id) for item in ctx.artifacts.list("dataset")
    ]
    return [(ctx.t("convert_tab.texts.built_in"), ""), *named]


def dtype_choices(ctx: UiContext, to: str) -> Choices:
    """The types that a target can have."""
    fitting = [name for name in DTYPES if name in FLOATS or to in QUANTISED]
    named = choices_of(ctx, "ConvertConfig", "dtype", fitting)
    return [(ctx.t("convert_tab.dtype.same"), AS_IT_IS), *named]


def show_lists(ctx: UiContext, source: str | None, base: str | None, texts: str | None) -> list[Any]:
    """The three lists from the disk; what is chosen stays chosen while it exists."""
    return [
        _keep(source_choices(ctx), source),
        _keep(base_choices(ctx), base, free=True),
        _keep(text_choices(ctx), texts or "", default=""),
    ]


def _keep(choices: Choices, chosen: str | None, *, default: str | None = None, free: bool = False) -> Any:
    known = free or chosen in {value for _, value in choices}
    return gr.update(choices=choices, value=(chosen or default) if known else default)


# ---- what it is


def read_source(values: Mapping[str, Any]) -> Path:
    """The folder or file that was pasted, else the one chosen from the list.

    Raises:
        InputError: `conversion_no_source`, `conversion_path_relative`.
    """
    given = str(values.get("path") or "").strip().strip("'\"") or str(values.get("source") or "")
    if not given:
        raise InputError("conversion_no_source")
    return _absolute(given)


def _absolute(given: str) -> Path:
    path = Path(given).expanduser()
    if not path.is_absolute():
        raise InputError("conversion_path_relative", path=given)
    return path


def find_unfit(found: Detected) -> list[view.Unfit]:
    """The targets that this source cannot become."""
    return [view.Unfit(target, reason) for target in TARGETS if (reason := _find_reason(found, target))]


def _find_reason(found: Detected, target: str) -> str:
    if found.layout == "gguf":
        return "gguf"
    if found.layout == "nemo_megatron":
        return "" if target == "safetensors" else "megatron"
    if found.layout in ADAPTERS:
        return "adapter" if target == "safetensors" else ""
    return "model" if target in ("merged", "gguf-adapter") else ""


def guess_base(ctx: UiContext, found: Detected) -> str:
    """The folder of the base that a checkpoint names, where it is on this machine."""
    if not found.base:
        return ""
    if (Path(found.base) / "config.json").is_file():
        return found.base
    last = found.base.rstrip("/").rpartition("/")[2]
    for name, path in base_choices(ctx):
        if name == found.base or last in (name, Path(path).name):
            return path
    return ""


def look_at_source(ctx: UiContext, values: Mapping[str, Any]) -> Look:
    """What the chosen folder is, what it can become, and the plan of the first that fits."""
    try:
        found = detect(read_source(values))
    except WorkbenchError as exc:
        return _nothing(ctx, _say_problem(ctx, exc))
    unfit = find_unfit(found)
    fitting = [target for target in TARGETS if target not in {item.target for item in unfit}]
    wanted = values.get("to")
    to = wanted if wanted in fitting else next(iter(fitting), None)
    base = guess_base(ctx, found)
    dtypes = dtype_choices(ctx, to or "")
    kept = str(values.get("dtype") or AS_IT_IS)
    dtype = kept if kept in {value for _, value in dtypes} else AS_IT_IS
    plan = show_plan(ctx, {**values, "to": to, "base": base, "dtype": dtype})
    named = choices_of(ctx, "ConvertConfig", "to", fitting)
    return Look(
        view.render_found(found, ctx.lang),
        gr.update(choices=named, value=to, visible=bool(fitting)),
        view.render_unfit(unfit, ctx.lang),
        gr.update(value=base or None, visible=bool(fitting)),
        gr.update(choices=dtypes, value=dtype, visible=bool(fitting)),
        gr.update(visible=to == "ollama"),
        *plan,
    )


def _nothing(ctx: UiContext, said: Html) -> Look:
    hidden = gr.update(visible=False)
    off = gr.update(interactive=False)
    first = paragraph(ctx.t("convert_tab.into.first"), "wb-soft")
    return Look(said, hidden, first, hidden, hidden, hidden, Html(), command_payload([]), off)


# not yet finished, rather than wrong: nothing to be alarmed about
UNFINISHED = {"conversion_no_source", "conversion_path_relative", "checkpoint_missing", "base_needed"}


def _say_problem(ctx: UiContext, error: WorkbenchError) -> Html:
    if error.code == "conversion_no_source":
        return paragraph(ctx.t("convert_tab.choose"), "wb-soft")
    if error.code in UNFINISHED:
        return paragraph(ctx.t(f"error.{error.code}.message", **error.params), "wb-soft")
    return explain(ctx, error)


# ---- the plan


def read_settings(ctx: UiContext, values: Mapping[str, Any]) -> ConvertConfig:
    """The settings that the page says.

    Raises:
        InputError: Nothing was chosen, or a path is not absolute.
        ConfigError: One entry per bad field.
    """
    source, to = read_source(values), str(values.get("to") or "")
    if to not in TARGETS:
        raise InputError("conversion_no_target")
    base, target = (str(values.get(name) or "").strip() for name in ("base", "target"))
    texts = str(values.get("texts") or "")
    return parse(
        ConvertConfig,
        {
            "source": str(source),
            "to": to,
            "base": str(_absolute(base)) if base else "",
            "target": str(_absolute(target)) if target else "",
            "dtype": values.get("dtype") or None,
            "name": str(values.get("name") or "").strip() or suggest_name(ctx, source, to),
            "shard_bytes": int(float(values.get("shard_gb") or 0) * GB) or GB * 5,
            "texts": str(ctx.artifacts.file(texts, "train.jsonl")) if texts else "",
            "tools": str(ctx.workspace.tools),
            **_read_ollama(values, to),
        },
    )


def _read_ollama(values: Mapping[str, Any], to: str) -> dict[str, Any]:
    """What is asked for only where the target is Ollama; empty boxes are left out."""
    if to != "ollama":
        return {}
    *texts, switch = OLLAMA
    said: dict[str, Any] = {name: str(values.get(name) or "").strip() for name in texts}
    return {name: value for name, value in {**said, switch: bool(values.get(switch))}.items() if value}


def suggest_name(ctx: UiContext, source: Path, to: str) -> str:
    """A name for the result, safe as a folder's: the source's own and what becomes of it."""
    try:
        known = ctx.artifacts.get(source.name).name
    except (NotFoundError, InputError):
        known = source.name
    plain = _UNSAFE.sub("-", known).strip("-._") or "model"
    return f"{plain[:80]}-{to}"


def choose_place(ctx: UiContext, settings: ConvertConfig) -> Path:
    """Where the result is written first.

    Raises:
        InputError: `target_not_empty`.
    """
    target = Path(settings.target) if settings.target else ctx.workspace.models / settings.name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("target_not_empty", path=str(target))
    return target


def make_plan(ctx: UiContext, settings: ConvertConfig) -> ConversionPlan:
    """Open the source and lay out the result; nothing is written and no weight is read.

    Raises:
        InputError: What opening the source raises; `target_not_empty`, `target_in_source`.
    """
    source = Path(settings.source)
    place, target = find_place(source), choose_place(ctx, settings)
    refuse_overlap(place, settings, target)
    work = prepare(settings, place)
    try:
        return describe_plan(settings, detect(source), work, target)
    finally:
        work.close()


def show_plan(ctx: UiContext, values: Mapping[str, Any]) -> tuple[Html, str, Any]:
    """The plan that the form describes, the command that does the same, and whether the button can be pressed."""
    try:
        settings = read_settings(ctx, values)
        plan = make_plan(ctx, settings)
    except WorkbenchError as exc:
        said = Html() if exc.code == "conversion_no_target" else _say_problem(ctx, exc)
        return said, command_payload([]), gr.update(interactive=False)
    place = (
        ctx.t("convert_tab.place.own", path=settings.target)
        if settings.target
        else ctx.t("convert_tab.place.workspace", name=settings.name)
    )
    if not plan.files:  # nobody here can do it
        return view.render_command(plan.command, ctx.lang), command_payload([]), gr.update(interactive=False)
    html = view.render_plan(plan, ctx.lang, place=place)
    return html, command_payload(command_for(ctx, settings)), gr.update(interactive=plan.fits)


def replan(ctx: UiContext, values: Mapping[str, Any]) -> tuple[Any, Any, Html, str, Any]:
    """The types that the chosen target can have, whether it is Ollama, and the plan."""
    dtypes = dtype_choices(ctx, str(values.get("to") or ""))
    kept = str(values.get("dtype") or AS_IT_IS)
    dtype = kept if kept in {value for _, value in dtypes} else AS_IT_IS
    ollama = gr.update(visible=values.get("to") == "ollama")
    return gr.update(choices=dtypes, value=dtype), ollama, *show_plan(ctx, {**values, "dtype": dtype})


def command_for(ctx: UiContext, settings: ConvertConfig) -> list[str]:
    """`workbench convert …` with the same outcome; without a folder of one's own it writes among the models."""
    target = settings.target or str(ctx.workspace.models / settings.name)
    command = ["workbench", "convert", settings.source, target, "--to", settings.to]
    flags = {"--base": settings.base, "--dtype": settings.dtype, "--texts": settings.texts}
    flags |= {"--ollama-url": settings.ollama_url, "--ollama-name": settings.ollama_name}
    flags |= {"--system": settings.system}
    for flag, value in flags.items():
        command += [flag, value] if value else []
    return command + (["--ollama-adapter"] if settings.ollama_adapter else [])


def start_conversion(ctx: UiContext, **values: Any) -> str:
    """Validate the form once more and queue the conversion; the choice that shows it.

    Raises:
        InputError: What the plan raises.
        ResourceError: `conversion_disk_full`.
        ConfigError: One entry per bad field.
    """
    token = str(values.pop("token"))
    settings = read_settings(ctx, values)
    plan = make_plan(ctx, settings)
    check_space(plan)
    submit_conversion(ctx, settings, token, plan.peak_bytes)
    # the empty choice follows the newest run, which is this one
    return ""


def submit_conversion(ctx: UiContext, settings: ConvertConfig, token: str, memory_bytes: int) -> JobRecord:
    """Queue a conversion once, however often the button was pressed."""
    request = make_request_id(token, settings, list_jobs(ctx))
    return ctx.jobs.submit("convert", settings.name, settings, request_id=request, memory_bytes=memory_bytes)
