"""Small tokenizers of every kind, trained on a few sentences."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from tests.tiny_model import SENTENCES

SPECIAL = ("<unk>", "<s>", "</s>", "<|user|>")
SPACE = "▁"


def _wrap(raw: Any, **options: Any) -> Any:
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>", **options
    )


def build_byte_level(pattern: str, *, whole: bool = False, digits: bool = False, bos: bool = False) -> Any:
    """Byte-level BPE with a splitting of its own; an empty pattern is GPT-2's."""
    raw: Any = Tokenizer(models.BPE(ignore_merges=whole))
    steps: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
    if pattern:
        steps.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not pattern))
    raw.pre_tokenizer = pre_tokenizers.Sequence(steps)
    raw.decoder = decoders.ByteLevel()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(SENTENCES, trainer)
    if bos:
        raw.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", raw.token_to_id("<s>"))]
        )
    raw.add_tokens([AddedToken("<think>", normalized=False, special=False)])
    return _wrap(raw)


def build_characters(*, prefixed: bool, complete: bool) -> Any:
    """BPE over characters with byte fallback, as Llama 2 has it.

    Args:
        prefixed: A space is put before every text.
        complete: Every way to make a token of two others is a merge, as in what SentencePiece trained.
    """
    raw: Any = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    mark = normalizers.Replace(" ", SPACE)
    raw.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), mark] if prefixed else [mark])
    raw.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    trainer: Any = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[*SPECIAL, *bytes_], show_progress=False
    )
    raw.train_from_iterator(SENTENCES, trainer)
    content = json.loads(raw.to_str())
    vocabulary: dict[str, int] = content["model"]["vocab"]
    # bytes are no special tokens
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in SPECIAL]
    merges = [tuple(pair) for pair in content["model"]["merges"]]
    if complete:
        made = list(dict.fromkeys(left + right for left, right in merges))
        merges = [
            (text[:at], text[at:])
            for text in made
            for at in range(1, len(text))
            if text[:at] in vocabulary and text[at:] in vocabulary
        ]
    if not complete:
        # a piece of a token that the token is never made of
        left, right = next(pair for pair in merges if len(pair[0]) == 2 and len(pair[1]) == 1)
        vocabulary[left[1] + right] = len(vocabulary)
        merges.append((left[1], right))
    content["model"]["merges"] = [list(pair) for pair in merges]
    raw = Tokenizer.from_str(json.dumps(content))
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", raw.token_to_id("<s>"))]
    )
    return _wrap(raw)


def build_unigram(**changes: Any) -> Any:
    """Unigram over marked words, as SentencePiece trains it."""
    raw: Any = Tokenizer(models.Unigram())
    if "normalizer" in changes:
        raw.normalizer = changes["normalizer"]
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    trainer: Any = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
    )
    raw.train_from_iterator(SENTENCES, trainer)
    return _wrap(raw)
