"""Checks model and adapter folders before anything is loaded, so that a fault gets its own sentence. No
torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError, NotFoundError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_KINDS = frozenset({"LORA"})


def check_model_folder(folder: Path) -> None:
    """Whether the folder looks like a model that can be served.

    Raises:
        NotFoundError: There is no such folder.
        InputError: No configuration, no safetensors weights, or no tokenizer.
    """
    if not folder.is_dir():
        raise NotFoundError("model_folder_missing", path=str(folder))
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        raise InputError("model_is_adapter" if adapter else "model_no_config", path=str(folder))
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt*"))
        raise InputError("model_pickle_only" if pickled else "model_no_weights", path=str(folder))
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise InputError("model_no_tokenizer", path=str(folder))


def check_adapter_folder(folder: Path) -> None:
    """Whether the folder looks like a LoRA adapter that can be served.

    Raises:
        NotFoundError: There is no such folder.
        InputError: Not an adapter, an adapter of another kind, or no safetensors weights.
    """
    if not folder.is_dir():
        raise NotFoundError("adapter_folder_missing", path=str(folder))
    if not (folder / "adapter_config.json").is_file():
        raise InputError("adapter_without_config", path=str(folder))
    kind = str(read_config(folder / "adapter_config.json").get("peft_type", ""))
    if kind not in ADAPTER_KINDS:
        raise InputError("adapter_kind_unknown", path=str(folder), kind=kind or "-")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise InputError("adapter_without_safetensors", path=str(folder))


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: It is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError("model_config_broken", path=str(path)) from exc
    if not isinstance(content, dict):
        raise InputError("model_config_broken", path=str(path))
    return content  # pyright: ignore[reportUnknownVariableType]
