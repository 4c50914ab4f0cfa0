"""A tokenizer as GGUF holds it, and the files it is read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gguf.constants import TokenType
from gguf.gguf_writer import GGUFWriter

from workbench.conversion.detect import has_tokenizer
from workbench.errors import InputError

SPACE = "▁"
"""What SentencePiece writes for a space (U+2581)."""


@dataclass
class Vocabulary:
    """What `tokenizer.ggml.*` will hold."""

    model: str
    """llama.cpp's kind: `gpt2` (byte-level BPE), `llama` (SentencePiece-BPE), `t5` (Unigram)."""
    pre: str
    """Name of the splitting into words before BPE."""
    tokens: list[str]
    types: list[int]
    scores: list[float] | None = None
    merges: list[str] = field(default_factory=list[str])
    special: dict[str, int] = field(default_factory=dict[str, int])
    """`bos`, `eos`, `unk`, `sep`, `pad`, `mask` -> id."""
    flags: dict[str, bool] = field(default_factory=dict[str, bool])
    """`add_bos_token`, `add_eos_token`, `add_space_prefix`, `remove_extra_whitespaces`."""
    charsmap: bytes = b""
    """SentencePiece's precompiled normalisation."""
    template: str = ""

    def pad_to(self, size: int) -> None:
        """Fill up to the rows of the embedding.

        Raises:
            InputError: `vocabulary_too_large` where there are more tokens than rows.
        """
        if len(self.tokens) > size:
            raise InputError("vocabulary_too_large", tokens=len(self.tokens), rows=size)
        taken = set(self.tokens)
        for number in range(len(self.tokens), size):
            name = f"[PAD{number}]"
            self.tokens.append(name if name not in taken else f"[PAD{number}]_unused")
            self.types.append(TokenType.UNUSED)
            if self.scores is not None:
                self.scores.append(-10000.0)

    def add_to(self, writer: GGUFWriter) -> None:
        """Write it."""
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        if self.scores is not None:
            writer.add_token_scores(self.scores)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        for name, number in self.special.items():
            writer.add_uint32(f"tokenizer.ggml.{_KEYS[name]}_token_id", number)
        for name, value in self.flags.items():
            writer.add_bool(f"tokenizer.ggml.{name}", value)
        if self.charsmap:
            writer.add_precompiled_charsmap(self.charsmap)
        if self.template:
            writer.add_chat_template(self.template)


_KEYS = {
    "bos": "bos",
    "eos": "eos",
    "unk": "unknown",
    "sep": "seperator",
    "pad": "padding",
    "mask": "mask",
}
"""Names in llama.cpp's keys, one of which is misspelt there."""


@dataclass(frozen=True)
class TokenizerFiles:
    """What a tokenizer's folder says."""

    folder: Path
    content: Mapping[str, Any]
    """Of `tokenizer.json`."""
    config: Mapping[str, Any]
    """Of `tokenizer_config.json`."""
    named: Mapping[str, Any]
    """Of `special_tokens_map.json`."""

    @property
    def model(self) -> Mapping[str, Any]:
        """The part that cuts words into tokens."""
        return as_mapping(self.content.get("model"))

    @property
    def kind(self) -> str:
        """`BPE`, `Unigram`, …"""
        return str(self.model.get("type") or "BPE")

    @property
    def added(self) -> list[Mapping[str, Any]]:
        """Tokens beside the vocabulary, or marked in it."""
        return [as_mapping(token) for token in as_list(self.content.get("added_tokens"))]

    def steps(self, part: str) -> list[Mapping[str, Any]]:
        """The steps of `normalizer`, `pre_tokenizer`, `post_processor` or `decoder`, a sequence taken apart."""
        return list(_flatten(self.content.get(part)))

    def name_special(self, role: str) -> str:
        """The token of a role such as `bos`; empty where it has none."""
        for place in (self.config, self.named):
            value: object = place.get(f"{role}_token")
            value = as_mapping(value).get("content", value)
            if isinstance(value, str) and value:
                return value
        return ""


def _flatten(step: object) -> list[Mapping[str, Any]]:
    found = as_mapping(step)
    if found.get("type") != "Sequence":
        return [found] if found else []
    inner = next((found[key] for key in _INNER if key in found), None)
    return [part for entry in as_list(inner) for part in _flatten(entry)]


_INNER = ("normalizers", "pretokenizers", "processors", "decoders")


def as_mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """A JSON array, or an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def read_files(folder: Path) -> TokenizerFiles:
    """Read a tokenizer's folder.

    Where `tokenizer.json` is missing, transformers makes its content from the older files.

    Raises:
        InputError: `tokenizer_absent`, `checkpoint_file_damaged`, `tokenizer_unsupported`.
    """
    if not has_tokenizer(folder):
        raise InputError("tokenizer_absent", path=str(folder))
    path = folder / "tokenizer.json"
    content = read_object(path) if path.is_file() else _convert_old(folder)
    return TokenizerFiles(
        folder,
        content,
        read_object(folder / "tokenizer_config.json"),
        read_object(folder / "special_tokens_map.json"),
    )


def read_object(path: Path) -> Mapping[str, Any]:
    """A JSON file's object; empty where there is no file.

    Raises:
        InputError: `checkpoint_file_damaged`.
    """
    if not path.is_file():
        return {}
    try:
        content: object = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise InputError("checkpoint_file_damaged", path=str(path)) from exc
    return as_mapping(content)


def _convert_old(folder: Path) -> Mapping[str, Any]:
    from transformers import AutoTokenizer

    try:
        loaded: Any = cast("Any", AutoTokenizer).from_pretrained(str(folder))
        return as_mapping(json.loads(loaded.backend_tokenizer.to_str()))
    # the library raises whatever a file makes it stumble over
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError) as exc:
        raise InputError("tokenizer_unsupported", path=str(folder), name="tokenizer.json") from exc
