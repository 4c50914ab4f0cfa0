"""Ollama's options for a model: every one that would otherwise be Ollama's own default and spoil a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.conversion.ollama.modelfile import Option

CONTEXT = 8192
"""Longest context that is asked for, in tokens: a model's own may take more memory than there is."""


def build_options(
    config: Mapping[str, Any], generation: Mapping[str, Any], stops: Sequence[str]
) -> dict[str, Option]:
    """Options that answer as the model's own configuration asks.

    Args:
        config: `config.json`.
        generation: `generation_config.json`; where it does not sample, the likeliest token is taken.
        stops: Texts that end an answer.
    """
    samples = bool(generation.get("do_sample"))
    options: dict[str, Option] = {
        "temperature": _number(generation, "temperature", 1.0) if samples else 0,
        "top_p": _number(generation, "top_p", 1.0) if samples else 1.0,
        "top_k": int(_number(generation, "top_k", 50)) if samples else 1,
        "repeat_penalty": _number(generation, "repetition_penalty", 1.0),
        "num_ctx": min(CONTEXT, int(_number(config, "max_position_embeddings", CONTEXT))),
    }
    if stops:
        options["stop"] = list(stops)
    return options


def _number(values: Mapping[str, Any], name: str, default: float) -> float:
    found = values.get(name)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else default
