"""The names that a server answers to, and how each is asked so that it is that model and no other.

llama.cpp applies every adapter at full scale to a request that names none, so each of its sides names a scale for
each adapter: all 0 for the base.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from workbench.errors import StateError
from workbench.schemas.base import parse
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.inference import Endpoint
from workbench.schemas.serving import ServeConfig, ServedModel

ANSWER_SECONDS = 600.0
"""A server of this machine may be slow, and a person can stop it."""
SCALES = "lora"
"""llama.cpp's field of a request."""


def describe_models(
    config: ServeConfig, url: str, recipe: EngineRecipe | None = None, listed: Sequence[str] = ()
) -> tuple[ServedModel, ...]:
    """The base first, then its adapters.

    Args:
        config: The server.
        url: Its address as the job tells it: up to `/v1` for OpenAI's dialect.
        recipe: None for the embedded server.
        listed: Names that the server itself lists; decides where the base's name is not ours to choose.
    """
    return tuple(
        ServedModel(
            name=name,
            is_base=index == 0,
            endpoint=parse(Endpoint, _values(config, url, recipe, index, listed)),
        )
        for index, name in enumerate(config.names)
    )


def _values(
    config: ServeConfig, url: str, recipe: EngineRecipe | None, index: int, listed: Sequence[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": config.names[index],
        "base_url": url,
        "model": config.names[index],
        "engine": recipe.api if recipe else "embedded",
        "dialect": recipe.dialect if recipe else "openai",
        "timeout_s": ANSWER_SECONDS,
    }
    if recipe is None:
        return values
    values["max_in_flight"] = config.max_batch_size
    if recipe.model.kind == "inside" and listed and config.model_name not in listed:
        # a model inside its image keeps the name that its maker gave it
        values["model"] = listed[0]
    if recipe.adapters.way == "by_scale" and config.adapters:
        values["model"] = config.model_name
        values["extra_body"] = {SCALES: choose_scales(len(config.adapters), index - 1)}
    if recipe.dialect == "ollama":
        values["model"] = ollama_name(config, index)
        values["extra_body"] = {"options": {"num_ctx": config.max_context}}
    return values


def choose_scales(adapters: int, chosen: int) -> list[dict[str, float]]:
    """A scale for every adapter: 1 for the chosen one, 0 for the others; `chosen` below 0 switches all off."""
    return [{"id": index, "scale": 1.0 if index == chosen else 0.0} for index in range(adapters)]


def ollama_name(config: ServeConfig, index: int) -> str:
    """A model's name on Ollama's server: one that it has already, or one that we made from a file."""
    if index == 0 and not config.model.startswith("/"):
        return config.model
    return f"ftw-{config.names[index].lower()}:{_tag(config, index)}"


def _tag(config: ServeConfig, index: int) -> str:
    # another file under the same name must not meet the model of the last time
    path = config.model if index == 0 else config.adapters[index - 1].path
    return hashlib.sha256(path.encode()).hexdigest()[:8]


def switched_off(endpoint: Endpoint, models: Sequence[ServedModel]) -> Endpoint:
    """How the same server is asked for the base, with every adapter explicitly off.

    Raises:
        StateError: `serve_side_unknown` where none of the models is the base.
    """
    base = next((model.endpoint for model in models if model.is_base), None)
    if base is None:
        raise StateError("serve_side_unknown", endpoint=endpoint.name, model=endpoint.model)
    return base


def find_side(endpoint: Endpoint, models: Sequence[ServedModel]) -> ServedModel:
    """Which of a server's models an endpoint asks for.

    Raises:
        StateError: `serve_side_unknown`: the request would be answered by something that is none of them, for
            example by a base with its adapters left on.
    """
    wanted = _key(endpoint)
    for model in models:
        if _key(model.endpoint) == wanted:
            return model
    raise StateError("serve_side_unknown", endpoint=endpoint.name, model=endpoint.model)


def check_baseline(endpoint: Endpoint, models: Sequence[ServedModel]) -> None:
    """Refuse a baseline that would not be the base with every adapter off.

    Raises:
        StateError: `serve_side_unknown`, or `serve_baseline_is_tuned`.
    """
    side = find_side(endpoint, models)
    if not side.is_base:
        raise StateError("serve_baseline_is_tuned", endpoint=endpoint.name, model=side.name)


def _key(endpoint: Endpoint) -> tuple[str, tuple[tuple[int, float], ...]]:
    scales: Any = endpoint.extra_body.get(SCALES) or ()
    return endpoint.model, tuple(sorted((int(one["id"]), float(one["scale"])) for one in scales))
