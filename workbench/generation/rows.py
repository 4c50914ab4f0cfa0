"""From a draft and its lesson to a line of a RAFT file."""

from __future__ import annotations

from workbench.generation.drafts import Draft, row_id
from workbench.generation.report import FileName
from workbench.generation.teaching import Lesson
from workbench.generation.templates import build_prompt
from workbench.schemas.chat import ChatMessage, RaftMetadata, RaftRow
from workbench.schemas.generation import RaftConfig


def make_row(
    draft: Draft, file: FileName, lesson: Lesson | None, config: RaftConfig, teacher: str
) -> RaftRow:
    """Rows for training end with the assistant's turn, test rows with the user's.

    Args:
        draft: Question and documents.
        file: Where the row goes.
        lesson: What answers the question; None for a row without an oracle.
        config: System prompt, names and licence.
        teacher: Name of whoever wrote the lesson.
    """
    messages = build_prompt(config.system_prompt, draft.texts, draft.row.question)
    if file in ("train", "valid"):
        target = lesson.target if lesson is not None else draft.refusal
        messages = (*messages, ChatMessage(role="assistant", content=target))
    has_oracle = draft.oracle_position is not None
    metadata = RaftMetadata(
        id=draft.id,
        split=file,
        source=config.source.path.replace("\\", "/").rsplit("/", 1)[-1],
        copyright=draft.row.group,
        license=config.source.license,
        question=draft.row.question,
        has_oracle=has_oracle,
        oracle_position=draft.oracle_position,
        is_extra_unanswerable=draft.set == "extra_unanswerable",
        doc_ids=tuple(row_id(document) for document in draft.documents),
        neg_kinds=draft.kinds,
        neg_max_ratio=draft.max_ratio,
        quote=lesson.quote if lesson is not None else "",
        reference_short=lesson.reference_short if lesson is not None else "",
        expected_answer=draft.row.answer if has_oracle else "",
        teacher=teacher if has_oracle else "",
    )
    return RaftRow(messages=messages, metadata=metadata)
