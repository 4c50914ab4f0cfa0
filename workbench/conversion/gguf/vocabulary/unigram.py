"""Unigram tokenizers (SentencePiece's other kind, usual for Japanese models)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from gguf.constants import TokenType

from workbench.conversion.gguf.vocabulary.base import (
    SPACE,
    TokenizerFiles,
    Vocabulary,
    as_list,
    as_mapping,
)
from workbench.conversion.gguf.vocabulary.sentencepiece import SentencePiece, read_sentencepiece
from workbench.conversion.gguf.vocabulary.special import lay_out
from workbench.errors import InputError


def read_unigram(files: TokenizerFiles) -> Vocabulary:
    """A Unigram tokenizer with its scores and SentencePiece's normalisation.

    Raises:
        InputError: `tokenizer_unsupported` where it normalises in a way that llama.cpp does not know.
    """
    pieces = [as_list(piece) for piece in as_list(files.model.get("vocab"))]
    if not pieces or any(len(piece) != 2 for piece in pieces):
        raise _unsupported(files, "vocab")
    scores = {str(text): float(score) for text, score in pieces}
    tokens, types = lay_out(files, {str(text): number for number, (text, _) in enumerate(pieces)})
    unknown = files.model.get("unk_id")
    if isinstance(unknown, int) and unknown < len(types):
        types[unknown] = int(TokenType.UNKNOWN)
    found = Vocabulary("t5", "default", tokens, types, scores=[scores.get(text, 0.0) for text in tokens])
    _read_spaces(files, found)
    return found


def _read_spaces(files: TokenizerFiles, found: Vocabulary) -> None:
    path = files.folder / "tokenizer.model"
    model = (
        read_sentencepiece(path) if path.is_file() else SentencePiece(removes_spaces=False, adds_prefix=False)
    )
    found.flags = {"add_space_prefix": False, "remove_extra_whitespaces": False}
    for step in files.steps("normalizer"):
        _read_normaliser(step, files, found, model)
    for step in files.steps("pre_tokenizer"):
        if step.get("type") == "WhitespaceSplit":
            found.flags["remove_extra_whitespaces"] = True
        elif step.get("type") != "Metaspace":
            raise _unsupported(files, f"pre_tokenizer {step.get('type')}")
        elif (
            step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never") != "never"
        ):
            found.flags["add_space_prefix"] = True


def _read_normaliser(
    step: Mapping[str, Any], files: TokenizerFiles, found: Vocabulary, model: SentencePiece
) -> None:
    pattern = as_mapping(step.get("pattern"))
    match step.get("type"):
        case "Precompiled":
            try:
                found.charsmap = base64.b64decode(str(step.get("precompiled_charsmap") or ""))
            except binascii.Error as exc:
                raise _unsupported(files, "precompiled_charsmap") from exc
        case "Replace" if pattern.get("Regex") == " {2,}":
            found.flags["remove_extra_whitespaces"] = True
        case "Replace" if pattern.get("String") == " " and step.get("content") == SPACE:
            pass
        case "Prepend" if step.get("prepend") == SPACE:
            found.flags["add_space_prefix"] = True
        case "Strip":
            # SentencePiece takes the spaces at both ends away together with the repeated ones
            found.flags["remove_extra_whitespaces"] = True
        case "NFKC" | "Nmt" if model.charsmap:
            found.charsmap = model.charsmap
        case kind:
            raise _unsupported(files, f"normalizer {kind}")


def _unsupported(files: TokenizerFiles, name: str) -> InputError:
    return InputError("tokenizer_unsupported", path=str(files.folder), name=name[:200])
