"""The teachers to choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InputError
from workbench.generation.extractive import Weights, pick_sentence
from workbench.generation.teacher_endpoint import EndpointTeacher
from workbench.generation.teaching import (
    Lesson,
    OnOutcome,
    Outcome,
    ShouldStop,
    Teacher,
    TeacherTask,
    TokenCount,
)
from workbench.generation.templates import build_quote_target
from workbench.inference import ChatClient, create_client
from workbench.schemas.generation import RaftConfig

EXTRACTIVE = "extractive"


@dataclass(frozen=True)
class TeacherContext:
    """What teachers may need."""

    config: RaftConfig
    weights: Weights
    """Weight of each character bigram (`BigramIndex.idf`)."""
    journal: Path
    """File for finished calls."""
    environ: Mapping[str, str]
    client: ChatClient | None = None
    """Asked instead of the configuration's endpoint."""


class ExtractiveTeacher:
    """Needs no model: quotes the sentence of the oracle that fits the question best, and answers with it."""

    def __init__(self, weights: Weights) -> None:
        self.name = EXTRACTIVE
        self.tokens = TokenCount()
        self._weights = weights

    def teach(self, tasks: Sequence[TeacherTask], on_outcome: OnOutcome, should_stop: ShouldStop) -> None:
        """One outcome per task, in order."""
        for task in tasks:
            if should_stop():
                return
            lesson = self.write(task)
            on_outcome(Outcome(task.id, lesson, "" if lesson else "no_sentence"))

    def write(self, task: TeacherTask) -> Lesson | None:
        """The lesson of one task, None where the oracle has no sentence long enough to quote."""
        pick = pick_sentence(task.question, task.oracle, self._weights)
        if pick is None:
            return None
        return Lesson(build_quote_target(task.oracle_position, pick.quote), pick.quote, pick.sentence)


def _create_extractive(context: TeacherContext) -> Teacher:
    return ExtractiveTeacher(context.weights)


def _create_endpoint(context: TeacherContext) -> Teacher:
    endpoint = context.config.endpoint
    if endpoint is None:
        raise InputError("teacher_without_endpoint")
    given = context.client

    def make_client() -> ChatClient:
        return given or create_client(endpoint, environ=context.environ)

    return EndpointTeacher(endpoint, make_client, context.journal, seed=context.config.seed)


TEACHERS: dict[str, Callable[[TeacherContext], Teacher]] = {
    EXTRACTIVE: _create_extractive,
    "endpoint": _create_endpoint,
}
