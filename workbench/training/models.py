"""What a local model folder is: enough to choose it, plan with it, and refuse it with a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from workbench.artifacts import folder_bytes
from workbench.errors import InputError, NotFoundError
from workbench.training.weights import TensorInfo, read_tensors, weight_files

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
PICKLE_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# words in the names of classes that continue text
_TEXT_HEADS = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
_LICENSE = re.compile(r"^license:\s*['\"]?([^'\"\n#]+)", re.MULTILINE)
_LICENSE_NAME = re.compile(r"^license_name:\s*['\"]?([^'\"\n#]+)", re.MULTILINE)


@dataclass(frozen=True)
class ModelInfo:
    """A model folder as its files describe it."""

    path: Path
    architecture: str
    """Class name, for example `LlamaForCausalLM`."""
    model_type: str
    """The family's name in transformers, for example `llama`."""
    parameters: int
    """Numbers in the weight files."""
    bytes: int
    """Size of the folder on disk."""
    dtype: str
    """Type of most of the weights, for example BF16."""
    context: int
    """Longest text in tokens; 0 where the model does not say."""
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    has_chat_template: bool
    needs_remote_code: bool
    """The installed transformers cannot load it without running Python code from the folder."""
    code_files: tuple[str, ...]
    """That code's files."""
    license: str
    """As the model card names it; empty where it does not."""
    tensors: tuple[TensorInfo, ...]


def describe_model(folder: Path) -> ModelInfo:
    """Read a model folder's own description. Runs no code of the model and loads no weights.

    Raises:
        NotFoundError: `model_folder_missing`.
        InputError: `model_no_config`, `model_config_broken`, `model_is_adapter`, `model_not_text`,
        `model_no_tokenizer`,
            `model_no_weights`, `model_pickle_only`, `model_shard_missing` or `model_weights_broken`.
    """
    if not folder.is_dir():
        raise NotFoundError("model_folder_missing", path=str(folder))
    config = read_config(folder)
    architecture = str(next(iter(config.get("architectures") or [""])))
    if architecture and not any(word in architecture for word in _TEXT_HEADS):
        raise InputError("model_not_text", path=str(folder), architecture=architecture)
    model_type = str(config.get("model_type", ""))
    tokenizer = _tokenizer_config(folder)
    _require_tokenizer(folder, tokenizer)
    _require_weights(folder)
    tensors = tuple(read_tensors(folder))
    text = _text_config(config)
    return ModelInfo(
        path=folder,
        architecture=architecture,
        model_type=model_type,
        parameters=sum(tensor.numel for tensor in tensors),
        bytes=folder_bytes(folder),
        dtype=_main_dtype(tensors),
        context=_number(text, "max_position_embeddings", "n_positions", "max_sequence_length"),
        layers=_number(text, "num_hidden_layers", "n_layer", "num_layers"),
        hidden=_number(text, "hidden_size", "n_embd", "d_model"),
        intermediate=_number(text, "intermediate_size", "n_inner", "ffn_dim")
        or 4 * _number(text, "hidden_size", "n_embd", "d_model"),
        vocabulary=_number(text, "vocab_size"),
        has_chat_template=_has_chat_template(folder, tokenizer),
        needs_remote_code="auto_map" in config and not is_supported_natively(model_type),
        code_files=tuple(sorted(path.name for path in folder.glob("*.py"))),
        license=read_license(folder),
        tensors=tensors,
    )


def require_consent(info: ModelInfo, trust_remote_code: bool) -> None:
    """Refuse a model that needs its own code where nobody allowed it to run.

    Raises:
        InputError: `model_needs_code`.
    """
    if info.needs_remote_code and not trust_remote_code:
        raise InputError("model_needs_code", path=str(info.path), files=", ".join(info.code_files) or "?")


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json.

    Raises:
        InputError: `model_is_adapter`, `model_no_config` or `model_config_broken`.
    """
    path = folder / "config.json"
    if not path.is_file():
        if (folder / "adapter_config.json").is_file():
            raise InputError("model_is_adapter", path=str(folder))
        raise InputError("model_no_config", path=str(folder))
    config = _read_object(path)
    if config is None:
        raise InputError("model_config_broken", path=str(path))
    return config


def read_license(folder: Path) -> str:
    """The licence that the model card's header names; empty where it names none."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    text = card.read_text(encoding="utf-8", errors="replace")
    if not text.startswith("---"):
        return ""
    header = text[3:].split("\n---", 1)[0]
    found = _LICENSE.search(header)
    name = found.group(1).strip() if found else ""
    if name == "other":
        own = _LICENSE_NAME.search(header)
        return own.group(1).strip() if own else name
    return name


def is_supported_natively(model_type: str) -> bool:
    """Whether the installed transformers has its own code for a family; found without importing it."""
    spec = find_spec("transformers")
    places = list(spec.submodule_search_locations or ()) if spec else []
    name = model_type.replace("-", "_")
    return bool(name) and any((Path(place) / "models" / name).is_dir() for place in places)


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return (_read_object(path) or {}) if path.is_file() else {}


def _require_tokenizer(folder: Path, tokenizer: Mapping[str, Any]) -> None:
    own_code = "auto_map" in tokenizer
    if not own_code and not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError("model_no_tokenizer", path=str(folder))


def _require_weights(folder: Path) -> None:
    if weight_files(folder):
        return
    if any(True for pattern in PICKLE_PATTERNS for _ in folder.glob(pattern)):
        raise InputError("model_pickle_only", path=str(folder))
    raise InputError("model_no_weights", path=str(folder))


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    nested = config.get("text_config")
    return {**config, **cast("dict[str, Any]", nested)} if isinstance(nested, dict) else config


def _number(config: Mapping[str, Any], *names: str) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    return 0


def _main_dtype(tensors: tuple[TensorInfo, ...]) -> str:
    totals: dict[str, int] = {}
    for tensor in tensors:
        totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.numel
    return max(totals, key=lambda dtype: totals[dtype], default="")


def _has_chat_template(folder: Path, tokenizer: Mapping[str, Any]) -> bool:
    names = ("chat_template.jinja", "chat_template.json")
    return bool(tokenizer.get("chat_template")) or any((folder / name).is_file() for name in names)


def list_models(places: Iterable[Path]) -> list[ModelInfo]:
    """The usable models among folders; those that cannot be used are left out."""
    found: list[ModelInfo] = []
    for folder in places:
        try:
            found.append(describe_model(folder))
        except (InputError, NotFoundError):
            continue
    return found
