"""What changed between two files of answers to the same questions, by one protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.artifacts import ArtifactStore
from workbench.errors import NotFoundError, StateError
from workbench.evaluation.answer_records import read_records
from workbench.evaluation.measures import RAFT_KINDS, has_refused, read_score
from workbench.evaluation.paired import Paired, measure_change
from workbench.evaluation.protocols import Protocol
from workbench.evaluation.runs import Side, load_folder, load_run
from workbench.evaluation.score_file import Reading, score_records
from workbench.evaluation.score_task import score_again
from workbench.schemas.comparison import Decomposition, DeltaPart, PartCode, Sentence
from workbench.schemas.evaluation import Interval, ScoredAnswer
from workbench.schemas.scoring import DiffReport, DiffSide

DRAWS = 10_000
SEED = 0
_FULL = 1.0 - 1e-9
_PARTS: dict[tuple[bool, bool], PartCode] = {
    (True, False): "rescued",
    (False, True): "newly_refused",
    (False, False): "both_answered",
    (True, True): "both_refused",
}
"""By whether each side refused."""


@dataclass(frozen=True)
class Scored:
    """What a difference needs of one answer; texts as fingerprints, so that big files fit into memory."""

    state: str
    value: float | None
    """The protocol's own score, None where the answer has none."""
    refused: bool
    question: bytes
    expected: bytes
    documents: bytes

    @property
    def unanswered(self) -> bool:
        return self.state in ("empty", "truncated")


@dataclass(frozen=True)
class Answers:
    """One side by id."""

    scored: dict[str, Scored]
    unnamed: int = 0
    """Lines without an id."""


