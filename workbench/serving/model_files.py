"""What can be learnt of a model from its files without loading it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

from workbench.errors import InputError

LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM, and NIM through it, can be told; others are rounded up."""
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_HEADER_BYTES = 1 << 16
_MAGIC = b"GGUF"


def find_gguf(path: Path) -> Path | None:
    """The GGUF file that a path means: itself, the only one of a folder, or the first part of a split one."""
    if path.is_file():
        return path if path.suffix == ".gguf" else None
    if not path.is_dir():
        return None
    found = sorted(path.glob("*.gguf"))
    firsts = [file for file in found if not _is_later_part(file)]
    return firsts[0] if len(firsts) == 1 else None


def split_parts(path: Path) -> tuple[Path, ...]:
    """All files of a GGUF model, in order; one unless it was split."""
    first = find_gguf(path)
    if first is None:
        return ()
    match = _PART.fullmatch(first.name)
    return (first,) if match is None else tuple(sorted(first.parent.glob(f"{match[1]}-*-of-{match[3]}.gguf")))


def is_gguf_adapter(file: Path) -> bool:
    """Whether a GGUF file is a LoRA adapter and no whole model.

    Raises:
        InputError: `serve_gguf_malformed`.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    if not head.startswith(_MAGIC):
        raise InputError("serve_gguf_malformed", path=str(file))
    return b"adapter.type" in head or b"adapter.lora.alpha" in head


def gguf_kind(folder: Path) -> Literal["", "model", "adapter"]:
    """What the one GGUF file of a folder is; empty where there is none, or none that can be read."""
    file = find_gguf(folder)
    try:
        return "" if file is None else "adapter" if is_gguf_adapter(file) else "model"
    except (OSError, InputError):
        return ""


def lora_rank(folders: Iterable[Path]) -> int:
    """The largest rank of the adapters, rounded up to one that vLLM can be told.

    Raises:
        InputError: `adapter_without_config`, or `adapter_rank_too_big`.
    """
    ranks = [_rank(folder) for folder in folders]
    largest = max(ranks, default=LORA_RANKS[0])
    fitting = [rank for rank in LORA_RANKS if rank >= largest]
    if not fitting:
        raise InputError("adapter_rank_too_big", rank=largest, limit=LORA_RANKS[-1])
    return fitting[0]


def _rank(folder: Path) -> int:
    config = read_json_object(folder / "adapter_config.json")
    if config is None:
        raise InputError("adapter_without_config", path=str(folder))
    pattern = config.get("rank_pattern")
    patterned = cast("dict[str, Any]", pattern).values() if isinstance(pattern, dict) else ()
    return max(int(config.get("r") or 0), *(int(value) for value in patterned), 1)


def template_sha256(model: Path) -> str:
    """Hash of the chat template that lies beside a model's files; empty where there is none to be read."""
    template = _read_text(model / "chat_template.jinja")
    if template is None:
        config = read_json_object(model / "tokenizer_config.json") or {}
        found = config.get("chat_template")
        template = found if isinstance(found, str) else None
    return hashlib.sha256(template.encode()).hexdigest() if template else ""


def quantisation_of(model: Path) -> str:
    """How the weights are stored: the method a checkpoint names, the last part of a GGUF's name, or its dtype."""
    file = find_gguf(model)
    if file is not None:
        parts = re.findall(r"(?i)(?:^|[-._])((?:iq|q)\d[\w]*|bf16|f16|f32|fp16)(?=[-._]|$)", file.stem)
        return parts[-1].upper() if parts else "gguf"
    config = read_json_object(model / "config.json") or {}
    quantised = config.get("quantization_config")
    if isinstance(quantised, dict):
        settings = cast("dict[str, Any]", quantised)
        return str(settings.get("quant_method") or settings.get("quant_algo") or "quantised")
    return str(config.get("torch_dtype") or config.get("dtype") or "")


def weight_bytes(path: Path) -> int:
    """Bytes of the weights that a path means, without following anything else in the folder."""
    files: Iterable[Path] = split_parts(path) or (path.glob("*.safetensors") if path.is_dir() else ())
    return sum(file.stat().st_size for file in files)


def files_of(path: Path) -> Iterator[Path]:
    """Every file that a server reads of a model or an adapter."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file())


def read_json_object(path: Path) -> dict[str, Any] | None:
    """A JSON object, None where the file is absent or holds something else."""
    text = _read_text(path)
    if text is None:
        return None
    try:
        content: Any = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _is_later_part(file: Path) -> bool:
    match = _PART.fullmatch(file.name)
    return match is not None and match[2] != "00001"
