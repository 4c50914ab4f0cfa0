"""Starting values that already hold circuits for copying and for finding a document.

Small models find both by themselves, but only after long plateaus. So some heads start out with a task, and
everything is trained from there; all other weights start random.

- layer 1: one head looks at the token before, one at the last ten or so ("window");
- layer 2: one head looks back to the header of its document and takes the document's number along;
- layer 3: one head looks for what followed the same token earlier ("induction head", Olsson et al., 2022);
  one looks far back for a place with the same window and fetches the number found there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING = 0.05
CONSTANT = 0.4
BEFORE_GAIN = 3.0
COPY_MATCH = 6.0
COPY_GAIN = 12.0
WINDOW_GAIN = 8.0
NUMBER_GAIN = 3.0
FETCH_GAIN = 8.0
AWAY = 50.0
MATCH = 3.0


class CircuitWriter:
    """Writes heads into a new model; sizes are kept in one place."""

    def __init__(self, model: LlamaForCausalLM, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.layers = [layer.self_attn for layer in model.model.layers]
        self.embedding = model.model.embed_tokens.weight
        self.width = model.config.hidden_size
        self.size = self.width // model.config.num_attention_heads
        self.half = self.size // 2
        self.angles = model.model.rotary_emb.inv_freq.float()
        # Content can be compared over a distance only in pairs that hardly turn.
        self.slow = [i for i in range(self.half) if self.angles[i] < 0.003]
        spread = math.sqrt((CONSTANT**2 + EMBEDDING**2 * (self.width - 1)) / self.width)
        self.constant, self.content = CONSTANT / spread, EMBEDDING / spread
        # One coordinate is the same for all tokens, so that a head can look at a position whatever stands there.
        self.embedding.mul_(EMBEDDING / 0.02)
        self.embedding[:, 0] = CONSTANT

    def draw_rows(self, count: int) -> Tensor:
        """Random orthonormal rows that leave the constant coordinate out."""
        rows = (
            torch.linalg.qr(torch.randn(self.width, self.width, generator=self.generator)).Q[:count].clone()
        )
        rows[:, 0] = 0
        return rows

    def span(self, head: int) -> slice:
        """The rows of one head."""
        return slice(head * self.size, (head + 1) * self.size)

    def clear(self, layer: int, head: int) -> None:
        """Remove the random query and key of a head."""
        self.layers[layer].q_proj.weight[self.span(head)] = 0
        self.layers[layer].k_proj.weight[self.span(head)] = 0

    def look_at_distance(
        self, layer: int, head: int, pairs: list[int], distance: float, logit: float, constant: float
    ) -> None:
        """Add a preference for one distance back; `logit` is what each rotary pair contributes at its peak."""
        strength = math.sqrt(logit * math.sqrt(self.size)) / constant
        query, key = self.layers[layer].q_proj.weight, self.layers[layer].k_proj.weight
        start = head * self.size
        for i in pairs:
            query[start + i, 0] = strength
            key[start + i, 0] = strength * math.cos(distance * self.angles[i])
            key[start + self.half + i, 0] = strength * math.sin(distance * self.angles[i])

    def match_content(self, layer: int, head: int, query: Tensor, key: Tensor, gain: float) -> None:
        """Compare two readings of (size, width) in the slow pairs."""
        for row in self.slow + [self.half + i for i in self.slow]:
            self.layers[layer].q_proj.weight[head * self.size + row] = query[row] * gain
            self.layers[layer].k_proj.weight[head * self.size + row] = key[row] * gain

    def carry(self, layer: int, head: int, read: Tensor, write: Tensor, gain: float) -> None:
        """Read with (size, width) rows at the place looked at, write along (size, width) rows here."""
        self.layers[layer].v_proj.weight[self.span(head)] = read
        self.layers[layer].o_proj.weight[:, self.span(head)] = write.T * gain


@torch.no_grad()
def set_circuits(model: LlamaForCausalLM, seed: int, header: int) -> None:
    """Write all circuits; `header` is the token that ends a document's number (a colon)."""
    writer = CircuitWriter(model, seed)
    size, step = writer.size, EMBEDDING / writer.content
    # Four subspaces that do not disturb each other: what the token is, what stood before it, its window, its number.
    content, before, window, number = writer.draw_rows(4 * size).split(size)
    writer.clear(0, 0)
    writer.look_at_distance(0, 0, [0, 1, 2, 3, 4, 5], 1, 8.0, writer.constant)
    writer.carry(0, 0, content, before, BEFORE_GAIN * step)
    writer.clear(0, 2)
    writer.look_at_distance(0, 2, [4, 5, 6], 3, 2.5, writer.constant)
    writer.carry(0, 2, content, window, WINDOW_GAIN * step)
    writer.clear(2, 0)
    writer.match_content(2, 0, content, before, COPY_MATCH)
    writer.carry(2, 0, content, content, COPY_GAIN * step)
    writer.clear(2, 2)
    writer.match_content(2, 2, window, window, MATCH)
    # The place itself always matches best, so this head prefers to look far back.
    writer.look_at_distance(2, 2, [10], 140, AWAY, writer.constant)
    writer.carry(2, 2, number, content, FETCH_GAIN * step)
    writer.clear(1, 2)
    writer.look_at_distance(1, 2, [8, 10], 0, 16.0, writer.constant)
    colon = writer.embedding[header].clone()
    colon[0] = 0
    start = 2 * size
    for i in writer.slow[-8:]:
        model.model.layers[1].self_attn.q_proj.weight[start + i, 0] = 4.0 / writer.constant
        model.model.layers[1].self_attn.k_proj.weight[start + i] = colon / colon.norm() * 8.0
    writer.carry(1, 2, before, number, NUMBER_GAIN * step)
