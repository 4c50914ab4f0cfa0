"""Reads a recipe file, applies `--set`, and submits it as a job. Runs nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.errors import InputError, NotFoundError
from workbench.i18n import Lang
from workbench.jobs import JobStore
from workbench.pipeline.references import check_references, find_secrets
from workbench.pipeline.steps import STEPS
from workbench.schemas.base import parse
from workbench.schemas.job import JobRecord
from workbench.schemas.recipe import Recipe, RecipeConfig


def load_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """A recipe from its file, with values changed by `a.b=c` settings.

    Args:
        path: YAML file.
        settings: Each `STEP.field.field=value` (or `guard.field=value`); the value is read as YAML.

    Raises:
        NotFoundError: The file does not exist.
        InputError: It is no YAML, or a setting names no step.
        ConfigError: Fields are wrong; all of them are reported.
    """
    if not path.is_file():
        raise NotFoundError("recipe_missing", path=str(path))
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise InputError("recipe_not_yaml", path=str(path)) from exc
    if not isinstance(loaded, dict):
        raise InputError("recipe_not_yaml", path=str(path))
    values = cast("dict[str, Any]", _resolve_paths(cast("object", loaded), path.resolve().parent))
    for setting in settings:
        _apply_setting(values, setting)
    recipe = parse(Recipe, values, prefix="recipe")
    check_recipe(recipe)
    return recipe


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe whose references or fields cannot work, before anything runs.

    Raises:
        ConfigError: One entry per bad field of every step.
        InputError: A reference names no earlier step.
    """
    check_references(recipe)
    for step in recipe.steps:
        STEPS[step.kind].check(step)


def submit_recipe(
    jobs: JobStore, recipe: Recipe, *, lang: Lang = "ja", request_id: str = "", start_from: str = ""
) -> JobRecord:
    """Submit a recipe as one job, which submits its steps as jobs of their own.

    Raises:
        NotFoundError: `start_from` names no step.
    """
    if start_from and start_from not in {step.name for step in recipe.steps}:
        raise NotFoundError("recipe_step_missing", step=start_from)
    return jobs.submit(
        "recipe",
        recipe.title.get(lang) or recipe.name,
        RecipeConfig(recipe=recipe, start_from=start_from),
        request_id=request_id,
        # the recipe's worker hands them on to its children
        secret_names=sorted({name for step in recipe.steps for name in find_secrets(step.config)}),
    )


def _resolve_paths(value: object, base: Path) -> object:
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str((base / value).resolve())
    if isinstance(value, dict):
        return {key: _resolve_paths(item, base) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_resolve_paths(item, base) for item in cast("list[object]", value)]
    return value


def _apply_setting(values: dict[str, Any], setting: str) -> None:
    path, separator, text = setting.partition("=")
    if not separator or "." not in path:
        raise InputError("setting_malformed", setting=setting)
    head, *fields = path.split(".")
    target = _setting_target(values, head, setting)
    for field in fields[:-1]:
        inner: Any = target.setdefault(field, {})
        if not isinstance(inner, dict):
            raise InputError("setting_malformed", setting=setting)
        target = cast("dict[str, Any]", inner)
    try:
        parsed: Any = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise InputError("setting_malformed", setting=setting) from exc
    # a path given on the command line is relative to where the person stands
    if isinstance(parsed, str) and parsed.startswith(("./", "../")):
        parsed = str(Path(parsed).resolve())
    target[fields[-1]] = parsed


def _setting_target(values: dict[str, Any], head: str, setting: str) -> dict[str, Any]:
    if head == "guard":
        return cast("dict[str, Any]", values.setdefault("guard", {}))
    steps: Any = values.get("steps")
    for step in cast("list[Any]", steps) if isinstance(steps, list) else []:
        if isinstance(step, Mapping) and cast("Mapping[str, Any]", step).get("name") == head:
            return cast("dict[str, Any]", cast("dict[str, Any]", step).setdefault("config", {}))
    raise InputError("setting_names_no_step", setting=setting, step=head)
