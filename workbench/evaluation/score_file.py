"""Scores a file of answers that were given elsewhere. The file is read once, line by line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.artifacts import JsonlWriter, write_json_atomic
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.answer_lines import UNREADABLE, AnswerLine, read_line
from workbench.evaluation.answer_records import Record, read_records
from workbench.evaluation.protocols import PROTOCOLS, Protocol
from workbench.evaluation.score_task import score_task_reply
from workbench.evaluation.summary import summarise
from workbench.evaluation.task_figures import TaskTally
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import RunMetrics, ScoredAnswer
from workbench.schemas.scoring import ScoredItem, ScoreReport
from workbench.text.refusals import DEFAULT_RULES, RefusalRules

ANSWERS, SUMMARY = "answers.jsonl", "summary.json"


def find_protocol(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        NotFoundError: `protocol_unknown`.
    """
    if name not in PROTOCOLS:
        raise NotFoundError("protocol_unknown", name=name, known=", ".join(sorted(PROTOCOLS)))
    return PROTOCOLS[name]


@dataclass
class Reading:
    """What was noticed while a file was read."""

    unnamed: int = 0
    """Lines without an id."""
    seen: dict[str, int] = field(default_factory=dict[str, int])
    """Ids with the line they stand in."""
    unreadable: Counter[str] = field(default_factory=Counter[str])
    """Predictions that are no answers, by why."""

    def warnings(self) -> list[Sentence]:
        """What a person should know of the file."""
        counts = {"answers_unnamed": self.unnamed} | {code: self.unreadable[code] for code in UNREADABLE}
        return [Sentence(code=code, params={"count": count}) for code, count in counts.items() if count]


def score_records(
    records: Iterable[Record],
    protocol: Protocol,
    *,
    task: str = "",
    rules: RefusalRules = DEFAULT_RULES,
    reading: Reading | None = None,
) -> Iterator[ScoredAnswer]:
    """Each record as a scored answer, in order.

    Lines without an id get one from what they ask; where the same is asked twice, a number behind it.

    Raises:
        InputError: A line that cannot be scored; `answers_id_repeats`.
    """
    reading = reading or Reading()
    for record in records:
        line = read_line(record, protocol, task or protocol.name)
        reading.unreadable[line.reply.error_code] += 1
        yield _score(_with_own_id(record, line, reading), protocol, rules)


def score_file(
    records: Iterable[Record],
    protocol: Protocol,
    *,
    task: str = "",
    out: Path | None = None,
    rules: RefusalRules = DEFAULT_RULES,
) -> ScoreReport:
    """Score all records.

    Args:
        records: Of one file; see `read_records`.
        protocol: That scores them.
        task: Name under which the figures stand; empty: the protocol's.
        out: Folder for `answers.jsonl` and `summary.json`; they replace what an earlier call left there.
        rules: Phrases by which a model declines.

    Raises:
        InputError: See `score_records`; `out_not_writable`. Nothing is left in the folder then.
    """
    reading, tally = Reading(), TaskTally(protocol)
    items: list[ScoredItem] = []
    kept: list[ScoredAnswer] = []
    answers = score_records(records, protocol, task=task, rules=rules, reading=reading)
    for answer in _write_through(answers, out):
        tally.add(answer)
        items.append(ScoredItem(id=answer.id, state=answer.state, scores={**answer.scores, **answer.lists}))
        if answer.kind != "task":
            # the documents are most of a RAFT file, and no figure needs them
            kept.append(answer.model_copy(update={"documents": (), "question": ""}))
    name = task or protocol.name
    summary = _summary(tally, kept, name)
    if out is not None:
        with _telling_where(out):
            write_json_atomic(out / SUMMARY, summary)
    return ScoreReport(
        protocol=protocol.label,
        task=name,
        primary=protocol.primary,
        metrics={
            score: found.value
            for score, found in summary.tasks[name].metrics.items()
            if found.value is not None
        },
        summary=summary,
        items=tuple(items),
        warnings=tuple(reading.warnings()),
    )


def score_path(
    path: Path,
    protocol: Protocol,
    *,
    task: str = "",
    out: Path | None = None,
    rules: RefusalRules = DEFAULT_RULES,
) -> ScoreReport:
    """Score a file of answers, or the answers of a folder that was written by this function before.

    Raises:
        NotFoundError: `answers_missing`.
        InputError: See `read_records` and `score_file`.
    """
    path = path / ANSWERS if path.is_dir() else path
    return score_file(read_records(path), protocol, task=task, out=out, rules=rules)


def _score(line: AnswerLine, protocol: Protocol, rules: RefusalRules) -> ScoredAnswer:
    # what the file calls cut off is no answer, even where the protocol would make do with it
    strict = replace(protocol, reads_cut=False) if line.final else protocol
    answer = score_task_reply(line.sample, line.reply, strict, rules)
    if not line.published or not answer.scores:
        return answer
    return answer.model_copy(update={"scores": {**answer.scores, **line.published}})


def _with_own_id(record: Record, line: AnswerLine, reading: Reading) -> AnswerLine:
    name = line.sample.id
    if line.named and name in reading.seen:
        raise record.fault("answers_id_repeats", id=name[:60], first=str(reading.seen[name]))
    if line.named:
        reading.seen[name] = record.number
        return line
    reading.unnamed += 1
    count = reading.seen[name] = reading.seen.get(name, 0) + 1
    if count == 1:
        return line
    return line._replace(sample=line.sample.model_copy(update={"id": f"{name}-{count}"}))


def _write_through(answers: Iterable[ScoredAnswer], out: Path | None) -> Iterator[ScoredAnswer]:
    """Pass answers on and write them; the file takes its name only when all are there."""
    if out is None:
        yield from answers
        return
    begun = out / f".{ANSWERS}.{os.getpid()}.tmp"
    with _telling_where(out):
        out.mkdir(parents=True, exist_ok=True)
        writer = JsonlWriter(begun)
    try:
        for answer in answers:
            with _telling_where(out):
                writer.append(answer)
            yield answer
        with _telling_where(out):
            os.replace(begun, out / ANSWERS)
    finally:
        writer.close()
        begun.unlink(missing_ok=True)


@contextmanager
def _telling_where(out: Path) -> Generator[None]:
    try:
        yield
    except OSError as exc:
        raise InputError("out_not_writable", path=str(out), reason=exc.strerror or "") from exc


def _summary(tally: TaskTally, raft: list[ScoredAnswer], task: str) -> RunMetrics:
    figures = {task: tally.figures(task)}
    if raft:
        return summarise(raft).model_copy(update={"tasks": figures})
    return RunMetrics(n=tally.n, errors=tally.states["error"], tasks=figures)
