"""Writes a built data set: files, report, card and manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from workbench.artifacts import hash_file, write_json_atomic, write_jsonl_atomic, write_text_atomic
from workbench.generation.card import write_card
from workbench.generation.drafts import Draft
from workbench.generation.faq import FaqTable
from workbench.generation.negatives import is_top_of_own_set
from workbench.generation.report import FILES, CountedSet, FileName, ListedRow, RaftReport, SourceReport
from workbench.generation.teaching import Teacher
from workbench.schemas.chat import RaftRow
from workbench.schemas.generation import RaftConfig

_LISTED_SKIPPED = 1000
_DIFFICULTY_ROWS = 300


@dataclass(frozen=True)
class Built:
    """Everything that a report is made from."""

    config: RaftConfig
    table: FaqTable
    requested: Mapping[CountedSet, int]
    listed: Sequence[ListedRow]
    drafts: Sequence[Draft]
    rows: Mapping[FileName, Sequence[RaftRow]]
    teacher: Teacher
    stopped_early: bool


def write_files(built: Built, out_dir: Path) -> RaftReport:
    """Write every file of the data set; the manifest last."""
    rows = built.rows
    paths: dict[FileName, Path] = {name: out_dir / f"{name}.jsonl" for name in FILES}
    for name, path in paths.items():
        write_jsonl_atomic(path, rows[name])
    report = _report(built, paths)
    write_text_atomic(out_dir / "card.md", write_card(report, built.config))
    manifest = {
        "format": 1,
        "config": built.config,
        "counts": {name: len(rows[name]) for name in FILES},
        "sha256": {path.name: hash_file(path) for path in paths.values()},
        "report": report.model_copy(update={"files": {name: path.name for name, path in paths.items()}}),
    }
    write_json_atomic(out_dir / "manifest.json", manifest)
    return report


def _report(built: Built, paths: Mapping[FileName, Path]) -> RaftReport:
    rows, teacher = built.rows, built.teacher
    train = [row.metadata for row in rows["train"]]
    plain = [row for row in train if not row.is_extra_unanswerable]
    kept: dict[CountedSet, int] = {
        "train": len(plain),
        "test": len(rows["test"]),
        "unseen": len(rows["test_unseen"]),
        "unanswerable": len(rows["test_unanswerable"]),
        "extra_unanswerable": len(train) - len(plain),
    }
    judged = _pick_judged(built.drafts)
    ratios = [draft.max_ratio for draft in judged if draft.max_ratio is not None]
    return RaftReport(
        requested=dict(built.requested),
        kept=kept,
        listed=tuple(built.listed),
        files={name: str(path.absolute()) for name, path in paths.items()},
        valid=len(rows["valid"]),
        difficulty=_share([_is_top(draft) for draft in judged]),
        nearest_ratio=round(median(ratios), 4) if ratios else None,
        refusal_share=_share([not row.has_oracle for row in train]),
        oracle_share=_share([row.has_oracle for row in plain]),
        teacher=teacher.name,
        seed=built.config.seed,
        stopped_early=built.stopped_early,
        prompt_tokens=teacher.tokens.prompt,
        completion_tokens=teacher.tokens.completion,
        source=_describe(built.table, built.config),
    )


def _pick_judged(drafts: Sequence[Draft]) -> list[Draft]:
    """Answerable test rows, or training rows where there is no test: those whose difficulty is told."""
    tests = [draft for draft in drafts if draft.set in ("test", "unseen")]
    trains = [draft for draft in drafts if draft.set == "train" and draft.oracle_position is not None]
    return (tests or trains)[:_DIFFICULTY_ROWS]


def _is_top(draft: Draft) -> bool:
    return is_top_of_own_set(draft.row.question, draft.texts, (draft.oracle_position or 1) - 1)


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def _describe(table: FaqTable, config: RaftConfig) -> SourceReport:
    return SourceReport(
        name=table.name,
        sha256=hash_file(Path(config.source.path)),
        encoding=table.encoding,
        kind=table.kind,
        question_column=table.columns.question,
        answer_column=table.columns.answer,
        group_column=table.columns.group,
        rows=table.total,
        usable=table.usable,
        skipped=sum(table.skipped_counts.values()),
        skipped_by_reason=table.skipped_counts,
        skipped_rows=tuple(skip.model_dump() for skip in table.skipped[:_LISTED_SKIPPED]),
    )
