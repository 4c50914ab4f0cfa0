"""The adapter that comes out of a run: saved, read back, compared, and only then committed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import safetensors.torch
import torch

from workbench.errors import StateError
from workbench.training.checkpoints import ADAPTER_FILE

# untyped libraries
PEFT: Any = peft
TORCH: Any = torch
SAFETENSORS: Any = safetensors.torch
logger = logging.getLogger(__name__)

# the trainer leaves these beside an adapter: a pickle, and a model card of placeholders
_UNWANTED = ("training_args.bin", "README.md")


@dataclass(frozen=True)
class AdapterProof:
    """What was found on reading a saved adapter back."""

    tensors: int
    equal: bool
    """The file holds what was trained, bit for bit."""
    finite: bool
    untrained: tuple[str, ...]
    """Modules whose B matrix is still zero: their adapter changes nothing."""
    modules: int

    def summary(self) -> dict[str, Any]:
        """For the run's summary: each check with its outcome."""
        return {
            "tensors": self.tensors,
            "keys_shapes_values": "passed" if self.equal else "failed",
            "finite": "passed" if self.finite else "failed",
            "lora_b_not_zero": "passed" if len(self.untrained) < self.modules else "failed",
            "untrained_modules": list(self.untrained),
        }


def save_adapter(trainer: Any, folder: Path) -> AdapterProof:
    """Save the adapter and the tokenizer, and check the file against the model in memory.

    Raises:
        StateError: `adapter_broken` where the file differs or holds no numbers, `adapter_untrained` where
        the adapter
            would change nothing.
    """
    trainer.save_model(str(folder))
    for name in _UNWANTED:
        (folder / name).unlink(missing_ok=True)
    proof = compare(PEFT.get_peft_model_state_dict(trainer.model), read_adapter(folder))
    if not proof.equal or not proof.finite:
        raise StateError("adapter_broken", check="finite" if proof.equal else "values")
    if len(proof.untrained) == proof.modules:
        raise StateError("adapter_untrained")
    return proof


def read_adapter(folder: Path) -> dict[str, Any]:
    """The tensors of a saved adapter."""
    return SAFETENSORS.load_file(str(folder / ADAPTER_FILE))


def compare(trained: Mapping[str, Any], saved: Mapping[str, Any]) -> AdapterProof:
    """Compare what was trained with what was read back."""
    equal = trained.keys() == saved.keys() and all(
        trained[name].shape == saved[name].shape and bool(TORCH.equal(trained[name].cpu(), saved[name]))
        for name in saved
    )
    b_matrices = {name: tensor for name, tensor in saved.items() if "lora_B" in name}
    return AdapterProof(
        tensors=len(saved),
        equal=equal,
        finite=all(bool(TORCH.isfinite(tensor).all()) for tensor in saved.values()),
        untrained=tuple(name for name, tensor in b_matrices.items() if not bool(tensor.any())),
        modules=len(b_matrices),
    )
