"""Model folders and adapters small enough to be made in a test, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.serving.makers import make_gguf
from workbench.schemas.artifact import Artifact
from workbench.ui.context import UiContext

HIDDEN, RANK, WORDS = 8, 2, 16
Q_PROJ = "model.layers.0.self_attn.q_proj"


def write_model(folder: Path, **config: Any) -> Path:
    """A one-layer text model with a tokenizer: 16 x 8 and 8 x 8 numbers in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": 1,
        "hidden_size": HIDDEN,
        "intermediate_size": HIDDEN,
        "vocab_size": WORDS,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps({**plain, **config}), encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    tensors = {
        "model.embed_tokens.weight": np.ones((WORDS, HIDDEN), np.float16),
        f"{Q_PROJ}.weight": np.ones((HIDDEN, HIDDEN), np.float16),
    }
    save_file(tensors, folder / "model.safetensors")
    return folder


def write_adapter(folder: Path, base: str) -> Path:
    """A LoRA adapter for `write_model`, as PEFT saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 4, "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = {
        f"base_model.model.{Q_PROJ}.lora_A.weight": np.ones((RANK, HIDDEN), np.float32),
        f"base_model.model.{Q_PROJ}.lora_B.weight": np.ones((HIDDEN, RANK), np.float32),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def make_adapter(ctx: UiContext, name: str, base: Path) -> Artifact:
    """An adapter among the artifacts."""
    draft = ctx.artifacts.begin("adapter", name)
    write_adapter(draft.folder, str(base))
    return draft.commit(details={"base_model": str(base)})


def make_result(ctx: UiContext, name: str, base: Path | None = None, proof: str = "") -> Artifact:
    """What a conversion leaves among the artifacts."""
    draft = ctx.artifacts.begin("model", name)
    write_model(draft.folder)
    settings = {"source": "/s", "base": str(base or "")}
    (draft.folder / "conversion.json").write_text(json.dumps(settings), encoding="utf-8")
    if proof:
        (draft.folder / "proof.json").write_text(proof, encoding="utf-8")
    return draft.commit()


def make_gguf_result(ctx: UiContext, name: str, *, to: str = "gguf", **settings: Any) -> Artifact:
    """What a conversion to GGUF leaves among the artifacts."""
    draft = ctx.artifacts.begin("gguf", name)
    adapter = to == "gguf-adapter"
    make_gguf(draft.folder / ("adapter-f32.gguf" if adapter else "model-q8_0.gguf"), adapter=adapter)
    told = {"source": "/s", "to": to, "base": "", "dtype": "q8_0", **settings}
    (draft.folder / "conversion.json").write_text(json.dumps(told), encoding="utf-8")
    if to == "ollama":
        (draft.folder / "ollama.json").write_text('{"models": []}', encoding="utf-8")
    return draft.commit(details={"converted_to": to})
