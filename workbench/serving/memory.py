"""How much memory a server will need, before it starts. Reads file sizes only."""

from __future__ import annotations

from pathlib import Path

from workbench.schemas.serving import ServeConfig

OVERHEAD_BYTES = 700 * 2**20
"""Interpreter, torch and buffers of an idle server, measured on a CPU."""
WORKING_SHARE = 0.2
"""KV cache and activations, as a share of the weights; the weights dominate for models that fit one machine."""


def serving_bytes(config: ServeConfig) -> int:
    """Bytes to reserve for a server: weights of base and adapters, working memory and overhead.

    A base stored in 16 bits is counted twice on machines without a GPU, where it is computed in 32 bits; which
    machine it will be is not known here, so `dtype="float32"` and `auto` both reserve the larger figure.
    """
    folders = [config.model, *(adapter.path for adapter in config.adapters)]
    stored = sum(_weights(Path(folder)) for folder in folders)
    factor = 1 if config.dtype == "bfloat16" else 2
    return int(stored * factor * (1 + WORKING_SHARE)) + OVERHEAD_BYTES


def _weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
