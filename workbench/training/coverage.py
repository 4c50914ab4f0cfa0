"""Which matrices a LoRA reaches, and what share of the model that is. Pure; works on safetensors headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.schemas.training import LoraSettings
from workbench.training.weights import TensorInfo

# PEFT refuses an adapter on these: their fused kernels take the weight and never call the module
_BLOCKED: dict[str, frozenset[str]] = {
    family: frozenset({"out_proj"})
    for family in (
        "nemotron_h",
        "nemotron_h_omni",
        "falcon_h1",
        "mamba",
        "mamba2",
        "falcon_mamba",
        "bamba",
        "zamba2",
    )
}
_EMBEDDINGS = frozenset(
    {"embed_tokens", "embeddings", "embed_in", "word_embeddings", "wte", "wpe", "embedding"}
)
_HEADS = frozenset({"lm_head", "embed_out", "output"})


def blocked_modules(model_type: str) -> frozenset[str]:
    """Module names of a family that no adapter can be put on."""
    return _BLOCKED.get(model_type, frozenset())


def is_hybrid(model_type: str) -> bool:
    """Whether the family has recurrent layers, through which packed rows would leak into each other."""
    return model_type in _BLOCKED


@dataclass(frozen=True)
class Coverage:
    """What an adapter reaches."""

    modules: int
    """Matrices with an adapter."""
    names: tuple[str, ...]
    """Their kinds, for example `q_proj`."""
    missing: tuple[str, ...]
    """Targets that were asked for and match nothing."""
    covered: int
    """Numbers in the reached matrices."""
    total: int
    """Numbers in the whole model."""
    body: int
    """Numbers without embeddings and output head."""
    adapter: int
    """Numbers that are trained: r(d + k) for every d x k matrix."""

    @property
    def of_all(self) -> float:
        """Reached share of all weights, 0 to 1."""
        return self.covered / self.total if self.total else 0.0

    @property
    def of_body(self) -> float:
        """Reached share of the weights without embeddings and output head, 0 to 1."""
        return self.covered / self.body if self.body else 0.0

    @property
    def trained_ratio(self) -> float:
        """Trained numbers over the model's numbers."""
        return self.adapter / self.total if self.total else 0.0


def module_name(tensor: TensorInfo) -> str:
    """Last name of the module that owns a weight: `model.layers.0.self_attn.q_proj.weight` -> `q_proj`."""
    parts = tensor.name.split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def is_outer(tensor: TensorInfo) -> bool:
    """Whether a tensor belongs to the embeddings or the output head."""
    parts = tensor.name.split(".")
    return not _EMBEDDINGS.isdisjoint(parts) or (len(parts) > 1 and parts[-2] in _HEADS)


def is_linear(tensor: TensorInfo) -> bool:
    """Whether a tensor is the weight of a linear layer that an adapter can be put on.

    Experts of a mixture are left out: they are loaded as one three-dimensional tensor, which adapters on
    modules never reach.
    """
    own_module = tensor.name.endswith(".weight") and len(tensor.shape) == 2
    return own_module and not is_outer(tensor) and "experts" not in tensor.name.split(".")


def linear_names(tensors: Iterable[TensorInfo], model_type: str) -> tuple[str, ...]:
    """The kinds of linear layers a model has, those left out that no adapter can be put on."""
    found = {module_name(tensor) for tensor in tensors if is_linear(tensor)}
    return tuple(sorted(found - blocked_modules(model_type)))


def measure_coverage(tensors: Sequence[TensorInfo], model_type: str, lora: LoraSettings) -> Coverage:
    """What an adapter with these settings reaches in a model.

    Source of the two denominators: shares of hybrid models are quoted with and without embeddings, and
    differ by a tenth; both are shown.
    """
    available = set(linear_names(tensors, model_type))
    wanted: set[str] | Literal["all-linear"]
    wanted = "all-linear" if lora.target_modules == "all-linear" else set(lora.target_modules)
    names = available if wanted == "all-linear" else available & wanted
    reached = [tensor for tensor in tensors if is_linear(tensor) and module_name(tensor) in names]
    total = sum(tensor.numel for tensor in tensors)
    return Coverage(
        modules=len(reached),
        names=tuple(sorted(names)),
        missing=() if wanted == "all-linear" else tuple(sorted(wanted - available)),
        covered=sum(tensor.numel for tensor in reached),
        total=total,
        body=total - sum(tensor.numel for tensor in tensors if is_outer(tensor)),
        adapter=sum(lora.r * sum(tensor.shape) for tensor in reached),
    )
