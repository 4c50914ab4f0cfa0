"""What a family of architectures tells the writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from gguf.constants import MODEL_ARCH, RopeScalingType
from gguf.gguf_writer import GGUFWriter

from workbench.conversion.casting import Array
from workbench.conversion.gguf.tensors import Recipe, Rows

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """How the models of one architecture become GGUF."""

    arch: MODEL_ARCH
    find_obstacle: Callable[[Config], str]
    """What a configuration asks for that is not written here; empty where nothing stands in the way."""
    add_parameters: Callable[[GGUFWriter, Config], None]
    find_recipe: Callable[[str, Config], Recipe]
    """Name of a tensor -> how it is converted."""
    make_extra: Callable[[Config], Mapping[str, Array]]
    """Tensors that no weight stands behind, in float32."""


def no_extra(config: Config) -> Mapping[str, Array]:
    """For families whose files hold weights only."""
    return {}


def read_rope(config: Config) -> dict[str, Any]:
    """Rotary settings, wherever a version of transformers keeps them (`rope_parameters`, `rope_scaling`)."""
    given: object = config.get("rope_parameters") or config.get("rope_scaling")
    found = dict(cast("Mapping[str, Any]", given)) if isinstance(given, Mapping) else {}
    if found.get("rope_theta") is None and config.get("rope_theta") is not None:
        found["rope_theta"] = config["rope_theta"]
    found["rope_type"] = str(found.get("rope_type") or found.get("type") or "default").lower()
    return found


def find_head_size(config: Config) -> int:
    """Width of one attention head."""
    named = config.get("head_dim") or config.get("attention_head_dim")
    return int(named or config["hidden_size"] // config["num_attention_heads"])


def count_key_heads(config: Config) -> int:
    """Heads of keys and values; fewer than query heads with grouped-query attention."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def order_rotary_rows(heads: int, width: int) -> Rows:
    """Rows of a query or key projection as llama.cpp's rotary embedding wants them: pairs side by side.

    transformers rotates row i of a head together with row i + width / 2.
    """
    rows = np.arange(heads * width, dtype=np.intp)
    return rows.reshape(heads, 2, width // 2).swapaxes(1, 2).reshape(-1)


def add_rope_scaling(writer: GGUFWriter, rope: Mapping[str, Any]) -> None:
    """Linear and YaRN scaling; the scaling of Llama 3 is a tensor of its own."""
    kind = rope["rope_type"]
    if kind == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))
    elif kind == "yarn":
        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(float(rope["factor"]))
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
        optional: dict[str, Callable[[float], None]] = {
            "extrapolation_factor": writer.add_rope_scaling_yarn_ext_factor,
            "attention_factor": writer.add_rope_scaling_yarn_attn_factor,
            "beta_fast": writer.add_rope_scaling_yarn_beta_fast,
            "beta_slow": writer.add_rope_scaling_yarn_beta_slow,
        }
        for name, add in optional.items():
            if rope.get(name) is not None:
                add(float(rope[name]))
