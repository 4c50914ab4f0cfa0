"""Questions that a person tried by hand, kept for a review."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, Endpoint, Sampling


class LiveAnswer(StrictModel):
    """What one model said."""

    label: str = Field(min_length=1, max_length=200)
    """How the person saw the model named."""
    endpoint: Endpoint
    reply: ChatReply


class LiveEntry(StrictModel):
    """One question with the pair of answers that is to be judged."""

    id: str = Field(min_length=1)
    at: float = 0.0
    """Seconds since the epoch."""
    kind: Literal["answerable", "unseen", "unanswerable", "task"] = "task"
    """`task`: nobody has said what the right answer is."""
    messages: tuple[ChatMessage, ...] = Field(min_length=1)
    """The prompt as it was asked."""
    question: str = Field(min_length=1)
    documents: tuple[str, ...] = ()
    target: str = ""
    oracle_position: int | None = None
    sampling: Sampling = Sampling()
    baseline: LiveAnswer
    finetuned: LiveAnswer
