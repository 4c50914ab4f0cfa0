"""Tells thinking and answer apart while both still come in. Pure.

The whole answer is split by `reply.strip_thinking`; this does the same for what a reader sees until then.
"""

from __future__ import annotations

from typing import NamedTuple

from workbench.inference.reply import CLOSE, OPEN


class Split(NamedTuple):
    """What one piece of the stream added."""

    text: str = ""
    reasoning: str = ""
    restart: bool = False
    """All text given out before was thinking: its end came without a beginning."""


class ThinkingSplitter:
    """Feeds on pieces of any size; a tag may be cut anywhere."""

    def __init__(self) -> None:
        self._held = ""
        """The end of what came, where it may be the beginning of a tag."""
        self._thinking = False
        self._begun = False
        """Whether the answer has begun: empty space before it is dropped."""

    def feed(self, piece: str) -> Split:
        """What can be shown now."""
        text, reasoning, restart = "", "", False
        rest = self._held + piece
        while True:
            at, tag = self._find_tag(rest)
            said = rest[:at]
            if self._thinking:
                reasoning += said
            else:
                text += said
            if not tag:
                break
            if tag == CLOSE and not self._thinking:
                text, reasoning, restart = "", reasoning + text, True
                self._begun = False
            self._thinking = tag == OPEN
            rest = rest[at + len(tag) :]
        self._held = rest[at:]
        return Split(self._trim(text), reasoning, restart)

    def finish(self) -> Split:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return Split(reasoning=held) if self._thinking else Split(text=self._trim(held))

    def _find_tag(self, rest: str) -> tuple[int, str]:
        """Where the next tag begins and which it is; without one, where a cut tag may begin."""
        tags = (CLOSE,) if self._thinking else (OPEN, CLOSE)
        found = [(place, tag) for tag in tags if (place := rest.find(tag)) >= 0]
        if found:
            return min(found)
        return len(rest) - max(_overlap(rest, tag) for tag in tags), ""

    def _trim(self, text: str) -> str:
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        return text


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that is a beginning of `tag`."""
    longest = min(len(text), len(tag) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(tag[:size])), 0)
