"""What is put before a judge: the answers of one run, or pairs of two; and what is not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from workbench.artifacts import ArtifactStore
from workbench.errors import InputError, NotFoundError, StateError
from workbench.evaluation.judging.prompts import (
    absolute_messages,
    is_too_long,
    pairwise_messages,
    reward_messages,
)
from workbench.evaluation.judging.rubrics import LoadedRubric, load_frame
from workbench.evaluation.pairing import key_of, pair_up
from workbench.evaluation.runs import Side as Run
from workbench.evaluation.runs import load_run
from workbench.schemas.chat import ChatMessage
from workbench.schemas.evaluation import ScoredAnswer, Side
from workbench.schemas.judging import JudgeConfig

CANDIDATE: Side = "finetuned"
BASELINE: Side = "baseline"
NEVER = frozenset({"empty", "truncated", "error"})
"""Nothing was answered, so there is nothing to judge."""
REWARD_STATES = frozenset({"answered", "partial", "refused"})


@dataclass(frozen=True)
class Subject:
    """One question with the answers to judge."""

    answers: Mapping[Side, ScoredAnswer]
    """A single run is the candidate, `finetuned`."""

    @property
    def answer(self) -> ScoredAnswer:
        """The candidate's."""
        return self.answers[CANDIDATE]

    @property
    def key(self) -> str:
        """Identifies the question within its run."""
        return "\0".join(key_of(self.answer))


@dataclass(frozen=True)
class Ask:
    """One judgement to ask for, repeats and orders being judgements of their own."""

    subject: Subject
    side: Side
    """Whose answer is scored; for a pair the side shown first."""
    repeat: int
    messages: tuple[ChatMessage, ...]

    @property
    def name(self) -> str:
        return f"{self.subject.key}\0{self.side}\0{self.repeat}"


@dataclass(frozen=True)
class Material:
    """Everything that one job asks of its judge."""

    runs: tuple[Run, ...]
    """The baseline first where there are two."""
    comparison: str
    """Id of the comparison that was named, else empty."""
    subjects: tuple[Subject, ...]
    asks: tuple[Ask, ...]
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])


def load_runs(names: Sequence[str], artifacts: ArtifactStore) -> tuple[tuple[Run, ...], str]:
    """The runs that a configuration names, and the comparison if it named one.

    Raises:
        NotFoundError: `run_missing`.
        StateError: `not_an_evaluation`.
        InputError: Their answers cannot be read.
    """
    comparison = ""
    if len(names) == 1:
        try:
            artifact = artifacts.get(names[0])
        except NotFoundError:
            artifact = None
        if artifact is not None and artifact.kind == "comparison":
            comparison = artifact.id
            names = [str(artifact.details["baseline"]), str(artifact.details["finetuned"])]
    return tuple(load_run(name, artifacts) for name in names), comparison


def gather(settings: JudgeConfig, rubric: LoadedRubric | None, artifacts: ArtifactStore) -> Material:
    """Read the runs and put together what is to be asked.

    Raises:
        InputError: `judge_needs_two` for a pairwise judge with one run, `judge_same_run`; or the answers
            cannot be read.
        StateError: `judge_nothing` where no answer can be judged, `nothing_to_compare`.
    """
    runs, comparison = load_runs(settings.evaluations, artifacts)
    if settings.mode == "pairwise" and len(runs) != 2:
        raise InputError("judge_needs_two")
    if len(runs) == 2 and runs[0].id == runs[1].id:
        raise InputError("judge_same_run", id=runs[0].id)
    skipped: Counter[str] = Counter()
    found = _subjects(runs, skipped)
    write = _writer(settings, rubric)
    subjects = _choose(found, rubric, skipped)
    drawn = draw(subjects, settings.limit, settings.sampling.seed)
    skipped["limit"] += len(subjects) - len(drawn)
    if not drawn:
        raise StateError("judge_nothing", count=sum(len(run.answers) for run in runs))
    asks = [
        Ask(subject, side, repeat, write(subject, side))
        for subject in drawn
        if not (settings.mode == "pairwise" and is_identical(subject))
        for repeat in range(settings.repeats)
        for side in subject.answers
    ]
    kept = {reason: count for reason, count in skipped.items() if count}
    return Material(runs, comparison, tuple(drawn), tuple(asks), kept)


def is_identical(subject: Subject) -> bool:
    """Whether both sides say the same: a tie that no judge need be asked about."""
    return len({answer.prediction.strip() for answer in subject.answers.values()}) == 1


def draw(subjects: Sequence[Subject], limit: int, seed: int) -> list[Subject]:
    """A random choice in the order of the file: the first ones of a file are often of one kind."""
    if not limit or limit >= len(subjects):
        return list(subjects)
    chosen = sorted(Random(seed).sample(range(len(subjects)), limit))
    return [subjects[index] for index in chosen]


def _subjects(runs: Sequence[Run], skipped: Counter[str]) -> list[Subject]:
    if len(runs) == 1:
        return [Subject({CANDIDATE: answer}) for answer in runs[0].answers]
    pairs = pair_up(runs[0].answers, runs[1].answers)
    if not pairs:
        raise StateError("nothing_to_compare")
    skipped["unpaired"] += sum(len(run.answers) for run in runs) - 2 * len(pairs)
    return [Subject({BASELINE: before, CANDIDATE: after}) for before, after in pairs]


def _choose(subjects: Sequence[Subject], rubric: LoadedRubric | None, skipped: Counter[str]) -> list[Subject]:
    states = frozenset(rubric.rubric.states) if rubric else REWARD_STATES
    kinds = frozenset(rubric.rubric.kinds) if rubric else frozenset[str]()
    chosen: list[Subject] = []
    for subject in subjects:
        left_out = [
            one.state for one in subject.answers.values() if one.state in NEVER or one.state not in states
        ]
        if left_out:
            skipped[left_out[0]] += 1
        elif kinds and subject.answer.kind not in kinds:
            skipped["kind"] += 1
        elif is_too_long(*subject.answers.values()):
            skipped["too_long"] += 1
        else:
            chosen.append(subject)
    return chosen


Write = Callable[[Subject, Side], tuple[ChatMessage, ...]]


def _writer(settings: JudgeConfig, rubric: LoadedRubric | None) -> Write:
    if rubric is None:
        frame = load_frame("ja")
        return lambda subject, side: reward_messages(frame, subject.answers[side])
    if settings.mode == "absolute":
        return lambda subject, side: absolute_messages(rubric, subject.answers[side])
    return lambda subject, side: pairwise_messages(
        rubric, subject.answers[side], subject.answers[_other(side)]
    )


def _other(side: Side) -> Side:
    return CANDIDATE if side == BASELINE else BASELINE
