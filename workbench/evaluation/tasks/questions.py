"""A question of a task before it is put into words, and what a data file says of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.schemas.tasks import AnswerPattern


@dataclass(frozen=True)
class Question:
    """One question as its data file has it."""

    id: str
    """Empty where the file gives none."""
    input: str
    """What a template gets as `input`."""
    question: str
    answer: str = ""
    output: str = ""
    """How a solved example shows the answer."""
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    genre: str = ""
    source: str = ""
    """Where its documents come from."""
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the protocol reads besides."""
    prompt: str = ""
    """The whole prompt, where the file has it ready."""
    system: str = ""
    line: int = 0
    """Where in the file it stands, counted from 1; 0 where lines say nothing."""


@dataclass(frozen=True)
class Dataset:
    """A data file: its questions, and what it prescribes for all of them."""

    questions: tuple[Question, ...]
    instruction: str = ""
    answer_pattern: AnswerPattern = ""
    labels: tuple[str, ...] = ()
    max_tokens: int = 0
    """0: the file says nothing."""
    shots: int | None = None
