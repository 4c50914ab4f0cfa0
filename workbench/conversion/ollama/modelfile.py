"""Writes Modelfiles. Every value is read back as Ollama reads it before it is taken for written.

The format has no escapes: a value ends at the first line end at which its quotes are closed, and characters that
are neither printable nor a space, tab or line end are dropped, the ideographic space among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.errors import InputError

Option = int | float | str | Sequence[str]
_QUOTES = ("", '"', '"""')
_ENDS = "\r\n"


@dataclass(frozen=True)
class Modelfile:
    """What a model is made of. Paths are relative to the Modelfile's folder."""

    source: str
    """The GGUF file."""
    adapter: str = ""
    template: str = ""
    """In Go's template language; empty: Ollama chooses by the GGUF's own template."""
    system: str = ""
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    """Name -> value; a sequence is written as one line each."""
    notes: tuple[str, ...] = ()
    """Comments in front."""

    def render(self) -> str:
        """The file's text.

        Raises:
            InputError: `modelfile_text` where a value cannot be written so that Ollama reads it back.
        """
        lines = [*(f"# {note}" for note in self.notes), _line("FROM", f"./{self.source}")]
        if self.adapter:
            lines.append(_line("ADAPTER", f"./{self.adapter}"))
        if self.template:
            lines.append(_line("TEMPLATE", self.template))
        if self.system:
            lines.append(_line("SYSTEM", self.system))
        for name, value in self.options.items():
            values = [value] if isinstance(value, (int, float, str)) else value
            lines.extend(_line(f"PARAMETER {name}", str(one)) for one in values)
        return "\n".join(lines) + "\n"


def _line(instruction: str, value: str) -> str:
    written = quote(value)
    if written is None:
        raise InputError("modelfile_text", name=instruction, text=_show_problem(value))
    return f"{instruction} {written}"


def quote(value: str) -> str | None:
    """A value as it is written; None where no way of writing it is read back the same."""
    for mark in _QUOTES:
        written = f"{mark}{value}{mark}"
        if read_back(written) == value:
            return written
    return None


def read_back(written: str) -> str | None:
    """What Ollama makes of a value; None where it ends early, late or never."""
    kept: list[str] = []
    for place, char in enumerate(written):
        if char in _ENDS and _unquote("".join(kept)) is not None:
            # the value ends here, and what follows would be read as instructions
            return None if place < len(written) - 1 else _unquote("".join(kept))
        if char.isprintable() or char in _ENDS or char == "\t":
            kept.append(char)
    return _unquote("".join(kept))


def _unquote(text: str) -> str | None:
    text = text.strip()
    for mark in ('"""', '"'):
        if text.startswith(mark):
            closed = len(text) >= 2 * len(mark) and text.endswith(mark)
            return text[len(mark) : -len(mark)] if closed else None
    return text


def is_kept(char: str) -> bool:
    """Whether a Modelfile can hold a character."""
    return char.isprintable() or char in "\n\r\t"


def _show_problem(value: str) -> str:
    lost = next((char for char in value if not is_kept(char)), None)
    return f"U+{ord(lost):04X}" if lost is not None else '"""'
