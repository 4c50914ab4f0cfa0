"""Shows that the base's name answers as the base, and that each adapter changes something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workbench.errors import InputError, StateError
from workbench.inference.embedded.batching import CacheKind, Forward, read_cache_kind
from workbench.inference.embedded.codec import TextCodec

TORCH: Any = torch

CHECK_QUESTION = "参考文書1: 1 2 3\n\n質問: 1+1?"
CHECK_TOKENS = 32
NO_EFFECT = "adapter_has_no_effect"


@dataclass(frozen=True)
class AdapterProof:
    """How much an adapter changes the model."""

    name: str
    difference: float
    """Largest absolute difference of a logit from the base's; 0: the adapter does nothing."""

    @property
    def notes(self) -> tuple[str, ...]:
        return (NO_EFFECT,) if self.difference == 0 else ()


@dataclass(frozen=True)
class Sight:
    """What the model says to the check's token rows."""

    logits: tuple[Any, ...]
    """One tensor (1, 1, vocabulary) per row."""
    cache_kind: CacheKind


class Witness:
    """Looks at the same token rows each time: a real conversation, and ids spread over the vocabulary."""

    def __init__(self, forward: Forward, codec: TextCodec) -> None:
        said = codec.render([{"role": "user", "content": CHECK_QUESTION}], {})
        spread = [(7 + 31 * index) % codec.vocabulary for index in range(CHECK_TOKENS)]
        self._rows = (said, spread)
        self._forward = forward

    def look(self) -> Sight:
        """The model as it is now.

        Raises:
            InputError: It keeps no cache that this server could work with.
        """
        outputs: list[Any] = []
        with torch.inference_mode():
            for row in self._rows:
                ids = TORCH.tensor([row], device=self._forward.device)
                outputs.append(self._forward(ids, TORCH.ones_like(ids), None))
        cache = getattr(outputs[0], "past_key_values", None)
        if cache is None:
            raise InputError("serve_no_cache", kind=type(outputs[0]).__name__)
        return Sight(tuple(output.logits for output in outputs), read_cache_kind(cache))

    def prove(
        self, base: Sight, activate: Callable[[str], None], base_name: str, adapters: Sequence[str]
    ) -> tuple[AdapterProof, ...]:
        """Compare the names with the base as it was before any adapter was loaded; ends with the base active.

        Args:
            base: The base on its own.
            activate: Switches to a model name.
            base_name: The name under which the base answers.
            adapters: The names of the adapters.

        Raises:
            StateError: With adapters off the numbers are not those of the base alone.
        """
        proofs: list[AdapterProof] = []
        for name in adapters:
            activate(name)
            proofs.append(AdapterProof(name, _largest_difference(self.look(), base)))
        activate(base_name)
        off = self.look()
        if not all(TORCH.equal(now, then) for now, then in zip(off.logits, base.logits, strict=True)):
            raise StateError("serve_base_changed", name=base_name)
        return tuple(proofs)


def _largest_difference(one: Sight, other: Sight) -> float:
    pairs = zip(one.logits, other.logits, strict=True)
    return max(float((now - then).abs().max()) for now, then in pairs)
