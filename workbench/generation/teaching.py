"""What a teacher is asked and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class TeacherTask:
    """One question with its documents, one of which answers it."""

    id: str
    question: str
    documents: tuple[str, ...]
    oracle_position: int
    """1-based number of the answering document."""

    @property
    def oracle(self) -> str:
        return self.documents[self.oracle_position - 1]


class Lesson(NamedTuple):
    """What the model shall learn to answer."""

    target: str
    """The assistant's turn."""
    quote: str
    """Part of the oracle, word for word, without its final stop."""
    reference_short: str
    """Short reference answer."""


class Outcome(NamedTuple):
    """How one task ended."""

    id: str
    lesson: Lesson | None
    reason: str = ""
    """Why there is no lesson: `reason.<reason>`."""


OnOutcome = Callable[[Outcome], None]
ShouldStop = Callable[[], bool]
"""True: finish with what is there. May raise to end everything; then nothing is written."""


@dataclass
class TokenCount:
    """Tokens that a teacher used, as its server counts them."""

    prompt: int = 0
    completion: int = 0


class Teacher(Protocol):
    """Writes lessons."""

    name: str
    """Stands in the metadata of every row, so that nobody takes one teacher for another."""
    tokens: TokenCount

    def teach(self, tasks: Sequence[TeacherTask], on_outcome: OnOutcome, should_stop: ShouldStop) -> None:
        """Work on every task; each gets exactly one outcome, except where `should_stop` ended the work.

        Raises:
            EndpointError: The teacher cannot be reached or refuses; outcomes before it were handed over.
        """
        ...
