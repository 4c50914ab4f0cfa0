"""Builds a RAFT data set from a FAQ file: read, split, draw distractors, teach, write."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

from workbench.errors import InputError
from workbench.generation.drafts import Drafter, Drafts, cluster_rows
from workbench.generation.faq import FaqTable, SkippedRow, load_faq
from workbench.generation.outputs import Built, write_files
from workbench.generation.report import COUNTED, FILES, CountedSet, FileName, ListedRow, RaftReport
from workbench.generation.rows import make_row
from workbench.generation.split import SetName, SplitRequest, split_rows
from workbench.generation.tables import find_group, thin_table
from workbench.generation.teachers import TEACHERS, ExtractiveTeacher, TeacherContext
from workbench.generation.teaching import Lesson, Outcome, ShouldStop, Teacher
from workbench.generation.templates import check_refusal
from workbench.inference import ChatClient
from workbench.schemas.chat import RaftRow
from workbench.schemas.generation import RaftConfig

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Phase, done, total (0: not known)."""

FILE_OF: dict[SetName, FileName] = {
    "train": "train",
    "extra_unanswerable": "train",
    "valid": "valid",
    "test": "test",
    "unseen": "test_unseen",
    "unanswerable": "test_unanswerable",
}
JOURNAL = "teacher_journal.jsonl"
_ROW_LIMIT = 60_000


