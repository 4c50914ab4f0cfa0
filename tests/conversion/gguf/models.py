"""Small random models of every architecture that is converted here, and adapters for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.tiny_model import build_tokenizer

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
ADAPTERS: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 8},
    "rank_stabilised": {"r": 4, "lora_alpha": 8, "use_rslora": True},
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "rank_pattern": {"up_proj": 2, "q_proj": 8},
        "alpha_pattern": {"v_proj": 32, "down_proj": 3, "o_proj": 5},
    },
}
"""The three kinds whose factors differ."""


def _common(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def build_llama(tokenizer: Any, **changes: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    settings = {"intermediate_size": 96, "num_hidden_layers": 2, "tie_word_embeddings": False}
    return LlamaForCausalLM(LlamaConfig(**{**_common(tokenizer), **settings, **changes}))


def build_qwen2(tokenizer: Any) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    settings = {"intermediate_size": 96, "num_hidden_layers": 2, "tie_word_embeddings": False}
    model: Any = Qwen2ForCausalLM(Qwen2Config(**_common(tokenizer), **settings))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                value.normal_(0.0, 0.3)
    return model


def build_qwen3(tokenizer: Any) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    # heads wider than hidden_size / heads, and the head tied to the embedding, as the small Qwen3 have it
    settings = {"intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 16, "tie_word_embeddings": True}
    return Qwen3ForCausalLM(Qwen3Config(**_common(tokenizer), **settings))


def build_nemotron_h(tokenizer: Any, **changes: Any) -> Any:
    from transformers import NemotronHConfig, NemotronHForCausalLM

    settings = {
        "intermediate_size": 96,
        "layers_block_type": ["mamba", "mlp", "attention", "mlp", "mamba", "mlp"],
        "head_dim": 8,
        "mamba_num_heads": 8,
        "mamba_head_dim": 16,
        "n_groups": 2,
        "ssm_state_size": 16,
        "conv_kernel": 4,
        "chunk_size": 16,
        "tie_word_embeddings": False,
        # a recurrent state enlarges rounding: with weights as large as the others' two ways to compute the same
        # differ by a hundredth
        "initializer_range": 0.1,
    }
    return NemotronHForCausalLM(NemotronHConfig(**{**_common(tokenizer), **settings, **changes}))


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "llama": build_llama,
    "qwen2": build_qwen2,
    "qwen3": build_qwen3,
    "nemotron_h": build_nemotron_h,
}


def save_model(
    folder: Path,
    build: Callable[[Any], Any],
    dtype: torch.dtype = torch.float32,
    tokenizer: Any = None,
) -> Path:
    """A model with norms away from one, its tokenizer and template."""
    tokenizer = tokenizer or build_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = build(tokenizer)
        with torch.no_grad():
            for name, value in model.named_parameters():
                if "norm" in name and value.ndim == 1:
                    value.normal_(1.0, 0.1)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_adapter(base: Path, folder: Path, targets: list[str] | None = None, **settings: Any) -> Path:
    """An adapter with random matrices, as PEFT saves it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    linear = targets or find_linear(model)
    tuned: Any = get_peft_model(model, LoraConfig(target_modules=linear, task_type="CAUSAL_LM", **settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(value, std=0.15)
    tuned.save_pretrained(folder)
    return folder


def find_linear(model: Any) -> list[str]:
    """Layers that an adapter may change: attention, feed-forward and the state space's input."""
    wanted = {*ATTENTION, "gate_proj", "up_proj", "down_proj", "in_proj"}
    found = {name.rsplit(".", 1)[-1] for name, part in model.named_modules() if hasattr(part, "in_features")}
    return sorted(found & wanted)
