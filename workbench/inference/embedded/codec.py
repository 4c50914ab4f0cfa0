"""Text to tokens and back, safe for several threads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from workbench.errors import InputError


class TextCodec:
    """A tokenizer and its chat template.

    Tokenizers of the `tokenizers` library fail when two threads use one at the same time, so every use
    takes a lock.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self._tokenizer)

    @property
    def eos_id(self) -> int | None:
        return self._tokenizer.eos_token_id

    @property
    def has_template(self) -> bool:
        return bool(self._tokenizer.chat_template)

    @property
    def template_sha256(self) -> str:
        """Hash of the chat template: two scores are comparable only where it is equal."""
        return hashlib.sha256(str(self._tokenizer.chat_template).encode()).hexdigest()

    def render(self, messages: Sequence[Mapping[str, str]], template_values: Mapping[str, Any]) -> list[int]:
        """Tokens of a conversation, ready for the assistant's turn.

        Raises:
            InputError: The template refuses the messages (some know no system role, some want turns to
                alternate).
        """
        try:
            with self._lock:
                text = self._tokenizer.apply_chat_template(
                    [dict(message) for message in messages],
                    add_generation_prompt=True,
                    tokenize=False,
                    **template_values,
                )
                # the template writes the special tokens itself
                return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        except (jinja2.TemplateError, ValueError, TypeError, KeyError) as exc:
            raise InputError("serve_template_refused", detail=str(exc)[:300]) from exc

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, with the special tokens that the tokenizer adds by itself."""
        with self._lock:
            return list(self._tokenizer(text)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, special tokens left out."""
        with self._lock:
            return str(
                self._tokenizer.decode(
                    list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )
