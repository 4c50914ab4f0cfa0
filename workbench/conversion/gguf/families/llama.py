"""Llama and what is built like it: Mistral, Qwen2, Qwen3. The layout is llama.cpp's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gguf.constants import MODEL_ARCH
from gguf.gguf_writer import GGUFWriter

from workbench.conversion.casting import Array
from workbench.conversion.gguf.families.base import (
    Config,
    Family,
    add_rope_scaling,
    count_key_heads,
    find_head_size,
    no_extra,
    order_rotary_rows,
    read_rope,
)
from workbench.conversion.gguf.tensors import Recipe

ROPES = frozenset({"default", "linear", "yarn", "llama3"})


def _find_obstacle(config: Config) -> str:
    rope = read_rope(config)
    if rope["rope_type"] not in ROPES:
        return f"rope_type={rope['rope_type']}"
    if rope["rope_type"] in ("linear", "yarn", "llama3") and rope.get("factor") is None:
        return "rope factor"
    if rope["rope_type"] == "yarn" and rope.get("original_max_position_embeddings") is None:
        return "original_max_position_embeddings"
    if float(rope.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1) != 1:
        return "partial_rotary_factor"
    if str(config.get("hidden_act", "silu")) not in ("silu", "swish"):
        return f"hidden_act={config['hidden_act']}"
    return ""


def _find_qwen2_obstacle(config: Config) -> str:
    if find_head_size(config) * int(config["num_attention_heads"]) != int(config["hidden_size"]):
        return f"head_dim={config.get('head_dim')}"
    return _find_qwen_obstacle(config)


def _find_qwen_obstacle(config: Config) -> str:
    if read_rope(config)["rope_type"] == "llama3":
        return "rope_type=llama3"
    if config.get("use_sliding_window"):
        return "use_sliding_window"
    return _find_obstacle(config)


def _find_qwen3_obstacle(config: Config) -> str:
    return "attention_bias" if config.get("attention_bias") else _find_qwen_obstacle(config)


def add_common(writer: GGUFWriter, config: Config) -> None:
    """What all of them have."""
    rope = read_rope(config)
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config.get("max_position_embeddings") or 2048))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(count_key_heads(config))
    add_rope_scaling(writer, rope)
    if rope.get("rope_theta") is not None:
        writer.add_rope_freq_base(float(rope["rope_theta"]))
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps") or 1e-6))
    if config.get("head_dim"):
        writer.add_key_length(int(config["head_dim"]))
        writer.add_value_length(int(config["head_dim"]))


def _add_llama(writer: GGUFWriter, config: Config) -> None:
    add_common(writer, config)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_rope_dimension_count(find_head_size(config))


def find_rotary_recipe(name: str, config: Config) -> Recipe:
    """Query and key projections with their rows in llama.cpp's order, weights and biases alike."""
    part = name.rsplit(".", 2)[-2] if name.count(".") >= 2 else ""
    heads = {"q_proj": int(config["num_attention_heads"]), "k_proj": count_key_heads(config)}.get(part)
    if heads is None:
        return Recipe(name)
    return Recipe(name, rows=order_rotary_rows(heads, find_head_size(config)))


def _keep(name: str, config: Config) -> Recipe:
    return Recipe(name)


def _make_rope_factors(config: Config) -> Mapping[str, Array]:
    """Llama 3's slower rotation of long wave lengths, as a factor for each pair of rows."""
    rope = read_rope(config)
    if rope["rope_type"] != "llama3":
        return {}
    return {"rope_freqs.weight": compute_llama3_factors(rope, find_head_size(config))}


def compute_llama3_factors(rope: Mapping[str, Any], width: int) -> Array:
    """By how much each frequency is divided (Llama 3.1's own formula).

    Returns:
        Shape (width / 2,), float32.
    """
    base, factor = np.float32(rope.get("rope_theta") or 10000.0), float(rope["factor"])
    low = float(rope.get("low_freq_factor") or 1.0)
    high = float(rope.get("high_freq_factor") or 4.0)
    length = float(rope.get("original_max_position_embeddings") or 8192)
    speeds = np.float32(1) / base ** (np.arange(0, width, 2, dtype=np.float32) / np.float32(width))
    waves = 2 * math.pi / speeds.astype(np.float64)
    smooth = (length / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    found = np.where(waves < length / high, 1.0, np.where(waves > length / low, factor, between))
    return found.astype(np.float32)


LLAMA = Family(MODEL_ARCH.LLAMA, _find_obstacle, _add_llama, find_rotary_recipe, _make_rope_factors)
QWEN2 = Family(MODEL_ARCH.QWEN2, _find_qwen2_obstacle, add_common, _keep, no_extra)
QWEN3 = Family(MODEL_ARCH.QWEN3, _find_qwen3_obstacle, add_common, _keep, no_extra)
