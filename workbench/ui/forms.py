"""Forms out of schemas, and schemas out of forms.

Labels and hints are `field.<Schema>.<field>.label` and `.hint`; a nested field such as `lora.r` takes them
from its own schema (`field.LoraSettings.r.label`). Bounds are said in the hint and checked by the schema, so
that all problems are reported at once and in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workbench.errors import ConfigError, Problem
from workbench.i18n import has_key
from workbench.schemas.base import Model, parse
from workbench.ui.context import UiContext

Form = dict[str, Any]
"""Key for `inputs_kwargs` -> component. A nested field's dots are written `__`: `lora__r`."""
SEPARATOR = "__"


@dataclass(frozen=True)
class FieldSpec:
    """One field of a schema, found by its dotted path."""

    owner: type[BaseModel]
    name: str
    info: FieldInfo
    default: Any


def find_field(model: type[BaseModel], path: str) -> FieldSpec:
    """The field at a dotted path, with its default as the outer schema sets it.

    Raises:
        KeyError: There is no such field.
    """
    owner: type[BaseModel] = model
    outer: Any = None
    *parents, leaf = path.split(".")
    for part in parents:
        info = owner.model_fields[part]
        outer = _default_of(info, outer, part)
        nested: Any = info.annotation
        if not (isinstance(nested, type) and issubclass(nested, BaseModel)):
            raise KeyError(path)
        owner = nested
    info = owner.model_fields[leaf]
    return FieldSpec(owner, leaf, info, _default_of(info, outer, leaf))


def _default_of(info: FieldInfo, outer: Any, name: str) -> Any:
    """The default that an outer schema's own default sets, else the field's; None for a required field."""
    if isinstance(outer, BaseModel):
        return getattr(outer, name)
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _bounds(info: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in info.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(item, name, None) is not None:
                found[name] = getattr(item, name)
    return found


def _describe_bounds(bounds: Mapping[str, float], ctx: UiContext) -> str:
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        return ctx.t("form.bounds.both", low=f"{low:,.10g}", high=f"{high:,.10g}")
    if low is not None:
        key = "form.bounds.low" if "ge" in bounds else "form.bounds.above"
        return ctx.t(key, low=f"{low:,.10g}")
    return ctx.t("form.bounds.high", high=f"{high:,.10g}") if high is not None else ""


def _plain_type(annotation: Any) -> Any:
    """The type without `| None`; the Literal of a union that also takes free values is left to a text box."""
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return members[0] if len(members) == 1 else str
    return annotation


def choices_of(ctx: UiContext, owner: str, name: str, values: Sequence[Any]) -> list[tuple[str, Any]]:
    """Values with their names in the page's language (`choice.<Schema>.<field>.<value>`)."""
    keys = [f"choice.{owner}.{name}.{value}" for value in values]
    named = zip(keys, values, strict=True)
    return [(ctx.t(key) if has_key(key, ctx.lang) else str(value), value) for key, value in named]


def make_component(ctx: UiContext, model: type[BaseModel], path: str, elem_id: str) -> Any:
    """One component for one field."""
    spec = find_field(model, path)
    key = f"field.{spec.owner.__name__}.{spec.name}"
    kind = _plain_type(spec.info.annotation)
    bounds = _bounds(spec.info)
    hint = ctx.t(f"{key}.hint")
    common: dict[str, Any] = {"label": ctx.t(f"{key}.label"), "info": hint, "elem_id": elem_id}
    if get_origin(kind) is Literal:
        named = choices_of(ctx, spec.owner.__name__, spec.name, get_args(kind))
        return gr.Dropdown(choices=named, value=spec.default, **common)
    if kind is bool:
        return gr.Checkbox(value=bool(spec.default), **common)
    if kind is float and bounds.get("ge") == 0 and bounds.get("le") == 1:
        return gr.Slider(0, 1, value=spec.default, step=0.01, **common)
    if kind in (int, float):
        common["info"] = " ".join(part for part in (hint, _describe_bounds(bounds, ctx)) if part)
        return gr.Number(value=spec.default, precision=0 if kind is int else None, **common)
    return gr.Textbox(value=str(spec.default or ""), **common)


def build_form(
    model: type[BaseModel],
    prefix: str,
    ctx: UiContext,
    *,
    fields: Sequence[str],
    advanced: Sequence[str] = (),
    columns: int = 2,
) -> Form:
    """Lay out a form inside the current block.

    Args:
        model: The schema.
        prefix: Start of each component's element id: `<prefix>-<field>`.
        ctx: The page's context.
        fields: Dotted paths of the fields that are always seen.
        advanced: Dotted paths of those behind one click.
        columns: Fields side by side.

    Returns:
        Key -> component, to be given to an event as `inputs_kwargs`.
    """
    form = _rows(model, prefix, ctx, fields, columns)
    if advanced:
        with gr.Accordion(
            ctx.t("form.advanced"), open=False, elem_id=f"{prefix}-advanced", elem_classes="wb-more"
        ):
            form |= _rows(model, prefix, ctx, advanced, columns)
    return form


def _rows(model: type[BaseModel], prefix: str, ctx: UiContext, paths: Sequence[str], columns: int) -> Form:
    form: Form = {}
    for start in range(0, len(paths), columns):
        with gr.Row(equal_height=True):
            for path in paths[start : start + columns]:
                key = path.replace(".", SEPARATOR)
                form[key] = make_component(ctx, model, path, f"{prefix}-{key.replace('_', '-')}")
    return form


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn `{"lora__r": 8}` into `{"lora": {"r": 8}}`."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *parents, leaf = key.split(SEPARATOR)
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return nested


def parse_form(
    model: type[Model], values: Mapping[str, Any], *, fixed: Mapping[str, Any] | None = None, prefix: str = ""
) -> Model:
    """Validate what a form sent.

    Args:
        model: The schema.
        values: Keys of the form and their values.
        fixed: Values that no form field holds; they win.
        prefix: Path put before field names in problems.

    Raises:
        ConfigError: One entry per bad field.
    """
    try:
        return parse(model, {**nest(values), **(fixed or {})}, prefix)
    except ConfigError as exc:
        raise ConfigError([_with_own_name(problem, model, prefix) for problem in exc.problems]) from exc


def _with_own_name(problem: Problem, model: type[BaseModel], prefix: str) -> Problem:
    """Name a nested field by its own schema, because that is where its label lies."""
    path = problem.field.removeprefix(f"{prefix or model.__name__}.")
    try:
        spec = find_field(model, path)
    except KeyError:
        return problem
    return Problem(f"{spec.owner.__name__}.{spec.name}", problem.code, problem.params)
