"""The job kind `evaluate`: asks one model every question of the test sets and scores the answers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactDraft, hash_file, ref_path, write_json_atomic, write_jsonl_atomic
from workbench.errors import EndpointError
from workbench.evaluation.asking import GENERAL_MAX_TOKENS, Asked, Plan, key_of, plan_questions
from workbench.evaluation.journal import JOURNAL, Journal, read_journal, request_key
from workbench.evaluation.leaks import exclude_leaks
from workbench.evaluation.samples import KINDS
from workbench.evaluation.summary import summarise
from workbench.evaluation.task_figures import summarise_task
from workbench.inference import ChatClient, complete_all, create_client
from workbench.jobs import JobContext
from workbench.schemas.artifact import Artifact, ArtifactRef
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig, RunMetrics, ScoredAnswer, TaskFigures
from workbench.schemas.inference import ChatReply, ChatRequest

logger = logging.getLogger(__name__)

PHASE = "evaluate"
TELL_SECONDS = 0.25
"""Between two reports of progress."""
NUMBERS = (
    "over_refusal_rate",
    "correct_refusal_rate",
    "verbatim_quote_rate",
    "answered_f1",
    "general_accuracy",
)


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Evaluate one model (job kind `evaluate`)."""
    settings = parse(EvaluateConfig, config)
    environ = dict(os.environ)
    if settings.endpoint.api_key_env:
        # asked of the job first: without the key it waits instead of failing
        environ[settings.endpoint.api_key_env] = job.secret(settings.endpoint.api_key_env)
    return evaluate(settings, job, create_client(settings.endpoint, environ=environ))


def evaluate(settings: EvaluateConfig, job: JobContext, client: ChatClient) -> dict[str, Any]:
    """Ask, score and publish.

    Args:
        settings: What to ask.
        job: Where to write, and whom to tell.
        client: Whom to ask; closed here.

    Raises:
        EndpointError: `evaluation_no_answers` where every single question ended in an error.
    """
    plan = plan_questions(settings, job.workspace.task_data)
    _warn_of_shots(plan, job)
    kept = {key_of(sample) for sample in exclude_leaks([one.sample for one in plan.asked], job)}
    questions = Questions([one for one in plan.asked if one.key in kept], job)
    asyncio.run(_ask(questions, client, settings.endpoint.max_in_flight))
    answers = questions.answers()
    failed = [answer for answer in answers if answer.state == "error"]
    if len(failed) == len(answers):
        code = failed[0].error_code if failed else ""
        raise EndpointError("evaluation_no_answers", count=len(failed), reason=code)
    metrics = summarise(answers, tasks=_measure_tasks(plan, answers))
    artifact = publish(settings, job, plan, answers, metrics)
    return {"artifact": artifact.id, "metrics": metrics.model_dump(mode="json")}


def _measure_tasks(plan: Plan, answers: Sequence[ScoredAnswer]) -> dict[str, TaskFigures]:
    by_task: dict[str, list[ScoredAnswer]] = {task.name: [] for task in plan.tasks}
    for answer in answers:
        if answer.task:
            by_task[answer.task].append(answer)
    return {
        task.name: summarise_task(by_task[task.name], task.protocol, task.name, task.shots)
        for task in plan.tasks
        # a run that was stopped may not have come to every task
        if by_task[task.name]
    }


def _warn_of_shots(plan: Plan, job: JobContext) -> None:
    """Say where a template has no place for the solved examples that were asked for."""
    for task in plan.tasks:
        if task.shots != task.shots_asked and not job.resumed:
            job.event("task_shots_differ", task=task.name, asked=task.shots_asked, found=task.shots)


async def _ask(questions: Questions, client: ChatClient, in_flight: int) -> None:
    try:
        with questions:
            await complete_all(
                client,
                questions.open_requests(),
                in_flight=in_flight,
                on_reply=questions.take,
                should_stop=questions.should_stop,
            )
    finally:
        await client.close()


