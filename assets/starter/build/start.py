"""Starting values that already hold a copying circuit.

Small models find copying by themselves, but only after a long plateau. So one pair of heads in the first
layer starts out looking at the token before, and one pair in the second layer starts out looking for an
earlier token that followed the same token ("induction heads", Olsson et al., 2022). Everything else starts
random, and all of it is trained.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING = 0.05
CONSTANT = 0.4
PAIRS_BEFORE = 6
SLOW_ANGLE = 0.003


def make_angles(model: LlamaForCausalLM) -> Tensor:
    """Radians per position of each rotary pair of a head."""
    return model.model.rotary_emb.inv_freq.float()


def draw_orthogonal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Random orthonormal rows."""
    square = torch.randn(columns, columns, generator=generator)
    return torch.linalg.qr(square).Q[:rows]


@torch.no_grad()
def set_copying(model: LlamaForCausalLM, seed: int, heads: int = 2) -> None:
    """Write both pairs of heads into a new model."""
    generator = torch.Generator().manual_seed(seed)
    config = model.config
    size, half = (
        config.hidden_size // config.num_attention_heads,
        config.hidden_size // config.num_attention_heads // 2,
    )
    angles = make_angles(model)
    embedding = model.model.embed_tokens.weight
    embedding.mul_(EMBEDDING / 0.02)
    # One coordinate is the same for all tokens, so that a head can look at a position whatever stands there.
    embedding[:, 0] = CONSTANT
    spread = math.sqrt((CONSTANT**2 + EMBEDDING**2 * (config.hidden_size - 1)) / config.hidden_size)
    constant, content = CONSTANT / spread, EMBEDDING / spread
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    # Rows of the second pair that turn slowly with distance: only there can content be compared.
    slow = [i for i in range(half) if angles[i] < SLOW_ANGLE]
    slow_rows = slow + [half + i for i in slow]
    deposits = draw_orthogonal(heads * size, config.hidden_size, generator)
    reads = draw_orthogonal(heads * size, config.hidden_size, generator)
    deposits[:, 0], reads[:, 0] = 0, 0
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        strength = 8.0 / constant
        first.q_proj.weight[rows], first.k_proj.weight[rows] = 0, 0
        for i in range(PAIRS_BEFORE):
            first.q_proj.weight[head * size + i, 0] = strength
            first.k_proj.weight[head * size + i, 0] = strength * math.cos(angles[i])
            first.k_proj.weight[head * size + half + i, 0] = strength * math.sin(angles[i])
        first.v_proj.weight[rows] = reads[rows]
        first.o_proj.weight[:, rows] = deposits[rows].T * (2 * EMBEDDING / content)
        second.q_proj.weight[rows], second.k_proj.weight[rows] = 0, 0
        for row in slow_rows:
            second.q_proj.weight[head * size + row] = reads[head * size + row] * 2.5
            second.k_proj.weight[head * size + row] = deposits[head * size + row] * 2.5
    copies = draw_orthogonal(heads * size, config.hidden_size, generator)
    second.v_proj.weight[: heads * size] = copies
    second.o_proj.weight[:, : heads * size] = copies.T * (8 * EMBEDDING / content)
