"""Finished calls of an evaluation, on disk before they count.

`journal.jsonl` in the job's work folder has one line per finished call, in the order in which answers came:

    {"key": hash of the request, "reply": ChatReply, ... the fields of ScoredAnswer without `documents` and
    `messages`}

The record is a ScoredAnswer, or what a judge said of one.

A page can tail it for a table that fills while the job runs. After an interruption the calls whose request is
still the same are not made again; those that ended in an error are.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.artifacts import JsonlWriter, read_jsonl
from workbench.schemas.inference import ChatReply, ChatRequest

logger = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"


def request_key(sample_id: str, request: ChatRequest) -> str:
    """Identifies a call: the question's id and everything that is sent."""
    text = f"{sample_id}\0{request.model_dump_json()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def read_journal(path: Path) -> dict[str, ChatReply]:
    """Replies by key, without errors; empty where there is no journal yet."""
    if not path.exists():
        return {}
    replies: dict[str, ChatReply] = {}
    for line in read_jsonl(path):
        reply = _read_line(line)
        if reply is not None and reply.state != "error":
            replies[str(line["key"])] = reply
    return replies


def _read_line(line: Mapping[str, Any]) -> ChatReply | None:
    try:
        return ChatReply.model_validate(line["reply"]) if "key" in line else None
    except (KeyError, ValidationError):
        logger.warning("a line of the journal cannot be read; its question is asked again")
        return None


class Journal:
    """Appends finished calls."""

    def __init__(self, path: Path) -> None:
        self._writer = JsonlWriter(path)

    def add(self, key: str, reply: ChatReply, record: BaseModel) -> None:
        """Write one finished call and what was made of it."""
        shown = record.model_dump(mode="json", exclude={"documents", "messages"})
        self._writer.append({**shown, "key": key, "reply": reply.model_dump(mode="json")})

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.sync()
        finally:
            self._writer.close()
