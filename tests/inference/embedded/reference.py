"""What transformers itself gives for a prompt: the measure of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def load_reference(model: Path, adapter: Path | None = None) -> Any:
    net: Any = AutoModelForCausalLM.from_pretrained(str(model))
    return (PeftModel.from_pretrained(net, str(adapter)) if adapter else net).eval()


def generate(net: Any, prompt: Sequence[int], max_tokens: int, **settings: Any) -> list[int]:
    """The tokens that `generate` appends to one prompt on its own, up to the one that ends the answer."""
    ids = torch.tensor([list(prompt)])
    made = net.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=max_tokens,
        do_sample=False,
        **settings,
    )
    tokens: list[int] = made[0, len(prompt) :].tolist()
    end = net.generation_config.eos_token_id
    return tokens[: tokens.index(end)] if end in tokens else tokens
