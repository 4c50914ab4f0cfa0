"""The job kind `evaluate`: asks one model every question of the test sets and scores the answers."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactDraft, hash_file, ref_path, write_json_atomic, write_jsonl_atomic
from workbench.errors import EndpointError
from workbench.evaluation.journal import JOURNAL, Journal, read_journal, request_key
from workbench.evaluation.samples import KINDS, load_samples
from workbench.evaluation.score import score
from workbench.evaluation.summary import summarise
from workbench.inference import ChatClient, complete_all, create_client
from workbench.jobs import JobContext
from workbench.schemas.artifact import Artifact, ArtifactRef
from workbench.schemas.base import parse
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import EvaluateConfig, RunMetrics, ScoredAnswer
from workbench.schemas.inference import ChatReply, ChatRequest
from workbench.text.refusals import DEFAULT_RULES

logger = logging.getLogger(__name__)

PHASE = "evaluate"
GENERAL_MAX_TOKENS = 16
"""The right answer is one digit: a model that begins to explain is cut off and counts as not understood."""
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
    samples = load_samples(settings.tests, settings.limit)
    questions = Questions(settings, samples, job)
    asyncio.run(_ask(questions, client))
    answers = questions.answers()
    failed = [answer for answer in answers if answer.state == "error"]
    if len(failed) == len(answers):
        code = failed[0].error_code if failed else ""
        raise EndpointError("evaluation_no_answers", count=len(failed), reason=code)
    metrics = summarise(answers)
    artifact = publish(settings, job, answers, metrics)
    return {"artifact": artifact.id, "metrics": metrics.model_dump(mode="json")}


async def _ask(questions: Questions, client: ChatClient) -> None:
    try:
        with questions:
            await complete_all(
                client,
                questions.open_requests(),
                in_flight=questions.settings.endpoint.max_in_flight,
                on_reply=questions.take,
                should_stop=questions.should_stop,
            )
    finally:
        await client.close()


class Questions:
    """The questions of one evaluation and what was answered so far, earlier runs of the job included."""

    def __init__(self, settings: EvaluateConfig, samples: Sequence[Sample], job: JobContext) -> None:
        self.settings = settings
        self._samples = {sample.id: sample for sample in samples}
        self._job = job
        self._rules = DEFAULT_RULES.extended(settings.refusal_phrases)
        self._requests = {sample.id: build_request(settings, sample) for sample in samples}
        self._keys = {name: request_key(name, request) for name, request in self._requests.items()}
        earlier = read_journal(job.work_dir / JOURNAL)
        self._scored = {
            name: score(self._samples[name], earlier[key], self._rules)
            for name, key in self._keys.items()
            if key in earlier
        }
        self._journal: Journal | None = None
        self._states = Counter(answer.state for answer in self._scored.values())
        if self._scored:
            job.event("evaluation_continued", done=len(self._scored), total=len(samples))
        self._tell()

    def __enter__(self) -> Questions:
        self._journal = Journal(self._job.work_dir / JOURNAL)
        self._journal.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        if self._journal is not None:
            self._journal.__exit__(*details)

    def open_requests(self) -> list[tuple[str, ChatRequest]]:
        """Id and request of every question without an answer."""
        return [(name, request) for name, request in self._requests.items() if name not in self._scored]

    def take(self, name: str, reply: ChatReply) -> None:
        """Take in one finished call: the journal first."""
        scored = score(self._samples[name], reply, self._rules)
        if self._journal is not None:
            self._journal.add(self._keys[name], reply, scored)
        self._scored[name] = scored
        self._states[scored.state] += 1
        if scored.state == "error":
            self._job.event("evaluation_call_failed", id=name, reason=scored.error_code)
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
        """Scored answers in the order of the test files."""
        return [self._scored[name] for name in self._samples if name in self._scored]

    def _tell(self) -> None:
        done = len(self._scored)
        self._job.progress(PHASE, done=done, total=len(self._samples), unit="questions")
        if done:
            self._job.metric(
                step=done,
                answered=self._states["answered"] + self._states["partial"],
                refused=self._states["refused"],
                errors=self._states["error"],
            )


def build_request(settings: EvaluateConfig, sample: Sample) -> ChatRequest:
    """The request of a question: the prompt as the test file has it, few tokens for a label."""
    sampling = settings.sampling
    if sample.kind == "general":
        tokens = min(GENERAL_MAX_TOKENS, sampling.max_tokens)
        sampling = sampling.model_copy(update={"max_tokens": tokens})
    return ChatRequest(messages=sample.messages, sampling=sampling)


def publish(
    settings: EvaluateConfig, job: JobContext, answers: Sequence[ScoredAnswer], metrics: RunMetrics
) -> Artifact:
    """The evaluation as an artifact."""
    draft = job.artifacts.begin("evaluation", settings.label, job_id=job.spec.id)
    try:
        return _fill(draft, settings, answers, metrics)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _fill(
    draft: ArtifactDraft, settings: EvaluateConfig, answers: Sequence[ScoredAnswer], metrics: RunMetrics
) -> Artifact:
    write_jsonl_atomic(draft.folder / "answers.jsonl", answers)
    write_json_atomic(draft.folder / "summary.json", metrics)
    figures: dict[str, float | None] = {name: getattr(metrics, name) for name in NUMBERS}
    return draft.commit(
        inputs=_inputs(settings),
        numbers={"n": metrics.n, "errors": metrics.errors}
        | {name: value for name, value in figures.items() if value is not None},
        details=_protocol(settings),
    )


def _test_files(settings: EvaluateConfig) -> Mapping[str, Path]:
    named = {kind: str(getattr(settings.tests, kind)) for kind in KINDS}
    return {kind: Path(path) for kind, path in named.items() if path}


def _inputs(settings: EvaluateConfig) -> list[ArtifactRef]:
    return [ref_path(path) for path in _test_files(settings).values()]


def _protocol(settings: EvaluateConfig) -> dict[str, Any]:
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
    }
