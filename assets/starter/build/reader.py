"""The model while it is trained: its layers, and three side tasks that are thrown away afterwards.

Tokens learn which document's number they stand under; two heads are shown where to look for an answer, and two heads
of the last layer, for each word of it, where that word stands. Without the first two, copying an answer is learned,
but not naming the document before a word of it is copied; without the third, only the first two layers look at what is
copied, and there documents cannot be told apart yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from build.batches import Batch, make_mask
from build.muon import BFLOAT16
from build.tasks import CHOICE, NOWHERE

LAYERS = 5
# What goes into this layer should know the number of its own document, so that the next one can read it off.
BELONGING_LAYER = 2
FINDING_LAYER = 3
FINDING_HEADS = (2, 3)
COPYING_LAYER = 4
COPYING_HEADS = (2, 3)


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The architecture: a plain Llama of about four million parameters."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # torch's fused attention takes a third of a training step on its way back
    config._attn_implementation = "eager"
    return LlamaForCausalLM(config)


class Reader(nn.Module):
    """The layers of the model, and what is looked at inside them while training."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.inner = model.model
        self.belonging = nn.Linear(model.config.hidden_size, CHOICE + 5)

    def forward(self, ids: Tensor, positions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Read tokens.

        Returns:
            Last hidden states (rows, length, width), logits of the number that each token stands under
            (rows, length, 15), and the hidden states that go into the layer that looks things up and into the one
            that copies.
        """
        hidden = self.inner.embed_tokens(ids)
        unseen = torch.where(mask, 0.0, -1e4).to(torch.bfloat16 if BFLOAT16 else hidden.dtype)
        rotary = self.inner.rotary_emb(hidden, positions)
        belonging = finding = copying = hidden
        for depth, layer in enumerate(self.inner.layers):
            if depth == BELONGING_LAYER:
                belonging = self.belonging(hidden)
            if depth == FINDING_LAYER:
                finding = hidden
            if depth == COPYING_LAYER:
                copying = hidden
            hidden = layer(hidden, attention_mask=unseen, position_embeddings=rotary)
        return self.inner.norm(hidden), belonging, finding, copying


def measure_finding(
    model: LlamaForCausalLM, states: Tensor, batch: Batch, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """How little attention the looking-up heads pay to the source of each answer.

    Where nothing holds the answer they should look at the very first token. Returns as `measure_attention`.
    """
    columns, sources = batch.places.unbind(-1)
    wanted = (batch.numbers[:, None, :] == sources[:, :, None]) & (sources != NOWHERE)[:, :, None]
    wanted[:, :, 0] |= sources == NOWHERE
    return measure_attention(
        model, FINDING_LAYER, FINDING_HEADS, states, batch.positions, mask, columns, wanted
    )


def measure_copying(
    model: LlamaForCausalLM, states: Tensor, batch: Batch, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """How little attention the copying heads pay to the very token that comes next. Returns as `measure_attention`."""
    columns, origins = batch.copies.unbind(-1)
    wanted = torch.arange(mask.shape[-1])[None, None] == origins[:, :, None]
    return measure_attention(
        model, COPYING_LAYER, COPYING_HEADS, states, batch.positions, mask, columns, wanted
    )


def measure_attention(
    model: LlamaForCausalLM,
    depth: int,
    heads: tuple[int, ...],
    states: Tensor,
    positions: Tensor,
    mask: Tensor,
    columns: Tensor,
    wanted: Tensor,
) -> tuple[Tensor, Tensor]:
    """How little attention heads of a layer pay to what they should look at: its negative logarithm.

    Args:
        model: Whose weights.
        depth: The layer.
        heads: Of the layer.
        states: What goes into the layer (rows, length, width).
        positions: Of the tokens (rows, length).
        mask: What each token sees (rows, 1, length, length).
        columns: From where they look (rows, places); -1: from nowhere.
        wanted: At what they should look (rows, places, length).

    Returns:
        The mean, and the share of places where what is wanted gets more than half; zeros where there is no place.
    """
    layer = model.model.layers[depth]
    states = layer.input_layernorm(states)
    size = model.config.hidden_size // model.config.num_attention_heads
    valid, at = columns >= 0, columns.clamp(min=0)
    if not valid.any():
        return states.new_zeros(()), states.new_zeros(())
    visible = mask[:, 0].gather(1, at[:, :, None].expand(-1, -1, mask.shape[-1]))
    cos, sin = model.model.rotary_emb(states, positions)
    asking = states.gather(1, at[:, :, None].expand(-1, -1, states.shape[-1]))
    turn = at[:, :, None].expand(-1, -1, size)
    losses, shares = [], []
    for head in heads:
        part = slice(head * size, (head + 1) * size)
        keys = functional.linear(states, layer.self_attn.k_proj.weight[part])
        queries = functional.linear(asking, layer.self_attn.q_proj.weight[part])
        keys = keys * cos + _rotate(keys) * sin
        queries = queries * cos.gather(1, turn) + _rotate(queries) * sin.gather(1, turn)
        scores = (queries @ keys.mT).float() / math.sqrt(size)
        scores = scores.masked_fill(~visible, -1e4)
        found = torch.logsumexp(scores.masked_fill(~wanted, -1e4), -1) - torch.logsumexp(scores, -1)
        losses.append(-found[valid].mean())
        shares.append((found[valid] > math.log(0.5)).float().mean())
    return torch.stack(losses).mean(), torch.stack(shares).mean()


def _rotate(states: Tensor) -> Tensor:
    first, second = states.chunk(2, -1)
    return torch.cat((-second, first), -1)


@dataclass(frozen=True)
class Prediction:
    """Logits, targets and weights where the weight is not zero, which (row, column) they are; and the side losses."""

    logits: Tensor
    targets: Tensor
    weights: Tensor
    where: Tensor
    belonging_loss: Tensor
    finding_loss: Tensor
    found: Tensor
    copying_loss: Tensor
    copied: Tensor


def predict(model: LlamaForCausalLM, reader: nn.Module, batch: Batch) -> Prediction:
    """Read a batch."""
    mask = make_mask(batch.branches)
    with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
        hidden, belonging, finding, copying = reader(batch.ids, batch.positions, mask)
        where = batch.weights[:, 1:] > 0
        logits = model.lm_head(hidden[:, :-1][where])
        missing, found = measure_finding(model, finding, batch, mask)
        straying, copied = measure_copying(model, copying, batch, mask)
    return Prediction(
        logits.float(),
        batch.ids[:, 1:][where],
        batch.weights[:, 1:][where],
        where.nonzero(),
        functional.cross_entropy(belonging.float().flatten(0, 1), batch.numbers.flatten()),
        missing,
        found,
        straying,
        copied,
    )
