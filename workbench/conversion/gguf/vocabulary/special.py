"""Special tokens: which they are, what kind, and whether the tokenizer adds them by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gguf.constants import TokenType

from workbench.conversion.gguf.vocabulary.base import SPACE, TokenizerFiles, as_list, as_mapping
from workbench.errors import InputError

ROLES = ("bos", "eos", "unk", "sep", "pad", "mask")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_MARKER = re.compile(r"<\|.*\|>|<｜.*｜>|<unused.*>|<pad>|<mask>", re.DOTALL)
"""Texts that mark control tokens even where a file does not say so. A control token is never read out of what
a user typed; a chat marker of another kind would be."""


def lay_out(files: TokenizerFiles, vocabulary: Mapping[str, int]) -> tuple[list[str], list[int]]:
    """Tokens and their types in the order of their ids; holes are unused.

    Args:
        files: The tokenizer.
        vocabulary: Token -> id, added tokens not among them.

    Raises:
        InputError: `tokenizer_unsupported` where two ids stand for the same text.
    """
    added = {int(token["id"]): token for token in files.added if "id" in token and "content" in token}
    named = {number: text for text, number in vocabulary.items()}
    named |= {number: str(token["content"]) for number, token in added.items()}
    size = max(named, default=-1) + 1
    by_bytes = bool(files.model.get("byte_fallback"))
    tokens: list[str] = []
    types: list[int] = []
    for number in range(size):
        text = named.get(number, f"[PAD{number}]")
        kind = TokenType.UNUSED if number not in named else TokenType.NORMAL
        if number in added:
            kind = find_type(added[number])
            text = text if kind == TokenType.CONTROL else text.replace(SPACE, " ")
        elif by_bytes and _BYTE.fullmatch(text):
            kind = TokenType.BYTE
        tokens.append(text)
        types.append(int(kind))
    if len(set(tokens)) != len(tokens):
        twice = next(text for text in tokens if tokens.count(text) > 1)
        raise InputError("tokenizer_unsupported", path=str(files.folder), name=f"duplicate {twice[:60]!r}")
    return tokens, types


def find_type(token: Mapping[str, Any]) -> TokenType:
    """Control tokens are only ever written by a template; the others are cut out of any text."""
    special = bool(token.get("special")) or _MARKER.fullmatch(str(token["content"])) is not None
    return TokenType.CONTROL if special else TokenType.USER_DEFINED


def find_ids(files: TokenizerFiles, tokens: list[str], config: Mapping[str, Any]) -> dict[str, int]:
    """Role -> id: by the token's name, else the number in the model's configuration."""
    numbers = {text: number for number, text in enumerate(tokens)}
    found: dict[str, int] = {}
    for role in ROLES:
        number: object = numbers.get(files.name_special(role))
        if number is None and role == "unk":
            number = _find_unknown(files, numbers)
        if number is None:
            number = config.get(f"{role}_token_id")
            number = as_list(number)[0] if as_list(number) else number
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(tokens):
            found[role] = number
    return found


def _find_unknown(files: TokenizerFiles, numbers: Mapping[str, int]) -> int | None:
    number = files.model.get("unk_id")
    return int(number) if isinstance(number, int) else numbers.get(str(files.model.get("unk_token") or ""))


def find_added(files: TokenizerFiles, special: Mapping[str, int], tokens: list[str]) -> dict[str, bool]:
    """Whether the tokenizer puts a beginning and an end around every text.

    What the post-processor does counts; Llama's older classes make theirs from `add_bos_token`.
    """
    first, last = _read_ends(files)
    ends = {"bos": first, "eos": last}
    found: dict[str, bool] = {}
    for role, text in ends.items():
        own = tokens[special[role]] if role in special else ""
        found[f"add_{role}_token"] = bool(text) and text == own
        given = files.config.get(f"add_{role}_token")
        if isinstance(given, bool) and own and not files.steps("post_processor"):
            found[f"add_{role}_token"] = given
    return found


def _read_ends(files: TokenizerFiles) -> tuple[str, str]:
    for step in files.steps("post_processor"):
        if step.get("type") == "TemplateProcessing":
            parts = [as_mapping(as_mapping(part).get("SpecialToken")) for part in as_list(step.get("single"))]
            if parts:
                return str(parts[0].get("id") or ""), str(parts[-1].get("id") or "")
        if step.get("type") in ("RobertaProcessing", "BertProcessing"):
            return str(as_list(step.get("cls"))[0]), str(as_list(step.get("sep"))[0])
    return "", ""
