"""Recipes of engines as they lie in `assets/engines/`: one file for each generation of images."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from workbench.errors import InputError, NotFoundError
from workbench.paths import assets_dir
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import ServeEngine

TRAINING = "ngc_training"


def recipes_folder() -> Path:
    """Where the recipes lie."""
    return assets_dir() / "engines"


def load_recipe(engine: str, folder: Path | None = None) -> EngineRecipe:
    """The recipe of an engine.

    Raises:
        NotFoundError: `engine_recipe_missing`: there is none; the embedded server needs none.
        InputError: `engine_recipe_bad`, naming the file and what is wrong in it.
    """
    return _read(folder or recipes_folder(), engine)


def list_recipes(folder: Path | None = None) -> tuple[EngineRecipe, ...]:
    """The recipes of all engines that serve models, by name."""
    place = folder or recipes_folder()
    names = sorted(path.stem for path in place.glob("*.yaml"))
    return tuple(recipe for name in names if (recipe := load_recipe(name, place)).port)


@cache
def _read(folder: Path, engine: str) -> EngineRecipe:
    path = folder / f"{engine}.yaml"
    try:
        recipe = EngineRecipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as exc:
        raise NotFoundError("engine_recipe_missing", engine=engine) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise InputError("engine_recipe_bad", path=str(path), detail=str(exc).splitlines()[0]) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError("engine_recipe_bad", path=str(path), detail=f"{where}: {first['msg']}") from exc
    if recipe.engine != engine:
        raise InputError("engine_recipe_bad", path=str(path), detail=f"engine: {recipe.engine}")
    return recipe


CONTAINER_ENGINES: tuple[ServeEngine, ...] = ("nim1", "nim2", "nim_spark", "vllm", "llamacpp", "ollama")
