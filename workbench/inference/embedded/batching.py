"""Rows decoded together with one key-value cache. Shapes: B rows, L cached positions, V vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from transformers import cache_utils

from workbench.inference.embedded.rows import Row

TORCH: Any = torch
CACHES: Any = cache_utils

CacheKind = Literal["joins", "shrinks", "single"]
"""`joins`: rows may join and leave at any time. `shrinks`: rows may leave. `single`: one row at a time."""


def read_cache_kind(cache: Any) -> CacheKind:
    """What can be done with the rows of a model's cache.

    Plain attention keeps one key and value per position, so rows can be padded, joined and dropped. A
    sliding window counts positions, so that its rows must begin together. Anything else (state-space
    models) may mix padding into its state and gets no neighbours.
    """
    layers = [layer for layer in getattr(cache, "layers", []) if getattr(layer, "is_initialized", False)]
    if not layers:
        return "single"
    if all(type(layer) is CACHES.DynamicLayer for layer in layers):
        return "joins"
    sliding = (CACHES.DynamicLayer, CACHES.DynamicSlidingWindowLayer)
    return "shrinks" if all(type(layer) in sliding for layer in layers) else "single"


class Forward:
    """Calls a model the way `generate` does.

    Args:
        net: A causal language model in evaluation mode.
        device: Where its weights are.
        takes: Names of the arguments that its forward pass accepts.
    """

    def __init__(self, net: Any, device: str, takes: frozenset[str]) -> None:
        self._net = net
        self.device = device
        self._takes = takes

    def __call__(self, ids: Any, mask: Any, cache: Any) -> Any:
        """One forward pass; the output holds `logits` of the last position, (B, 1, V), and `past_key_values`.

        Args:
            ids: New tokens, (B, new).
            mask: 1 for real tokens, 0 for padding on the left, (B, L + new).
            cache: What the pass before gave, or None.
        """
        values: dict[str, Any] = {"input_ids": ids, "past_key_values": cache, "use_cache": True}
        # without padding no mask is needed, and attention is faster without one
        values["attention_mask"] = None if bool(mask.all()) else mask
        if "position_ids" in self._takes:
            positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
            values["position_ids"] = positions[:, -ids.shape[1] :]
        if "logits_to_keep" in self._takes:
            values["logits_to_keep"] = 1
        return self._net(**values, return_dict=True)


class RowGroup:
    """Rows of one model name."""

    def __init__(self, forward: Forward, pad_id: int) -> None:
        self._forward = forward
        self._pad_id = pad_id
        self._cache: Any = None
        self._mask: Any = None
        """(B, L) on the CPU's side of things: which cached positions are real."""
        self._next: list[int] = []
        """Tokens chosen last, not yet in the cache."""
        self.rows: list[Row] = []

    def admit(self, rows: Sequence[Row]) -> None:
        """Read the prompts of new rows, choose their first tokens, and join them to the others."""
        newcomers = RowGroup(self._forward, self._pad_id)
        newcomers._prefill(list(rows))
        newcomers.drop_leavers()
        if newcomers.rows:
            self._join(newcomers)

    def step(self) -> None:
        """One more token for every row; rows that are finished leave."""
        self.drop_leavers()
        if not self.rows:
            return
        device = self._forward.device
        ids = TORCH.tensor(self._next, device=device)[:, None]
        self._mask = TORCH.cat([self._mask, TORCH.ones_like(ids)], dim=1)
        output = self._forward(ids, self._mask, self._cache)
        self._cache = output.past_key_values
        self._choose(output.logits)
        self.drop_leavers()

    def drop_leavers(self) -> None:
        """Let finished and cancelled rows go, and with them their part of the cache."""
        kept = [index for index, row in enumerate(self.rows) if not row.leaves]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[index] for index in kept]
        self._next = [self._next[index] for index in kept]
        if not kept:
            self._cache = self._mask = None
            return
        indices = TORCH.tensor(kept, device=self._forward.device)
        self._mask = self._mask[indices]
        for layer in _live_layers(self._cache):
            layer.batch_select_indices(indices)
        self._trim()

    def _prefill(self, rows: list[Row]) -> None:
        longest = max(len(row.prompt) for row in rows)
        padding = [longest - len(row.prompt) for row in rows]
        device = self._forward.device
        ids = [[self._pad_id] * pad + list(row.prompt) for pad, row in zip(padding, rows, strict=True)]
        real = [[0] * pad + [1] * (longest - pad) for pad in padding]
        self.rows, self._mask = rows, TORCH.tensor(real, device=device)
        output = self._forward(TORCH.tensor(ids, device=device), self._mask, None)
        self._cache = output.past_key_values
        self._choose(output.logits)

    def _choose(self, logits: Any) -> None:
        """Choose one token per row from logits of shape (B, 1, V)."""
        last = logits[:, -1].float()
        likeliest: list[int] = last.argmax(-1).tolist()
        self._next = []
        for index, row in enumerate(self.rows):
            plain = row.chooser.is_plain
            token = likeliest[index] if plain else row.chooser.choose(last[index], [*row.prompt, *row.tokens])
            self._next.append(token)
            row.accept(token)

    def _join(self, other: RowGroup) -> None:
        if not self.rows:
            self.rows, self._next = other.rows, other._next
            self._cache, self._mask = other._cache, other._mask
            return
        length = max(self._mask.shape[1], other._mask.shape[1])
        for ours, theirs in zip(_live_layers(self._cache), _live_layers(other._cache), strict=True):
            ours.keys = TORCH.cat([_pad_left(ours.keys, length), _pad_left(theirs.keys, length)])
            ours.values = TORCH.cat([_pad_left(ours.values, length), _pad_left(theirs.values, length)])
        masks = [_pad_left(group._mask[:, :, None], length)[:, :, 0] for group in (self, other)]
        self._mask = TORCH.cat(masks)
        self.rows = [*self.rows, *other.rows]
        self._next = [*self._next, *other._next]

    def _trim(self) -> None:
        """Forget positions that are padding in every row that is left."""
        spare = int(self._mask.long().argmax(1).min())
        if not spare or read_cache_kind(self._cache) != "joins":
            return
        self._mask = self._mask[:, spare:]
        for layer in _live_layers(self._cache):
            layer.keys = layer.keys[..., spare:, :]
            layer.values = layer.values[..., spare:, :]


def _live_layers(cache: Any) -> list[Any]:
    # layers that share another one's keys hold none of their own
    return [layer for layer in cache.layers if layer.is_initialized]


def _pad_left(values: Any, length: int) -> Any:
    """Zeros before the positions of a tensor (..., L, D), so that there are `length` of them."""
    missing = length - values.shape[-2]
    return TORCH.nn.functional.pad(values, (0, 0, missing, 0)) if missing else values
