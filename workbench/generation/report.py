"""What a build of RAFT data made, and what it could not make."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.schemas.base import StrictModel

CountedSet = Literal["train", "test", "unseen", "unanswerable", "extra_unanswerable"]
COUNTED: tuple[CountedSet, ...] = ("train", "test", "unseen", "unanswerable", "extra_unanswerable")
FileName = Literal["train", "valid", "test", "test_unseen", "test_unanswerable"]
FILES: tuple[FileName, ...] = ("train", "valid", "test", "test_unseen", "test_unanswerable")


class ListedRow(StrictModel):
    """A requested row that could not be made."""

    row: int | str
    """Number of the file's data row where one is to blame, otherwise the place in the set, `train-951`."""
    reason: str
    """Code; the catalogue holds `reason.<code>`."""
    set: CountedSet


class SourceReport(StrictModel):
    """What was read."""

    name: str
    sha256: str
    encoding: str
    kind: str
    question_column: str
    answer_column: str
    group_column: str
    rows: int
    """Data rows in the file."""
    usable: int
    skipped: int
    skipped_by_reason: dict[str, int] = Field(default_factory=dict[str, int])
    skipped_rows: tuple[dict[str, Any], ...] = ()
    """`{"row", "reason"}` of the first thousand."""


class RaftReport(StrictModel):
    """The record of a build; the command line prints it."""

    requested: dict[CountedSet, int]
    kept: dict[CountedSet, int]
    listed: tuple[ListedRow, ...]
    """One entry for every row that was requested and not made."""
    files: dict[FileName, str]
    """Absolute paths."""
    valid: int
    """Validation rows, made beside the training rows."""
    difficulty: float | None
    """Share of the answerable test rows where BM25 alone, over the row's own documents, finds the oracle."""
    nearest_ratio: float | None
    """Median over the same rows: BM25 score of the best distractor over that of the oracle."""
    refusal_share: float | None
    """Share of the rows in train.jsonl whose target is a refusal."""
    oracle_share: float | None
    """Share of the training rows, extra refusals left out, whose documents hold the answer."""
    teacher: str
    seed: int
    stopped_early: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    source: SourceReport

    @property
    def requested_total(self) -> int:
        return sum(self.requested.values())

    @property
    def kept_total(self) -> int:
        return sum(self.kept.values())
