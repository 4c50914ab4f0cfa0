"""Untrusted text for formats that would otherwise act on it: spreadsheets, Markdown, XML. Pure."""

from __future__ import annotations

import re
from html import escape

_CELL = 32_000
"""Excel holds 32,767 characters in a cell."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula, in their full-width forms too."""
_MARKUP = re.compile(r"[\\`*_\[\]|!#~]")
# everything that XML 1.0 cannot hold
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_xml(text: str) -> str:
    """Text that XML and spreadsheets can hold: control characters and lone surrogates become U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


def escape_cell(text: str) -> str:
    """A cell that a spreadsheet cannot take for a formula, cut to what it can hold."""
    cell = clean_xml(text[:_CELL])
    return f"'{cell}" if cell.lstrip(" \u3000").startswith(_FORMULA) else cell


def escape_markdown(text: str) -> str:
    """Text on one line that opens no markup, no link, no picture and no further column."""
    flat = " ".join(clean_xml(text).split())
    return _MARKUP.sub(lambda found: f"\\{found[0]}", escape(flat, quote=False))