class Questions:
    """The questions of one evaluation and what was answered so far, earlier runs of the job included.

    Args:
        asked: What is asked.
        job: Where to write, and whom to tell.
        clock: A steady clock in seconds.
    """

    def __init__(
        self, asked: Sequence[Asked], job: JobContext, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._asked = {one.key: one for one in asked}
        self._job = job
        self._clock = clock
        self._keys = {name: request_key(name, one.request) for name, one in self._asked.items()}
        earlier = read_journal(job.work_dir / JOURNAL)
        self._scored = {
            name: self._asked[name].score(earlier[key]) for name, key in self._keys.items() if key in earlier
        }
        self._journal: Journal | None = None
        self._states = Counter(answer.state for answer in self._scored.values())
        self._told_at = float("-inf")
        if self._scored:
            job.event("evaluation_continued", done=len(self._scored), total=len(self._asked))
        self._tell()

    def __enter__(self) -> Questions:
        self._journal = Journal(self._job.work_dir / JOURNAL)
        self._journal.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._tell()
        if self._journal is not None:
            self._journal.__exit__(*details)

    def open_requests(self) -> list[tuple[str, ChatRequest]]:
        """Key and request of every question without an answer."""
        return [(name, one.request) for name, one in self._asked.items() if name not in self._scored]

    def take(self, name: str, reply: ChatReply) -> None:
        """Take in one finished call: the journal first."""
        scored = self._asked[name].score(reply)
        if self._journal is not None:
            self._journal.add(self._keys[name], reply, scored)
        self._scored[name] = scored
        self._states[scored.state] += 1
        if scored.state == "error":
            self._job.event("evaluation_call_failed", id=scored.id, reason=scored.error_code)
        # a thousand answers a second are no reason to tell of each
        if self._clock() - self._told_at >= TELL_SECONDS:
            self._tell()

    def should_stop(self) -> bool:
        """Whether "stop and keep" was asked for; pause and cancel pass as exceptions.

        What is answered by then is scored and published, marked as stopped early.
        """
        stop = self._job.check()
        if stop and self._scored:
            self._job.mark_stopped_early()
            return True
        return False

    def answers(self) -> list[ScoredAnswer]:
        """Scored answers with their prompts, in the order in which they were asked for."""
        return [
            self._scored[name].model_copy(update={"messages": one.sample.messages})
            for name, one in self._asked.items()
            if name in self._scored
        ]

    def _tell(self) -> None:
        done = len(self._scored)
        self._told_at = self._clock()
        self._job.progress(PHASE, done=done, total=len(self._asked), unit="questions")
        if done:
            self._job.metric(
                step=done,
                answered=self._states["answered"] + self._states["partial"],
                refused=self._states["refused"],
                errors=self._states["error"],
            )


def publish(
    settings: EvaluateConfig,
    job: JobContext,
    plan: Plan,
    answers: Sequence[ScoredAnswer],
    metrics: RunMetrics,
) -> Artifact:
    """The evaluation as an artifact."""
    draft = job.artifacts.begin("evaluation", settings.label, job_id=job.spec.id)
    try:
        return _fill(draft, settings, plan, answers, metrics)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _fill(
    draft: ArtifactDraft,
    settings: EvaluateConfig,
    plan: Plan,
    answers: Sequence[ScoredAnswer],
    metrics: RunMetrics,
) -> Artifact:
    write_jsonl_atomic(draft.folder / "answers.jsonl", answers)
    write_json_atomic(draft.folder / "summary.json", metrics)
    figures: dict[str, float | None] = {name: getattr(metrics, name) for name in NUMBERS}
    figures |= {name: task.metrics[task.primary].value for name, task in metrics.tasks.items()}
    return draft.commit(
        inputs=_inputs(settings, plan),
        numbers={"n": metrics.n, "errors": metrics.errors}
        | {name: value for name, value in figures.items() if value is not None},
        details=_protocol(settings, plan),
    )


def _test_files(settings: EvaluateConfig) -> Mapping[str, Path]:
    named = {kind: str(getattr(settings.tests, kind)) for kind in KINDS}
    return {kind: Path(path) for kind, path in named.items() if path}


def _inputs(settings: EvaluateConfig, plan: Plan) -> list[ArtifactRef]:
    files = [*_test_files(settings).values(), *(task.data for task in plan.tasks)]
    return [ref_path(path) for path in dict.fromkeys(files)]


def _protocol(settings: EvaluateConfig, plan: Plan) -> dict[str, Any]:
    """Everything a score must carry, so that two of them are compared only where they may be."""
    return {
        "label": settings.label,
        "endpoint": settings.endpoint.model_dump(mode="json"),
        "protocol": settings.protocol,
        "provenance": settings.provenance,
        "sampling": settings.sampling.model_dump(mode="json"),
        "general_max_tokens": GENERAL_MAX_TOKENS,
        "limit": settings.limit,
        "refusal_phrases": list(settings.refusal_phrases),
        "tests": {kind: hash_file(path) for kind, path in _test_files(settings).items()},
        "tasks": {task.name: task.facts for task in plan.tasks},
    }