def build_raft(
    config: RaftConfig,
    out_dir: Path,
    *,
    progress: Progress | None = None,
    client: ChatClient | None = None,
    should_stop: ShouldStop | None = None,
    journal: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> RaftReport:
    """Build the data set into a folder.

    Args:
        config: Everything that decides what comes out: the same configuration and file give the same rows.
        out_dir: Folder of the files; made where it does not exist.
        progress: Told how far the build is.
        client: Asked instead of the endpoint's own client.
        should_stop: True ends the teacher's work and writes what is there; may raise to end without writing.
        journal: File of finished teacher calls, by default in `out_dir`; a second run takes them from there.
        environ: Where endpoint keys are, by default the process's own.

    Raises:
        ConfigError: The refusal would not be counted as one.
        InputError: The file, the group or the folder cannot be used.
        EndpointError: The teacher cannot be used; finished calls are in the journal.
    """
    check_refusal(config.refusal)
    build = _Build(config, progress or _say_nothing, should_stop or _go_on)
    table = build.read()
    _make_folder(out_dir)
    drafter = build.split(table)
    drafts = build.draw(drafter)
    context = TeacherContext(
        config,
        drafter.index.idf,
        journal or out_dir / JOURNAL,
        os.environ if environ is None else environ,
        client,
    )
    teacher = TEACHERS[config.teacher](context)
    build.teach(teacher, drafts)
    rows = build.finish(drafts, teacher, ExtractiveTeacher(drafter.index.idf))
    build.say("raft_write", 0, 0)
    requested = build.requested()
    built = Built(config, table, requested, build.listed, drafts.made, rows, teacher, build.stopped)
    return write_files(built, out_dir)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as exc:
        raise InputError("raft_out_unusable", path=str(folder)) from exc


def _say_nothing(_phase: str, _done: int, _total: int) -> None:
    return


def _go_on() -> bool:
    return False


@dataclass
class _Build:
    """One build under way."""

    config: RaftConfig
    say: Progress
    should_stop: ShouldStop
    listed: list[ListedRow] = field(default_factory=list[ListedRow])
    lessons: dict[str, Lesson] = field(default_factory=dict[str, Lesson])
    failures: dict[str, str] = field(default_factory=dict[str, str])
    stopped: bool = False

    def read(self) -> FaqTable:
        """Load the file; of a very long one keep as many rows as the sizes can need."""
        config = self.config
        self.say("raft_read", 0, 0)
        table = load_faq(
            config.source,
            answer_min=config.answer_min,
            answer_max=config.answer_max,
            min_rows=2 * (config.distractors + 1),
            on_rows=lambda count: self.say("raft_read", count, 0),
        )
        target = find_group(table, config.group)
        wanted = sum(self.requested().values())
        return thin_table(table, target, max(_ROW_LIMIT, 3 * wanted), config.seed)

    def requested(self) -> dict[CountedSet, int]:
        """The sizes asked for."""
        return {name: cast("int", getattr(self.config, name)) for name in COUNTED}

    def split(self, table: FaqTable) -> Drafter:
        """Split before anything else, and list what the file is too short for."""
        config = self.config
        self.say("raft_compare", 0, len(table.rows))
        self.should_stop()
        clusters = cluster_rows(table.rows)
        self.say("raft_compare", len(table.rows), len(table.rows))
        target = find_group(table, config.group)
        sizes: dict[SetName, int] = {**self.requested(), "valid": round(config.train * config.valid_share)}
        if not target:
            sizes["unseen"] = 0
        groups = [row.group for row in table.rows]
        split = split_rows(SplitRequest(groups, clusters, sizes, target, config.seed))
        self._list_shortage({name: len(members) for name, members in split.sets.items()}, table, target)
        return Drafter(config, table, clusters, split)

    def draw(self, drafter: Drafter) -> Drafts:
        """Draw the documents of every row."""
        self.should_stop()
        self.say("raft_draw", 0, 0)
        drafts = drafter.draw_all()
        for name, row in drafts.failed:
            self._list(name, row.row, "too_few_documents")
        return drafts

    def teach(self, teacher: Teacher, drafts: Drafts) -> None:
        """Let the teacher write the targets of training and validation rows that have an oracle."""
        tasks = [task for draft in drafts.made if draft.set in ("train", "valid") and (task := draft.task())]
        self.say("raft_teach", 0, len(tasks))

        def note(outcome: Outcome) -> None:
            if outcome.lesson is None:
                self.failures[outcome.id] = outcome.reason
            else:
                self.lessons[outcome.id] = outcome.lesson
            self.say("raft_teach", len(self.lessons) + len(self.failures), len(tasks))

        if tasks:
            teacher.teach(tasks, note, self.should_stop)
        self.stopped = len(self.lessons) + len(self.failures) < len(tasks)

    def finish(
        self, drafts: Drafts, teacher: Teacher, examiner: ExtractiveTeacher
    ) -> dict[FileName, list[RaftRow]]:
        """Rows of each file; test rows get their reference from the document, whoever the teacher is."""
        rows: dict[FileName, list[RaftRow]] = {name: [] for name in FILES}
        for draft in drafts.made:
            task = draft.task()
            trains = draft.set in ("train", "valid", "extra_unanswerable")
            lesson = None
            if task is not None:
                lesson = self.lessons.get(draft.id) if trains else examiner.write(task)
            if trains and task is not None and lesson is None:
                self._list(draft.set, draft.row.row, self.failures.get(draft.id, "stopped"))
                continue
            file = FILE_OF[draft.set]
            rows[file].append(
                make_row(draft, file, lesson, self.config, teacher.name if trains else examiner.name)
            )
        Random(f"{self.config.seed}/order").shuffle(rows["train"])
        return rows

    def _list(self, name: SetName, row: int | str, reason: str) -> None:
        # validation rows are not asked for one by one
        if name != "valid":
            self.listed.append(ListedRow(row=row, reason=reason, set=name))

    def _list_shortage(self, made: Mapping[SetName, int], table: FaqTable, target: str) -> None:
        """One entry per missing row: first the unusable rows of the file, then places that stay empty."""
        own = iter([skip for skip in table.skipped if not target or skip.group == target])
        others = iter([skip for skip in table.skipped if target and skip.group != target])
        for name, wanted in self.requested().items():
            reason = "no_group" if name == "unseen" and not target else "not_enough_rows"
            blamed: Iterator[SkippedRow] = others if name == "unseen" else own
            for place in range(made.get(name, 0) + 1, wanted + 1):
                skip = next(blamed, None) if reason == "not_enough_rows" else None
                if skip is not None:
                    self._list(name, skip.row, skip.reason)
                else:
                    self._list(name, f"{name}-{place}", reason)
