"""Loads a FAQ file: usable rows in memory, every other row listed with the reason."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from pydantic import Field

from workbench.errors import InputError
from workbench.generation.encoding import Encoding, is_damaged
from workbench.generation.faq_columns import ColumnMap, guess_columns, resolve_columns
from workbench.generation.faq_files import Kind, Opened, Record, open_records
from workbench.schemas.base import StrictModel
from workbench.schemas.generation import FaqSource
from workbench.text.normalise import norm_ja

logger = logging.getLogger(__name__)

SkipReason = Literal[
    "row_unreadable",
    "row_empty",
    "encoding_mixed",
    "question_empty",
    "answer_empty",
    "answer_too_short",
    "answer_too_long",
    "question_duplicate",
    "answer_duplicate",
]

MIN_ROWS = 10
"""Usable rows below which no data set is worth the name: two questions with four distractors each."""
MAX_ROWS = 200_000
"""Usable rows kept in memory; of a longer file a random sample of this size."""
MAX_LISTED = 100_000
"""Skipped rows listed one by one; their counts by reason are always complete."""
_COUNT_BYTES = 64 << 20
_SAMPLE_SEED = 0


class FaqRow(NamedTuple):
    """One usable question with its answer."""

    row: int
    """1-based number among the data rows of the file."""
    question: str
    answer: str
    group: str


class SkippedRow(StrictModel):
    """One row of the file that cannot be used."""

    row: int
    reason: SkipReason
    group: str = ""


@dataclass(frozen=True)
class FaqTable:
    """The usable rows of a FAQ file."""

    name: str
    rows: tuple[FaqRow, ...]
    skipped: tuple[SkippedRow, ...]
    skipped_counts: dict[str, int]
    columns: ColumnMap
    encoding: str
    kind: Kind
    total: int
    """Data rows in the file."""
    usable: int
    """Usable rows in the file; more than `rows` where only a sample is kept."""

    @property
    def groups(self) -> dict[str, int]:
        """Rows per group, most frequent first; empty without a group column."""
        counts = Counter(row.group for row in self.rows if row.group)
        return dict(counts.most_common())


class FaqPreview(StrictModel):
    """What a page shows of a file before anything is built from it."""

    name: str
    columns: tuple[str, ...]
    guess: ColumnMap
    first: tuple[dict[str, str], ...]
    """The first rows, cells by column; long cells are cut."""
    encoding: str
    kind: Kind
    rows: int
    rows_exact: bool
    """False where the number is an estimate from the size of a large file."""
    groups: dict[str, int] = Field(default_factory=dict[str, int])
    """Rows per group by the guess, most frequent first."""


def load_faq(
    source: FaqSource,
    *,
    answer_min: int = 10,
    answer_max: int = 2000,
    min_rows: int = MIN_ROWS,
    on_rows: Callable[[int], None] | None = None,
) -> FaqTable:
    """Read a FAQ file.

    Args:
        source: The file and its columns; empty column names are guessed.
        answer_min: Shortest answer in characters.
        answer_max: Longest answer in characters.
        min_rows: Usable rows below which the file is refused.
        on_rows: Called now and then with the number of rows read.

    Raises:
        InputError: The file as a whole cannot be used; a bad row never raises.
    """
    path = Path(source.path)
    with open_records(path, source) as opened:
        columns = resolve_columns(opened.columns, source)
        reader = _RowReader(columns, opened.form.encoding, answer_min, answer_max)
        for number, record in enumerate(opened.records, start=1):
            reader.add(number, record)
            if on_rows is not None and number % 5000 == 0:
                on_rows(number)
    if reader.usable < min_rows:
        skipped = sum(reader.counts.values())
        raise InputError(
            "faq_too_few_rows", name=path.name, usable=reader.usable, needed=min_rows, skipped=skipped
        )
    if reader.usable > len(reader.rows):
        logger.warning(
            "%s: kept a sample of %s of %s usable rows", path.name, len(reader.rows), reader.usable
        )
    return FaqTable(
        name=path.name,
        rows=tuple(sorted(reader.rows)),
        skipped=tuple(reader.skipped),
        skipped_counts=dict(reader.counts),
        columns=columns,
        encoding=opened.form.encoding,
        kind=opened.form.kind,
        total=reader.total,
        usable=reader.usable,
    )


def preview_faq(path: str | Path, *, first: int = 5, cell_chars: int = 200) -> FaqPreview:
    """Columns, a guess of their roles, and the first rows, without loading a large file as a whole.

    Raises:
        InputError: The file as a whole cannot be read.
    """
    path = Path(path)
    source = FaqSource(path=str(path))
    size = path.stat().st_size if path.is_file() else 0
    exact = size <= _COUNT_BYTES
    with open_records(path, source) as opened:
        guess = guess_columns(opened.columns)
        seen = _scan(opened, guess, first, exact)
    return FaqPreview(
        name=path.name,
        columns=opened.columns,
        guess=guess,
        first=tuple(_cut(record, cell_chars) for record in seen.head),
        encoding=opened.form.encoding,
        kind=opened.form.kind,
        rows=seen.rows if exact else int(seen.rows * size / max(1, seen.bytes)),
        rows_exact=exact,
        groups=dict(seen.groups.most_common()),
    )


class _Scan(NamedTuple):
    head: list[Record]
    rows: int
    bytes: int
    """Bytes of the rows counted, roughly."""
    groups: Counter[str]


def _scan(opened: Opened, guess: ColumnMap, first: int, whole: bool, some: int = 5000) -> _Scan:
    head: list[Record] = []
    groups: Counter[str] = Counter()
    count = read = 0
    for record in opened.records:
        count += 1
        if not record.fault and len(head) < first:
            head.append(record)
        if guess.group and record.cells.get(guess.group, "").strip():
            groups[_clean(record.cells[guess.group])] += 1
        if not whole:
            read += sum(
                len(cell.encode(opened.form.encoding, "replace")) + 1 for cell in record.cells.values()
            )
            if count >= some:
                break
    return _Scan(head, count, read, groups)


def _cut(record: Record, limit: int) -> dict[str, str]:
    return {
        name: cell.encode("utf-8", "replace").decode("utf-8")[:limit] for name, cell in record.cells.items()
    }


@dataclass
class _RowReader:
    """Collects usable rows and lists the others."""

    columns: ColumnMap
    encoding: Encoding
    answer_min: int
    answer_max: int
    total: int = 0
    usable: int = 0
    rows: list[FaqRow] = field(default_factory=list[FaqRow])
    skipped: list[SkippedRow] = field(default_factory=list[SkippedRow])
    counts: Counter[str] = field(default_factory=Counter[str])
    _questions: set[bytes] = field(default_factory=set[bytes])
    _answers: set[bytes] = field(default_factory=set[bytes])
    _rng: Random = field(default_factory=lambda: Random(_SAMPLE_SEED))

    def add(self, number: int, record: Record) -> None:
        """Take one record; `number` is its 1-based place among the data rows."""
        self.total = number
        question, answer = self._cell(record, self.columns.question), self._cell(record, self.columns.answer)
        reason = _find_fault(record, question, answer, self.encoding, self.answer_min, self.answer_max)
        reason = reason or self._find_duplicate(question, answer)
        group = self._cell(record, self.columns.group)
        if reason is None:
            self._keep(FaqRow(number, question, answer, group))
            return
        self.counts[reason] += 1
        if len(self.skipped) < MAX_LISTED:
            self.skipped.append(SkippedRow(row=number, reason=reason, group=group))

    def _cell(self, record: Record, column: str) -> str:
        return _clean(record.cells.get(column, "")) if column else ""

    def _find_duplicate(self, question: str, answer: str) -> SkipReason | None:
        keys = _fingerprint(question), _fingerprint(answer)
        if keys[0] in self._questions:
            return "question_duplicate"
        if keys[1] in self._answers:
            return "answer_duplicate"
        self._questions.add(keys[0])
        self._answers.add(keys[1])
        return None

    def _keep(self, row: FaqRow) -> None:
        """Reservoir sampling: every usable row of a huge file has the same chance to stay."""
        self.usable += 1
        if len(self.rows) < MAX_ROWS:
            self.rows.append(row)
            return
        place = self._rng.randrange(self.usable)
        if place < MAX_ROWS:
            self.rows[place] = row


def _find_fault(
    record: Record, question: str, answer: str, encoding: Encoding, answer_min: int, answer_max: int
) -> SkipReason | None:
    faults: tuple[tuple[SkipReason, bool], ...] = (
        ("row_empty", record.fault == "row_empty"),
        ("row_unreadable", bool(record.fault)),
        ("encoding_mixed", any(is_damaged(text, encoding) for text in (question, answer))),
        ("question_empty", not question),
        ("answer_empty", not answer),
        ("answer_too_short", len(answer) < answer_min),
        ("answer_too_long", len(answer) > answer_max),
    )
    return next((reason for reason, found in faults if found), None)


def _clean(text: str) -> str:
    """Line ends as one kind, nothing around; everything else stays as it is, markup and scripts too."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _fingerprint(text: str) -> bytes:
    """Equal for texts that differ in width, case, spaces and punctuation only."""
    plain = norm_ja(text) or text
    return hashlib.sha1(plain.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
