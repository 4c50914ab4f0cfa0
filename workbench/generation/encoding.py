"""Which of the encodings met in Japan a text file is in."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Literal, NamedTuple

Encoding = Literal["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16"]

_HEAD_BYTES = 2 << 20
_TAIL_BYTES = 1 << 20
_MARKS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KANA = re.compile(r"[\u3040-\u30ff]")
_HALF_KANA = re.compile(r"[\uff61-\uff9f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REPLACED = "\ufffd"

# bytes that no text file holds: control characters but tab, line feed, form feed, carriage return, escape
_CONTROL = bytes(code for code in range(32) if code not in (9, 10, 12, 13, 27))


class Sample(NamedTuple):
    """The beginning and the end of a file."""

    head: bytes
    tail: bytes


def read_sample(path: Path) -> Sample:
    """The first 2 MB and the last 1 MB, cut at line ends where the file is longer."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if size <= _HEAD_BYTES:
            return Sample(head, b"")
        head = head[: head.rfind(b"\n") + 1] or head
        file.seek(max(_HEAD_BYTES, size - _TAIL_BYTES))
        tail = file.read()
    return Sample(head, tail[tail.find(b"\n") + 1 :])


def detect_encoding(sample: Sample) -> Encoding | None:
    """The encoding, or None where the bytes are no text.

    UTF-8 is taken where at least nine in ten lines beyond ASCII are valid in it: other text hardly ever is.
    Between Shift_JIS (CP932) and EUC-JP the one that reads as kana wins, not as half-width kana.
    """
    for mark, name in _MARKS:
        if sample.head.startswith(mark):
            return name
    if b"\0" in sample.head or _control_share(sample.head) > 0.01:
        return None
    lines = [line for line in (*sample.head.splitlines(), *sample.tail.splitlines()) if not line.isascii()]
    if not lines or _count_valid(lines, "utf-8") >= 0.9 * len(lines):
        return "utf-8"
    candidates: tuple[Encoding, ...] = ("cp932", "euc_jp", "utf-8")
    best = max(candidates, key=lambda name: _score(lines, name))
    return best if _count_valid(lines, best) >= 0.3 * len(lines) else None


def is_damaged(text: str, encoding: Encoding) -> bool:
    """Whether a decoded text holds bytes that its encoding does not know (see `error_handler`).

    A replacement character that stands in the file itself is text: what was lost, was lost before.
    """
    if encoding == "utf-16" and _REPLACED in text:
        return True
    return _LONE_SURROGATE.search(text) is not None


def error_handler(encoding: Encoding) -> str:
    """How undecodable bytes are marked, so that only their row is lost (see `is_damaged`)."""
    return "replace" if encoding == "utf-16" else "surrogateescape"


def _control_share(data: bytes) -> float:
    return sum(data.count(code) for code in _CONTROL) / max(1, len(data))


def _is_valid(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _count_valid(lines: list[bytes], encoding: str) -> int:
    return sum(_is_valid(line, encoding) for line in lines)


def _score(lines: list[bytes], encoding: str) -> float:
    valid = _count_valid(lines, encoding) / len(lines)
    text = b"\n".join(lines).decode(encoding, "replace")
    kana = len(_KANA.findall(text)) - len(_HALF_KANA.findall(text))
    return valid + 0.5 * kana / max(1, len(text))
