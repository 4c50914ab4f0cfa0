"""The starter model's tokenizer: byte-fallback BPE, single digits, merges that stay within one script.

A merge never crosses from kanji to kana, so a name is cut into the same pieces wherever it stands. That
makes copying and matching a matter of equal tokens.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from build.names import ASCII, HIRAGANA, KANJI, KATAKANA, SMALL_AND_MARKS
from build.tasks import make_contexts

VOCABULARY = 2304
SPECIAL = ("<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
# The particle "no" joins a name to what follows, so it stands alone: no piece may depend on its neighbour.
SCRIPTS = Regex(
    r"\p{Han}+|[\p{Katakana}ー]+|の|[\p{Hiragana}&&[^の]]+|[A-Za-z]+|\n+|[^\p{Han}\p{Katakana}ー\p{Hiragana}A-Za-z\n]"
)
TEMPLATE = (
    "{{- bos_token -}}\n"
    "{%- for message in messages -%}\n"
    "{%- if message.role == 'assistant' -%}\n"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message.content + eos_token -}}{%- endgeneration -%}\n"
    "{%- else -%}\n"
    "{{- '<|' + message.role + '|>' + message.content + eos_token -}}\n"
    "{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "{{- '<|assistant|>' -}}\n"
    "{%- endif -%}"
)


def write_corpus(seed: int, count: int) -> Iterator[str]:
    """Text to learn the merges from: the training tasks themselves."""
    rng = random.Random(seed)
    for _ in range(count):
        for context in make_contexts(rng, 0.99):
            yield context.system or ""
            yield context.head
            for turn in context.turns:
                yield turn.question
                yield turn.answer


def build_tokenizer(seed: int = 1, steps: int = 600) -> PreTrainedTokenizerFast:
    """Train the tokenizer and give it the chat template."""
    tokenizer = Tokenizer(models.BPE(unk_token=None, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(SCRIPTS, "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL, *BYTES],
        initial_alphabet=sorted(set(HIRAGANA + KATAKANA + SMALL_AND_MARKS + ASCII + KANJI + "\n")),
        max_token_length=6,
        min_frequency=20,
        show_progress=False,
    )
    tokenizer.train_from_iterator(write_corpus(seed, steps), trainer)
    # The trainer reserves the byte pieces as special tokens; in the finished tokenizer they are ordinary.
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in SPECIAL]
    tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        bos_token="<|bos|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        padding_side="left",
    )
    fast.chat_template = TEMPLATE
    return fast


def save_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Build the tokenizer and write it to a folder."""
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder)
    return tokenizer
