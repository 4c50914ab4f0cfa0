"""How byte-level tokenizers split text into words, in llama.cpp's names.

The names follow from the regular expressions in `tokenizer.json`; llama.cpp holds its own reading of each of
them. A splitting that is not here is refused: a wrong one gives other tokens without a word of warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.conversion.gguf.vocabulary.base import TokenizerFiles, as_list, as_mapping
from workbench.errors import InputError

_CASELESS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
)
_CASED_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

LLAMA3 = _CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _TAIL
QWEN2 = _CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _TAIL
QWEN35 = (
    _CASELESS
    + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = "|".join(_CASED) + r"|\p{N}" + _CASED_TAIL
GPT4O = "|".join(part + _CASELESS + "?" for part in _CASED) + r"|\p{N}{1,3}" + _CASED_TAIL
DEEPSEEK3 = (
    r"\p{N}{1,3}",
    r"[一-龥\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
SEED = _CASELESS + (r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = "<gpt2>"
"""ByteLevel's own splitting."""
DIGITS = "<digits>"
"""Each digit by itself."""

Signature = tuple[tuple[str, ...], bool]
"""Expressions in their order, and whether a word that is a token is taken whole (`ignore_merges`)."""

NAMES: Mapping[Signature, str] = {
    ((LLAMA3,), True): "llama-bpe",
    ((LLAMA3,), False): "smaug-bpe",
    ((QWEN2,), False): "qwen2",
    ((QWEN35,), False): "qwen35",
    ((TEKKEN,), True): "tekken",
    ((GPT4O,), False): "gpt-4o",
    (DEEPSEEK3, False): "deepseek-v3",
    ((BAILING,), False): "bailingmoe",
    ((SEED,), False): "seed-coder",
    ((GPT2,), False): "gpt-2",
    ((DIGITS, GPT2), False): "smollm",
}


def find_name(files: TokenizerFiles) -> str:
    """llama.cpp's name of a byte-level tokenizer's splitting.

    Raises:
        InputError: `tokenizer_unsupported` where llama.cpp has none.
    """
    expressions: list[str] = []
    for step in files.steps("pre_tokenizer"):
        expressions.extend(_read_step(step, files))
    whole = bool(files.model.get("ignore_merges"))
    wanted = tuple(_canonical(text) for text in expressions)
    for (known, flag), name in NAMES.items():
        if wanted == tuple(_canonical(text) for text in known) and (flag == whole or _reaches_all(files)):
            return name
    raise InputError(
        "tokenizer_unsupported", path=str(files.folder), name=f"pre_tokenizer {expressions}"[:200]
    )


def _read_step(step: Mapping[str, Any], files: TokenizerFiles) -> list[str]:
    match step.get("type"):
        case "Split":
            pattern = as_mapping(step.get("pattern"))
            text = pattern.get("Regex")
            if isinstance(text, str) and not step.get("invert") and step.get("behavior") == "Isolated":
                return [text]
        case "Digits":
            if step.get("individual_digits"):
                return [DIGITS]
        case "ByteLevel":
            if not step.get("add_prefix_space"):
                return [GPT2] if step.get("use_regex", True) else []
        case _:
            pass
    raise InputError("tokenizer_unsupported", path=str(files.folder), name=str(dict(step))[:200])


def _canonical(text: str) -> str:
    """The expression in one spelling: characters, escapes and the longer way to write a case-insensitive group."""
    text = text.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "<short>")
    text = text.replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "<short>")
    for character, written in (("\r", r"\r"), ("\n", r"\n"), ("\\u3040", "\u3040"), ("\\u309f", "\u309f")):
        text = text.replace(character, written)
    for character, written in (("\\u30a0", "\u30a0"), ("\\u30ff", "\u30ff")):
        text = text.replace(character, written)
    return text


def _reaches_all(files: TokenizerFiles) -> bool:
    """Whether merging leads to every token, so that taking words whole changes nothing."""
    reached = {left + right for left, right in read_merges(files)}
    added = {str(token.get("content")) for token in files.added}
    vocabulary = as_mapping(files.model.get("vocab"))
    return all(len(text) == 1 or text in reached or text in added for text in vocabulary)


def read_merges(files: TokenizerFiles) -> list[tuple[str, str]]:
    """Pairs that are merged, in their order; older files write a pair as one string.

    Raises:
        InputError: `tokenizer_unsupported` where an entry is no pair.
    """
    found: list[tuple[str, str]] = []
    for entry in as_list(files.model.get("merges")):
        parts: list[Any] = entry.split(" ") if isinstance(entry, str) else as_list(entry)
        if len(parts) != 2:
            raise InputError("tokenizer_unsupported", path=str(files.folder), name=f"merges {entry!r}"[:200])
        found.append((str(parts[0]), str(parts[1])))
    return found