def read_side(source: str, protocol: Protocol, artifacts: Callable[[], ArtifactStore]) -> Answers:
    """The answers of one side.

    Args:
        source: A file of answers, a folder that `score --out` wrote, or an artifact id.
        protocol: That scores them. A folder whose answers it scored before keeps those scores.
        artifacts: Opens the store in which ids are looked up, where one must be.

    Raises:
        NotFoundError: `answers_missing`.
        StateError: `diff_not_scored_so` where a run holds nothing that the protocol could score.
        InputError: See `score_records` and `load_run`.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return Answers(_index(_choose(load_folder(path), protocol), protocol))
    if path.exists():
        reading = Reading()
        scored = _index(score_records(read_records(path), protocol, reading=reading), protocol)
        return Answers(scored, reading.unnamed)
    try:
        run = load_run(source, artifacts())
    except NotFoundError as exc:
        raise NotFoundError("answers_missing", path=source) from exc
    return Answers(_index(_choose(run, protocol), protocol))


def diff(
    before: Answers, after: Answers, protocol: Protocol, *, draws: int = DRAWS, seed: int = SEED
) -> DiffReport:
    """The change of the protocol's own score over the questions that both sides share. Pure.

    Pairs are found by id. A pair with an error on a side counts nowhere; an empty or cut-off answer is a wrong
    one where the score is right or wrong, and leaves the pair out where it measures an overlap.

    Raises:
        StateError: `nothing_to_compare`.
    """
    shared = [name for name in before.scored if name in after.scored]
    same = [name for name in shared if _is_same(before.scored[name], after.scored[name])]
    if not same:
        raise StateError("nothing_to_compare")
    pairs = [(before.scored[name], after.scored[name]) for name in same]
    kept = [(old, new) for old, new in pairs if old.value is not None and new.value is not None]
    paired = Paired(
        before=tuple(old.value or 0.0 for old, _ in kept),
        after=tuple(new.value or 0.0 for _, new in kept),
        groups=tuple(old.documents for old, _ in kept) if all(old.documents for old, _ in kept) else (),
    )
    change = measure_change(protocol.primary, paired, draws=draws, seed=seed)
    low, high = change.difference.low, change.difference.high
    return DiffReport(
        protocol=protocol.label,
        primary=protocol.primary,
        n=paired.n,
        a=_side(before, paired.before),
        b=_side(after, paired.after),
        delta=change.difference.value,
        ci=None if low is None or high is None else (low, high),
        p=change.p,
        lost=change.lost,
        gained=change.gained,
        verdict=change.verdict,
        decomposition=_decompose(kept, change.difference),
        warnings=tuple(_warn(before, after, len(shared), len(same), len(kept))),
    )


def _index(answers: Iterable[ScoredAnswer], protocol: Protocol) -> dict[str, Scored]:
    judged = protocol.primary in protocol.rates
    read = read_score(protocol.primary, judged=judged)
    found: dict[str, Scored] = {}
    for answer in answers:
        # ids are unique within a task only
        name = f"{answer.task}/{answer.id}" if answer.id in found else answer.id
        found[name] = Scored(
            state=answer.state,
            value=read(answer),
            refused=has_refused(answer),
            question=_fingerprint(answer.question),
            expected=_fingerprint(answer.target),
            documents=_fingerprint(*answer.documents),
        )
    return found


def _choose(run: Side, protocol: Protocol) -> list[ScoredAnswer]:
    """The answers of a run that the protocol scored, or can score from their texts."""
    tasks = {name for name, figures in run.tasks.items() if figures.protocol == protocol.label}
    raft = [answer for answer in run.answers if answer.kind in RAFT_KINDS]
    chosen = [answer for answer in run.answers if answer.task in tasks]
    chosen += [answer for answer in raft if tasks and answer.primary == protocol.primary]
    if chosen:
        return chosen
    # one set of questions at a time: those of several tasks have references of several kinds
    able = raft or (run.answers if len(run.tasks) == 1 else [])
    if protocol.needs or not able or any(not _can_score(answer, protocol) for answer in able):
        known = sorted({figures.protocol for figures in run.tasks.values()})
        raise StateError(
            "diff_not_scored_so", id=run.id, protocol=protocol.label, known=", ".join(known) or "-"
        )
    return [score_again(answer, protocol) for answer in able]


def _can_score(answer: ScoredAnswer, protocol: Protocol) -> bool:
    if not answer.target.strip():
        return not protocol.needs_expected
    return protocol.reads_expected(answer.target)


def _fingerprint(*texts: str) -> bytes:
    """Empty where there is no text."""
    if not any(texts):
        return b""
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _is_same(before: Scored, after: Scored) -> bool:
    """Whether two answers with one id answer the same question; what only one of them tells does not count."""
    return all(
        not old or not new or old == new
        for old, new in (
            (before.question, after.question),
            (before.expected, after.expected),
            (before.documents, after.documents),
        )
    )


def _side(answers: Answers, values: Sequence[float]) -> DiffSide:
    return DiffSide(
        mean=sum(values) / len(values) if values else None,
        correct=sum(value >= _FULL for value in values),
        n=len(answers.scored),
        errors=sum(one.state == "error" for one in answers.scored.values()),
        unanswered=sum(one.unanswered for one in answers.scored.values()),
    )


def _decompose(pairs: Sequence[tuple[Scored, Scored]], total: Interval) -> Decomposition:
    """The change as a sum over groups of questions, by who refused; the parts add up to the whole."""
    n = len(pairs)
    if not n:
        return Decomposition(n=0, total=total)
    groups: dict[PartCode, list[tuple[float, float]]] = {code: [] for code in (*_PARTS.values(), "other")}
    for old, new in pairs:
        code = "other" if old.unanswered or new.unanswered else _PARTS[(old.refused, new.refused)]
        groups[code].append((old.value or 0.0, new.value or 0.0))
    parts = tuple(_part(code, group, n) for code, group in groups.items())
    return Decomposition(
        n=n,
        before=sum(old.value or 0.0 for old, _ in pairs) / n,
        after=sum(new.value or 0.0 for _, new in pairs) / n,
        total=total,
        parts=parts,
    )


def _part(code: PartCode, group: Sequence[tuple[float, float]], n: int) -> DeltaPart:
    change = sum(new - old for old, new in group)
    mean = change / len(group) if group else None
    return DeltaPart(code=code, n=len(group), contribution=change / n, mean_change=mean)


def _warn(before: Answers, after: Answers, shared: int, same: int, kept: int) -> list[Sentence]:
    counts = {
        "diff_only_a": len(before.scored) - shared,
        "diff_only_b": len(after.scored) - shared,
        "diff_other_question": shared - same,
        "diff_left_out": same - kept,
    }
    found = [Sentence(code=code, params={"count": count}) for code, count in counts.items() if count]
    unnamed = before.unnamed + after.unnamed
    if unnamed:
        found.insert(0, Sentence(code="answers_unnamed", params={"count": unnamed}))
    return found
