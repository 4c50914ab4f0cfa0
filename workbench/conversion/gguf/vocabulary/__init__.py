"""Tokenizers as GGUF holds them, each written as what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.conversion.gguf.vocabulary.base import Vocabulary, read_files
from workbench.conversion.gguf.vocabulary.bpe import is_byte_level, read_byte_level, read_characters
from workbench.conversion.gguf.vocabulary.special import find_added, find_ids
from workbench.conversion.gguf.vocabulary.unigram import read_unigram
from workbench.errors import InputError

__all__ = ["Vocabulary", "read_vocabulary"]


def read_vocabulary(folder: Path, config: Mapping[str, Any], rows: int, template: str) -> Vocabulary:
    """The tokenizer of a folder.

    Args:
        folder: With `tokenizer.json` or the older files.
        config: The model's configuration, for ids of special tokens that the tokenizer does not name.
        rows: Of the embedding; the vocabulary is filled up to as many.
        template: The chat template to carry.

    Raises:
        InputError: `tokenizer_absent`, `tokenizer_unsupported` naming what llama.cpp cannot do,
            `vocabulary_too_large`.
    """
    files = read_files(folder)
    if files.kind == "Unigram":
        found = read_unigram(files)
    elif files.kind != "BPE":
        raise InputError("tokenizer_unsupported", path=str(folder), name=files.kind[:60])
    else:
        found = read_byte_level(files) if is_byte_level(files) else read_characters(files)
    found.special = find_ids(files, found.tokens, config)
    found.flags |= find_added(files, found.special, found.tokens)
    found.template = template
    found.pad_to(rows)
    return found
