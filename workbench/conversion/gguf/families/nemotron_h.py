"""Dense NemotronH: layers of Mamba-2, of attention without rotation, and of a plain feed-forward block."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from gguf.constants import MODEL_ARCH
from gguf.gguf_writer import GGUFWriter

from workbench.conversion.casting import Array
from workbench.conversion.gguf.families.base import (
    Config,
    Family,
    count_key_heads,
    find_head_size,
    no_extra,
    read_rope,
)
from workbench.conversion.gguf.families.llama import find_rotary_recipe
from workbench.conversion.gguf.tensors import Recipe

UNBOUNDED = 2**20
"""Context length of a model whose attention has no positions: llama.cpp's own choice."""
LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_NAMES = {
    "mamba": "mamba",
    "linear_attention": "mamba",
    "attention": "attention",
    "full_attention": "attention",
    "mlp": "mlp",
    "moe": "moe",
}
_MIXER = re.compile(r"backbone\.layers\.\d+\.mixer\.(?P<part>.+)")


def read_layers(config: Config) -> list[str]:
    """Kind of every layer: `mamba`, `attention`, `mlp` or `moe`; empty where the configuration says nothing.

    Older configurations hold a pattern of letters, newer ones a list of names.
    """
    pattern = config.get("hybrid_override_pattern") or config.get("layers_block_type")
    if isinstance(pattern, str):
        return [LETTERS.get(letter, letter) for letter in pattern]
    if isinstance(pattern, Sequence):
        return [_NAMES.get(str(name), str(name)) for name in cast("Sequence[object]", pattern)]
    return []


def _find_obstacle(config: Config) -> str:
    layers = read_layers(config)
    unknown = set(layers) - {"mamba", "attention", "mlp"}
    if not layers:
        return "hybrid_override_pattern"
    if unknown:
        return f"layers: {', '.join(sorted(unknown))}"
    if int(config.get("num_hidden_layers") or len(layers)) != len(layers):
        return "num_hidden_layers"
    if config.get("use_bias") or config.get("mamba_proj_bias"):
        return "use_bias"
    if str(config.get("mlp_hidden_act", "relu2")) != "relu2":
        return f"mlp_hidden_act={config['mlp_hidden_act']}"
    return ""


def _add_parameters(writer: GGUFWriter, config: Config) -> None:
    layers = read_layers(config)
    head = find_head_size(config)
    writer.add_block_count(len(layers))
    writer.add_context_length(UNBOUNDED)
    writer.add_embedding_length(int(config["hidden_size"]))
    width, heads = int(config["intermediate_size"]), count_key_heads(config)
    writer.add_feed_forward_length([width if layer == "mlp" else 0 for layer in layers])
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv([heads if layer == "attention" else 0 for layer in layers])
    if read_rope(config).get("rope_theta") is not None:
        writer.add_rope_freq_base(float(read_rope(config)["rope_theta"]))
    writer.add_layer_norm_eps(find_epsilon(config))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_rope_dimension_count(head)
    writer.add_rope_scaling_finetuned(False)
    _add_state_space(writer, config)


def _add_state_space(writer: GGUFWriter, config: Config) -> None:
    heads = int(config["mamba_num_heads"])
    writer.add_ssm_conv_kernel(int(config.get("conv_kernel") or 4))
    writer.add_ssm_state_size(int(config.get("ssm_state_size") or 128))
    writer.add_ssm_group_count(count_groups(config))
    writer.add_ssm_inner_size(heads * int(config["mamba_head_dim"]))
    # the rank of the time step is the number of heads here, whatever the configuration calls by that name
    writer.add_ssm_time_step_rank(heads)


def find_epsilon(config: Config) -> float:
    """Added to a norm's square, under one of its two names."""
    return float(config.get("layer_norm_epsilon") or config.get("rms_norm_eps") or 1e-5)


def count_groups(config: Config) -> int:
    """Groups of state-space heads that share their inputs."""
    return int(config.get("n_groups") or config.get("mamba_n_groups") or 1)


def _find_recipe(name: str, config: Config) -> Recipe:
    # files say backbone, transformers 5 and PEFT say model
    name = re.sub(r"^model\.", "backbone.", name)
    match = _MIXER.fullmatch(name)
    if match is None:
        return Recipe(name)
    part = match["part"]
    if part == "dt_bias":
        return Recipe(name.removesuffix("dt_bias") + "dt.bias")
    if part in _CHANGES:
        return Recipe(name, change=_CHANGES[part], full=True)
    if part == "norm.weight":
        groups = count_groups(config)
        return Recipe(name, change=lambda values: values.reshape(groups, -1), full=True)
    # attention has no rotation, so the order changes nothing; it is llama.cpp's own, and adapters follow it
    return find_rotary_recipe(name, config)


_CHANGES: dict[str, Callable[[Array], Array]] = {
    "A_log": lambda values: -np.exp(values).reshape(-1, 1),
    "D": lambda values: values.reshape(-1, 1),
    "conv1d.weight": lambda values: values.reshape(values.shape[0], values.shape[-1]),
}

NEMOTRON_H = Family(MODEL_ARCH.NEMOTRON_H, _find_obstacle, _add_parameters, _find_recipe, no_extra)
