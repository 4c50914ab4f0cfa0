"""Which side of one of our servers an evaluation asks, and what its answers must carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.schemas.evaluation import EvaluateConfig
from workbench.serving.equal_sides import list_unequal, provenance_of
from workbench.serving.guarding import served_models
from workbench.serving.sides import check_baseline, find_side

BASELINE = "baseline"
"""Label of the side that must be asked with every adapter off."""


def settle_side(config: EvaluateConfig, note: Mapping[str, Any]) -> EvaluateConfig:
    """The evaluation with the facts of the server that it asks.

    Args:
        config: As the recipe says.
        note: What the server's job tells of itself; empty for a server that is not ours.

    Raises:
        StateError: `serve_side_unknown` or `serve_baseline_is_tuned`: it would ask for something that is none of
            the server's sides, or for a baseline with an adapter on.
    """
    models = served_models(note)
    if not models:
        return config
    if config.label == BASELINE:
        check_baseline(config.endpoint, models)
    else:
        find_side(config.endpoint, models)
    return config.model_copy(update={"provenance": {**note.get("provenance", {}), **config.provenance}})


def has_unequal(config: EvaluateConfig, served: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the server of an evaluation differs from another one of the recipe in more than its weights.

    Args:
        config: What is going to be asked.
        served: Address of a server -> what its job tells of it.
    """
    asked = config.endpoint.base_url
    mine = provenance_of(served.get(asked, {}))
    others = [provenance_of(note) for url, note in served.items() if url != asked]
    return bool(mine) and any(list_unequal(mine, other) for other in others)
