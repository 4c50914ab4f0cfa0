"""How much memory a server will need, before it starts. Reads file sizes, and for containers asks the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.jobs.machine import Gpu, read_gpu, read_memory
from workbench.schemas.serving import ServeConfig
from workbench.serving.model_files import weight_bytes

OVERHEAD_BYTES = 700 * 2**20
"""Interpreter, torch and buffers of an idle server, measured on a CPU."""
WORKING_SHARE = 0.2
"""KV cache and activations, as a share of the weights; the weights dominate for models that fit one machine."""
HOST_BYTES = 6 * 2**30
"""Main memory of a server whose weights and cache lie in a GPU's own memory."""
TAKES_SHARE = frozenset({"nim1", "nim2", "nim_spark", "vllm"})
"""Engines that set aside their share of the memory at the start, however small the model is."""


def serving_bytes(
    config: ServeConfig,
    *,
    total: Callable[[], int] = lambda: read_memory().total,
    gpu: Callable[[], Gpu | None] = read_gpu,
) -> int:
    """Bytes of main memory to reserve for a server.

    Embedded: weights of base and adapters, working memory and overhead. A base stored in 16 bits is counted twice
    on machines without a GPU, where it is computed in 32 bits; which machine it will be is not known here, so
    `dtype="float32"` and `auto` both reserve the larger figure.

    In a container: the share that the engine sets aside, where GPU and CPU share the memory; where the GPU has its
    own, what is left for the CPU's side. llama.cpp and Ollama take what the model needs, at most the share.

    Args:
        config: The server.
        total: The machine's memory in bytes.
        gpu: The machine's GPU.
    """
    if not config.in_container:
        return _embedded_bytes(config)
    found = gpu()
    if found is not None and found.memory_total is not None:
        return min(HOST_BYTES, total() // 2)
    share = int(total() * config.memory_share)
    return share if config.engine in TAKES_SHARE else min(share, _gguf_bytes(config))


def _embedded_bytes(config: ServeConfig) -> int:
    folders = [config.model, *(adapter.path for adapter in config.adapters)]
    stored = sum(_weights(Path(folder)) for folder in folders)
    factor = 1 if config.dtype == "bfloat16" else 2
    return int(stored * factor * (1 + WORKING_SHARE)) + OVERHEAD_BYTES


def _gguf_bytes(config: ServeConfig) -> int:
    paths = [config.model, *(adapter.path for adapter in config.adapters)]
    stored = [weight_bytes(Path(path)) if path.startswith("/") else 0 for path in paths]
    if not stored[0]:
        # a model that the server has by name: its size is not known here
        return HOST_BYTES
    # Ollama runs one model at a time, each a whole set of weights; llama.cpp keeps base and adapters together
    needed = max(stored) if config.engine == "ollama" else sum(stored)
    return int(needed * (1 + WORKING_SHARE)) + OVERHEAD_BYTES


def _weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
