"""Messages, rows of a dataset, and the samples of a test set."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.schemas.base import StrictModel

Role = Literal["system", "user", "assistant"]


class ChatMessage(StrictModel):
    """One turn of a conversation."""

    role: Role
    content: str


class RaftMetadata(StrictModel):
    """What is known of a RAFT row; the names are those of the seed article's scripts, and more."""

    id: str
    split: Literal["train", "valid", "test", "test_unseen", "test_unanswerable"]
    source: str
    """Name of the FAQ file."""
    copyright: str = ""
    """Group of the row (ministry, department)."""
    license: str = ""
    question: str
    has_oracle: bool
    """Whether the document that answers is among the documents."""
    oracle_position: int | None = None
    """1-based number of the answering document, None without one."""
    is_extra_unanswerable: bool = False
    doc_ids: tuple[str, ...] = ()
    neg_kinds: tuple[str, ...] = ()
    """How each distractor was chosen, in the order of the documents without the oracle."""
    neg_max_ratio: float | None = None
    """BM25 score of the best distractor over that of the oracle; None without an oracle."""
    quote: str = ""
    reference_short: str = ""
    """Short reference answer, verified against the oracle."""
    expected_answer: str = ""
    """The oracle document."""
    teacher: str = ""


class RaftRow(StrictModel):
    """One line of a RAFT file: messages for training, metadata for everything else.

    Rows for training end with the assistant's turn; test rows end with the user's.
    """

    messages: tuple[ChatMessage, ...]
    metadata: RaftMetadata


class Sample(StrictModel):
    """One question of a test set."""

    id: str
    kind: Literal["answerable", "unseen", "unanswerable", "general", "task"]
    task: str = ""
    genre: str = ""
    source: str = ""
    """Where the documents of the question come from: a file, a department, an article; empty where nothing says."""
    messages: tuple[ChatMessage, ...]
    """The prompt: everything up to the assistant's turn."""
    question: str
    documents: tuple[str, ...] = ()
    target: str = ""
    """The reference answer; for a general task the right label."""
    references: tuple[str, ...] = ()
    """Further accepted answers."""
    oracle_position: int | None = None
    """1-based number of the document that answers, None where none does."""
    meta: dict[str, Any] = Field(default_factory=dict[str, Any])
