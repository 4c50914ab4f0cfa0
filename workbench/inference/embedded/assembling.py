"""Text from tokens, piece by piece. Pure: decoding is an argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"
"""What a decoder writes for bytes that do not yet make a character."""


class TextAssembler:
    """Grows the text of one answer token by token, stops it at stop strings, and hands out what is certain.

    A character may need several tokens, and a token's text may depend on the one before it; so the newest
    tokens are decoded together with the ones before them, and their text is the difference.

    Args:
        decode: Text of a list of tokens.
        stops: Strings at which the answer ends; they are not part of it.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stops = tuple(stop for stop in stops if stop)
        self._tokens: list[int] = []
        self._context = 0
        """Index of the first token that is decoded for context only."""
        self._read = 0
        """Index of the first token whose text is not in `text` yet."""
        self._sent = 0
        self.text = ""
        self.stopped = False
        """Whether a stop string was reached."""

    def add(self, token: int) -> None:
        """Take one more token."""
        self._tokens.append(token)
        piece = self._read_new()
        if piece and not piece.endswith(UNFINISHED):
            self._accept(piece)

    def finish(self) -> None:
        """No more tokens: what was held back as unfinished becomes text."""
        if not self.stopped:
            self._accept(self._read_new())

    def take(self, *, final: bool = False) -> str:
        """Text that has not been taken yet. What may be the beginning of a stop string waits until
        `final`.
        """
        end = len(self.text) if final or self.stopped else len(self.text) - self._held_back()
        piece = self.text[self._sent : end]
        self._sent = max(self._sent, end)
        return piece

    def _read_new(self) -> str:
        known = self._decode(self._tokens[self._context : self._read])
        return self._decode(self._tokens[self._context :])[len(known) :]

    def _accept(self, piece: str) -> None:
        before = len(self.text)
        self.text += piece
        self._context, self._read = self._read, len(self._tokens)
        found = [self.text.find(stop, max(0, before - len(stop) + 1)) for stop in self._stops]
        hits = [position for position in found if position >= 0]
        if hits:
            self.text = self.text[: min(hits)]
            self.stopped = True

    def _held_back(self) -> int:
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for length in range(min(longest, len(self.text)), 0, -1):
            tail = self.text[-length:]
            if any(stop.startswith(tail) for stop in self._stops):
                return length
        return 0
