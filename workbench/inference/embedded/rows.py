"""One request on its way through the engine. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from workbench.inference.embedded.assembling import TextAssembler

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """A bit of text for a streaming request."""

    text: str


@dataclass(frozen=True)
class Done:
    """The whole answer."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    """Tokens made, the one that ends the answer included."""
    tokens: tuple[int, ...] = ()
    """The answer's tokens without the one that ends it."""


@dataclass(frozen=True)
class Failed:
    """No answer. The code is one of the catalogue."""

    code: str
    detail: str = ""


Event = Piece | Done | Failed
Listener = Callable[[Event], None]


class Chooser(Protocol):
    """Chooses tokens; see `TokenChooser`."""

    @property
    def is_plain(self) -> bool: ...

    def choose(self, logits: object, tokens: Sequence[int]) -> int: ...


@dataclass
class Row:
    """One request: its prompt, and its answer so far.

    The listener is called from the engine's thread.
    """

    model: str
    prompt: tuple[int, ...]
    max_tokens: int
    stop_ids: frozenset[int]
    chooser: Chooser
    listener: Listener
    decode: Callable[[Sequence[int]], str]
    stops: tuple[str, ...] = ()
    stream: bool = False
    tokens: list[int] = field(default_factory=list[int])
    made: int = 0
    cancelled: bool = False
    """Set by any thread; the row leaves the batch before the next step."""
    finished: bool = False
    _assembler: TextAssembler | None = None

    def __post_init__(self) -> None:
        if self.stream or self.stops:
            self._assembler = TextAssembler(self.decode, self.stops)

    @property
    def leaves(self) -> bool:
        """Whether no further token is wanted."""
        return self.finished or self.cancelled

    def accept(self, token: int) -> None:
        """Take the next token; tells the listener what came of it."""
        self.made += 1
        if token in self.stop_ids:
            self._finish("stop")
            return
        self.tokens.append(token)
        if self._assembler is not None:
            self._assembler.add(token)
            if self._assembler.stopped:
                self._finish("stop")
                return
            if self.stream:
                self._send_piece(self._assembler.take())
        if self.made >= self.max_tokens:
            self._finish("length")

    def fail(self, code: str, detail: str = "") -> None:
        """End without an answer."""
        self.finished = True
        self.listener(Failed(code, detail))

    def _finish(self, reason: FinishReason) -> None:
        self.finished = True
        text = self._read_text()
        self.listener(Done(text, reason, len(self.prompt), self.made, tuple(self.tokens)))

    def _read_text(self) -> str:
        if self._assembler is None:
            return self.decode(self.tokens)
        self._assembler.finish()
        if self.stream:
            self._send_piece(self._assembler.take(final=True))
        return self._assembler.text

    def _send_piece(self, text: str) -> None:
        if text:
            self.listener(Piece(text))
