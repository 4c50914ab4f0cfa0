"""Byte-level BPE, and BPE over characters with byte fallback."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from gguf.constants import TokenType

from workbench.conversion.gguf.vocabulary.base import (
    SPACE,
    TokenizerFiles,
    Vocabulary,
    as_list,
    as_mapping,
)
from workbench.conversion.gguf.vocabulary.pretokenizers import find_name, read_merges
from workbench.conversion.gguf.vocabulary.sentencepiece import read_sentencepiece
from workbench.conversion.gguf.vocabulary.special import lay_out
from workbench.errors import InputError

RAW = "sarvam-moe"
"""llama.cpp's name for BPE over characters: no splitting but at line ends, spaces written as ▁, what is not in
the vocabulary written as bytes. The only kind of that sort that does not insist on a beginning-of-text token."""
Pair = tuple[str, str]


def is_byte_level(files: TokenizerFiles) -> bool:
    """Whether tokens are spelt in bytes (GPT-2, Llama 3, Qwen) and not in characters (Llama 2)."""
    steps = (*files.steps("pre_tokenizer"), *files.steps("decoder"))
    return any(step.get("type") == "ByteLevel" for step in steps)


def read_byte_level(files: TokenizerFiles) -> Vocabulary:
    """A byte-level tokenizer."""
    for step in files.steps("normalizer"):
        # composing characters first is what Qwen's does; texts are composed already but for rare cases
        if step.get("type") != "NFC":
            _refuse(files, f"normalizer {step.get('type')}")
    tokens, types = lay_out(files, _read_vocabulary(files))
    merges = read_merges(files)
    return Vocabulary("gpt2", find_name(files), tokens, types, merges=_write_merges(files, merges))


def read_characters(files: TokenizerFiles) -> Vocabulary:
    """A tokenizer over characters with byte fallback.

    llama.cpp has two of them. SentencePiece's kind merges whatever makes a token, by the token's score; the
    other one follows the list of merges. Where the list is complete both give the same, and the first, which
    every version knows and which can put a space before a text, is taken.
    """
    if not files.model.get("byte_fallback"):
        _refuse(files, "BPE without bytes")
    merges = read_merges(files)
    splits = [step for step in files.steps("pre_tokenizer") if step.get("type") != "Metaspace"]
    spaces = _find_spaces(files)
    if not splits and spaces != "kept" and (spaces == "prefixed" or _is_complete(files, merges)):
        return _read_scored(files, merges, prefixed=spaces == "prefixed")
    if spaces == "prefixed":
        _refuse(files, "pre_tokenizer")
    return _read_raw(files, merges, kept=spaces == "kept")


def _find_spaces(files: TokenizerFiles) -> str:
    """What becomes of a space: `kept`, `marked` (▁), or `prefixed` (marked, and one is put before a text)."""
    marked = prefixed = False
    for step in files.steps("normalizer"):
        match step.get("type"):
            case "Replace" if (
                as_mapping(step.get("pattern")).get("String") == " " and step.get("content") == SPACE
            ):
                marked = True
            case "Prepend" if step.get("prepend") == SPACE:
                prefixed = True
            case kind:
                _refuse(files, f"normalizer {kind}")
    for step in files.steps("pre_tokenizer"):
        if step.get("type") == "Metaspace":
            marked = True
            scheme = step.get("prepend_scheme") or (
                "always" if step.get("add_prefix_space", True) else "never"
            )
            prefixed = prefixed or scheme != "never"
    return "prefixed" if prefixed else "marked" if marked else "kept"


def _read_scored(files: TokenizerFiles, merges: list[Pair], *, prefixed: bool) -> Vocabulary:
    vocabulary = _read_vocabulary(files)
    tokens, types = lay_out(files, vocabulary)
    scores = _find_scores(files, tokens, merges)
    flags = {"add_space_prefix": prefixed}
    return Vocabulary("llama", "default", tokens, types, scores=scores, flags=flags)


def _find_scores(files: TokenizerFiles, tokens: list[str], merges: list[Pair]) -> list[float]:
    """SentencePiece's own scores where its file is there, else the place of a token's first merge."""
    path = files.folder / "tokenizer.model"
    known = read_sentencepiece(path).scores if path.is_file() else {}
    if not known:
        for place, (left, right) in enumerate(merges):
            known.setdefault(left + right, -float(place))
    lowest = min(known.values(), default=0.0) - 1.0
    return [known.get(text, lowest) for text in tokens]


def _is_complete(files: TokenizerFiles, merges: list[Pair]) -> bool:
    """Whether every way to make a token of two others is a merge."""
    have, known = set(merges), _read_vocabulary(files)
    bare = [text for text in known if len(text) > 1 and not _BYTE.fullmatch(text)]
    added = {str(token.get("content")) for token in files.added}
    return all(
        (text[:at], text[at:]) in have
        for text in bare
        if text not in added
        for at in range(1, len(text))
        if text[:at] in known and text[at:] in known
    )


_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def _read_raw(files: TokenizerFiles, merges: list[Pair], *, kept: bool) -> Vocabulary:
    """BPE over characters without a splitting of its own: exact where no merge crosses a word's edge."""
    vocabulary = _read_vocabulary(files)
    if files.model.get("ignore_merges"):
        _refuse(files, "ignore_merges")
    if kept and any(SPACE in text for text in vocabulary):
        _refuse(files, f"{SPACE} beside spaces")
    _check_edges(files, merges)
    tokens, types = lay_out(files, vocabulary)
    normal = {int(TokenType.NORMAL)}
    tokens = [
        text.replace(" ", SPACE) if kind in normal else text for text, kind in zip(tokens, types, strict=True)
    ]
    marked = [(left.replace(" ", SPACE), right.replace(" ", SPACE)) for left, right in merges]
    return Vocabulary("gpt2", RAW, tokens, types, merges=_write_merges(files, marked))


def _check_edges(files: TokenizerFiles, merges: list[Pair]) -> None:
    """Refuse where a merge would join what the splitting keeps apart: llama.cpp does not know this splitting."""
    for left, right in merges:
        mixed = "\n" in left + right and set(left + right) != {"\n"}
        if mixed:
            _refuse(files, f"merges over line ends {left + right!r}")
    if not files.content.get("pre_tokenizer"):
        return
    from tokenizers import Tokenizer

    alone: dict[str, Any] = {
        "version": "1.0",
        "pre_tokenizer": files.content["pre_tokenizer"],
        "model": _EMPTY,
        "added_tokens": [],
    }
    splitter: Any = cast("Any", Tokenizer).from_str(json.dumps(alone)).pre_tokenizer
    for left, right in merges:
        if len(splitter.pre_tokenize_str(left + right)) != 1:
            _refuse(files, f"merges over a word's edge {left + right!r}")


_EMPTY: Mapping[str, Any] = {"type": "BPE", "vocab": {}, "merges": []}


def _write_merges(files: TokenizerFiles, merges: list[Pair]) -> list[str]:
    """As llama.cpp reads them: the two parts with a space between, so that neither may hold one."""
    if any(" " in left or " " in right for left, right in merges):
        _refuse(files, "merges with spaces")
    return [f"{left} {right}" for left, right in merges]


def _read_vocabulary(files: TokenizerFiles) -> dict[str, int]:
    found = files.model.get("vocab")
    if as_list(found) or not as_mapping(found):
        _refuse(files, "vocab")
    return {str(text): int(number) for text, number in as_mapping(found).items()}


def _refuse(files: TokenizerFiles, name: str) -> None:
    raise InputError("tokenizer_unsupported", path=str(files.folder), name=name[:200])
