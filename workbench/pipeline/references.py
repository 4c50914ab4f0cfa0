"""`@step.key` references between the steps of a recipe, and fingerprints that know when nothing changed.

Reads nothing but the input files that a fingerprint covers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from workbench import __version__
from workbench.artifacts import hash_file, hash_folder
from workbench.errors import InputError, StateError
from workbench.schemas.recipe import Recipe, Step


def find_references(value: object) -> Iterator[str]:
    """Every `@step.key` string inside a configuration."""
    if isinstance(value, str) and value.startswith("@"):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from find_references(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            yield from find_references(item)


def find_secrets(value: object) -> Iterator[str]:
    """Names of the environment variables that a configuration's endpoints take their keys from."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            if key == "api_key_env" and isinstance(item, str) and item:
                yield item
            yield from find_secrets(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            yield from find_secrets(item)


def referenced_step(reference: str) -> str:
    """The step that a reference names."""
    return reference[1:].split(".", 1)[0]


def check_references(recipe: Recipe) -> None:
    """Refuse references to steps that do not come earlier.

    Raises:
        InputError: Naming the step and the reference.
    """
    earlier: set[str] = set()
    for step in recipe.steps:
        for reference in find_references(step.config):
            if referenced_step(reference) not in earlier:
                raise InputError("recipe_bad_reference", step=step.name, reference=reference)
        earlier.add(step.name)


def resolve(value: Any, results: Mapping[str, Mapping[str, Any]]) -> Any:
    """A configuration with every reference replaced by the value it stands for.

    Raises:
        StateError: The step's result has no such value.
    """
    return _replace(value, lambda reference: _look_up(reference, results))


def _replace(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return change(value) if value.startswith("@") else value
    if isinstance(value, dict):
        return {key: _replace(item, change) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, change) for item in cast("list[Any]", value)]
    return value


def _look_up(reference: str, results: Mapping[str, Mapping[str, Any]]) -> Any:
    name, *keys = reference[1:].split(".")
    found: Any = results.get(name)
    for key in keys:
        found = cast("dict[str, Any]", found).get(key) if isinstance(found, Mapping) else None
    if found is None:
        raise StateError("recipe_value_missing", reference=reference)
    return found


def fingerprint(step: Step, earlier: Mapping[str, str]) -> str:
    """A hash of everything that decides a step's result.

    Covers the kind, the configuration, the content of the files and folders that it names, the
    fingerprints of the steps it refers to, and the program's version. Addresses of servers are
    references and so do not count.

    Args:
        step: With its references unresolved.
        earlier: Fingerprint of each earlier step.
    """
    config = _replace(step.config, lambda reference: f"{reference}:{earlier[referenced_step(reference)]}")
    inputs = {path: _hash_input(Path(path)) for path in sorted(set(_input_paths(step.config)))}
    text = json.dumps([__version__, step.kind, config, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _input_paths(value: object) -> Iterator[str]:
    if isinstance(value, str):
        # prompts are strings too: only what looks like an absolute path is asked for on disk
        if value.startswith("/") and "\n" not in value and len(value) < 4096 and Path(value).exists():
            yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _input_paths(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            yield from _input_paths(item)


def _hash_input(path: Path) -> str:
    return hash_folder(path) if path.is_dir() else hash_file(path)
