"""What a protocol is: the fixed way in which answers to a task are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.schemas.evaluation import Quote, SampleState
from workbench.text.refusals import RefusalState


@dataclass(frozen=True)
class Given:
    """What a protocol sees of one answer that is neither empty, nor cut off, nor an error."""

    prediction: str
    """The answer without its thinking part."""
    expected: str
    references: tuple[str, ...] = ()
    """Further accepted answers."""
    question: str = ""
    documents: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the task's data says of the question: `choices`, `labels`, `instruction_id_list`, `kwargs`, …"""
    refusal: RefusalState = "answered"
    """What our three-way rule takes the answer for."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """All answers that count as right."""
        return (self.expected, *(text for text in self.references if text != self.expected))


@dataclass(frozen=True)
class Verdict:
    """What a protocol says of one answer."""

    scores: Mapping[str, float]
    lists: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    extracted: str = ""
    rule: str = ""
    whole: bool = True
    """What was taken out is complete even where the answer around it was cut off."""
    state: SampleState | None = None
    """Set where the protocol has a rule of its own for refusals; otherwise our three-way rule decides."""
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way of scoring. Scores of different versions are not compared.

    Args:
        name: For example `jcq_chat`.
        version: Raised with every change that can change a score.
        primary: The score that counts as the question's own.
        measure: Pure: the same answer always gives the same scores.
        rates: Scores that are 0 or 1 for each question: their intervals are Wilson's, their tests McNemar's.
        asides: Scores that describe the answer and do not judge it (`refused`, `parsed`): they are told of
            scored answers only.
        chance: Mean of the primary score over answers that know nothing; None where there is no such figure.
            Gets the answers in the order of the file.
        needs_expected: A question without a reference answer cannot be scored.
        reads_expected: Whether a reference answer is one that the protocol can compare with.
        needs: Further fields that a line must have, for example `choices`.
        reads_cut: An answer that ran into the limit of tokens still counts where the protocol could take a
            whole part out of it: llm-jp-eval allows few tokens on purpose and never asks why an answer ended.
    """

    name: str
    version: int
    primary: str
    measure: Callable[[Given], Verdict]
    rates: frozenset[str] = frozenset()
    asides: frozenset[str] = frozenset()
    chance: Callable[[Sequence[Given]], float | None] = lambda given: None
    needs_expected: bool = True
    reads_expected: Callable[[str], bool] = lambda expected: True
    needs: tuple[str, ...] = ()
    reads_cut: bool = False

    @property
    def label(self) -> str:
        """Name and version, as figures carry it."""
        return f"{self.name}@{self.version}"
