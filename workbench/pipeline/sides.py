"""Which side of one of our servers an evaluation asks, and what its answers must carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.schemas.evaluation import EvaluateConfig
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
