"""Model folders and files that are just enough for a plan."""

from __future__ import annotations

import json
import struct
from pathlib import Path


def make_model(folder: Path, *, weights: int = 1000, mode: int = 0o644) -> Path:
    """A folder that looks like a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"torch_dtype": "bfloat16"}))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "model.safetensors").write_bytes(b"0" * weights)
    for file in folder.iterdir():
        file.chmod(mode)
    return folder


def make_adapter(folder: Path, *, rank: int = 8, **config: object) -> Path:
    """A folder that looks like a LoRA adapter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank, **config}))
    (folder / "adapter_model.safetensors").write_bytes(b"1" * 100)
    return folder


def make_gguf(path: Path, *, adapter: bool = False) -> Path:
    """The beginning of a GGUF file: enough to tell a model from an adapter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = [b"general.architecture"] + ([b"adapter.type"] if adapter else [])
    body = b"".join(struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, 1) + b"x" for key in keys)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + body)
    return path
