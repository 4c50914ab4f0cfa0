"""What an evaluation asks: every question with its request, and how its answer is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workbench.evaluation.samples import load_samples
from workbench.evaluation.score import score
from workbench.evaluation.score_task import score_task_reply
from workbench.evaluation.tasks.data import Fetch
from workbench.evaluation.tasks.loading import TaskSet, load_task_set
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import EvaluateConfig, ScoredAnswer
from workbench.schemas.inference import ChatReply, ChatRequest
from workbench.text.refusals import DEFAULT_RULES

GENERAL_MAX_TOKENS = 16
"""The right answer is one digit: a model that begins to explain is cut off and counts as not understood."""


@dataclass(frozen=True)
class Asked:
    """One question as it is asked and scored."""

    sample: Sample
    request: ChatRequest
    score: Callable[[ChatReply], ScoredAnswer]

    @property
    def key(self) -> str:
        """Unique in one evaluation."""
        return key_of(self.sample)


@dataclass(frozen=True)
class Plan:
    """Everything that one evaluation asks."""

    asked: tuple[Asked, ...]
    tasks: tuple[TaskSet, ...]


def plan_questions(settings: EvaluateConfig, store: Path, fetch: Fetch | None = None) -> Plan:
    """The questions of the test sets, then those of the tasks, in the order of the settings.

    Args:
        settings: What to ask.
        store: Where fetched data of tasks is kept.
        fetch: Gets a file from a network; None: the real one.

    Raises:
        WorkbenchError: A test file or a task cannot be read, or there is no question at all.
    """
    tests = settings.tests
    named = any((tests.answerable, tests.unseen, tests.unanswerable, tests.general))
    samples = load_samples(tests, settings.limit) if named or not settings.tasks else []
    tasks = [load_task_set(choice, store, limit=settings.limit, fetch=fetch) for choice in settings.tasks]
    rules = DEFAULT_RULES.extended(settings.refusal_phrases)
    asked = [
        Asked(sample, build_request(settings, sample), partial(score, sample, rules=rules))
        for sample in samples
    ]
    for task in tasks:
        sampling = task.sampling(settings.sampling)
        asked += [
            Asked(
                sample,
                ChatRequest(messages=sample.messages, sampling=sampling),
                partial(score_task_reply, sample, protocol=task.protocol, rules=rules),
            )
            for sample in task.samples
        ]
    return Plan(tuple(asked), tuple(tasks))


def key_of(sample: Sample) -> str:
    """Identifies a question in one evaluation, as `ScoredAnswer.key`; ids need only be unique within a task."""
    return f"{sample.task}/{sample.id}" if sample.task else sample.id


def build_request(settings: EvaluateConfig, sample: Sample) -> ChatRequest:
    """The request of a test set's question: the prompt as the file has it, few tokens for a label."""
    sampling = settings.sampling
    if sample.kind == "general":
        tokens = min(GENERAL_MAX_TOKENS, sampling.max_tokens)
        sampling = sampling.model_copy(update={"max_tokens": tokens})
    return ChatRequest(messages=sample.messages, sampling=sampling)
