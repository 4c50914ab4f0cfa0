"""Architectures that are converted here; everything else goes through llama.cpp's own converter."""

from __future__ import annotations

from workbench.conversion.gguf.families.base import Family
from workbench.conversion.gguf.families.llama import LLAMA, QWEN2, QWEN3
from workbench.conversion.gguf.families.nemotron_h import NEMOTRON_H

ARCHITECTURES: dict[str, Family] = {
    "LlamaForCausalLM": LLAMA,
    "MistralForCausalLM": LLAMA,
    "Qwen2ForCausalLM": QWEN2,
    "Qwen3ForCausalLM": QWEN3,
    "NemotronHForCausalLM": NEMOTRON_H,
}
"""First of a configuration's `architectures` -> how it is converted."""
