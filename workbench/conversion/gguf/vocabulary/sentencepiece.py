"""Reads `tokenizer.model`, SentencePiece's own file: the scores, which `tokenizer.json` does not hold.

A file of protocol buffers; only what is needed is read, so that no package is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import InputError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | bytes]


@dataclass
class SentencePiece:
    """A SentencePiece model's vocabulary."""

    scores: dict[str, float] = field(default_factory=dict[str, float])
    charsmap: bytes = b""
    """Precompiled normalisation."""
    removes_spaces: bool = True
    """Several spaces count as one (`remove_extra_whitespaces`)."""
    adds_prefix: bool = True
    """A space is put before the text (`add_dummy_prefix`)."""


def read_sentencepiece(path: Path) -> SentencePiece:
    """Read the file.

    Raises:
        InputError: `checkpoint_file_damaged`.
    """
    found = SentencePiece()
    try:
        for number, value in _read_fields(path.read_bytes()):
            if number == 1 and isinstance(value, bytes):
                text, score = _read_piece(value)
                found.scores.setdefault(text, score)
            elif number == 3 and isinstance(value, bytes):
                _read_normaliser(value, found)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as exc:
        raise InputError("checkpoint_file_damaged", path=str(path)) from exc
    return found


def _read_piece(data: bytes) -> tuple[str, float]:
    text, score = "", 0.0
    for number, value in _read_fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value.decode()
        elif number == 2 and isinstance(value, bytes):
            score = float(struct.unpack("<f", value)[0])
    return text, score


def _read_normaliser(data: bytes, found: SentencePiece) -> None:
    for number, value in _read_fields(data):
        if number == 2 and isinstance(value, bytes):
            found.charsmap = value
        elif number == 3:
            found.adds_prefix = bool(value)
        elif number == 4:
            found.removes_spaces = bool(value)


def _read_fields(data: bytes) -> Iterator[Field]:
    """Number and value of every field: an integer, or bytes for texts, messages and fixed-width numbers."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(kind)
        if at + size > len(data):
            raise IndexError(at)
        yield number, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
