"""From a choice of task to its questions as they are asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.protocols import Protocol
from workbench.evaluation.tasks.catalogue import Task, load_task
from workbench.evaluation.tasks.data import Fetch, find_data
from workbench.evaluation.tasks.llmjp import count_dumped_shots, split_pool
from workbench.evaluation.tasks.questions import Dataset, Question
from workbench.evaluation.tasks.readers import READERS
from workbench.evaluation.tasks.templates import PromptTemplate
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.evaluation import TaskChoice
from workbench.schemas.inference import Sampling
from workbench.schemas.tasks import TaskPrompt, TaskSampling, TaskSpec


@dataclass(frozen=True)
class TaskSet:
    """A task ready to be asked."""

    spec: TaskSpec
    protocol: Protocol
    samples: tuple[Sample, ...]
    data: Path
    max_tokens: int
    shots: int
    """Solved examples that stand in the prompt."""
    shots_asked: int
    """Solved examples that were asked for."""
    facts: dict[str, Any]
    """What a score must carry, so that unequal ones are not taken for equal."""

    @property
    def name(self) -> str:
        return self.spec.name

    def sampling(self, settings: Sampling) -> Sampling:
        """The evaluation's sampling with what the task fixes of it."""
        stop = self.spec.sampling.stop or settings.stop
        return settings.model_copy(update={"max_tokens": self.max_tokens, "stop": stop})


def load_task_set(choice: TaskChoice, store: Path, *, limit: int = 0, fetch: Fetch | None = None) -> TaskSet:
    """The questions of a chosen task.

    Args:
        choice: Which task, with which data.
        store: Where fetched data is kept.
        limit: Questions where the choice sets no limit of its own; 0: all.
        fetch: Gets a file from a network; None: the real one.

    Raises:
        WorkbenchError: One clear sentence for whatever is wrong with the task, its template or its data.
    """
    task = load_task(choice.task)
    path = _find_questions(task, choice, store, fetch)
    dataset = READERS[task.spec.source.reader](path, task.spec.source.fields)
    prompt = _complete_prompt(task.spec, dataset)
    asked = _count_asked(task.spec, dataset, choice)
    shots = _read_shots(task, choice, path, store, fetch)[:asked] if asked else []
    template = PromptTemplate(prompt, shots, task.spec.name)
    questions = dataset.questions[: choice.limit or limit or None]
    if not questions:
        raise InputError("task_without_questions", task=task.spec.name, path=str(path))
    labels = dataset.labels or task.spec.labels
    samples = _build_samples(task, _identify(questions, path), template, prompt, labels)
    dumped = questions[0].prompt
    shown = count_dumped_shots(dumped) if dumped else template.shots
    tokens = _max_tokens(task.spec.sampling, dataset)
    return TaskSet(
        spec=task.spec,
        protocol=task.protocol,
        samples=samples,
        data=path,
        max_tokens=tokens,
        shots=shown,
        shots_asked=asked,
        facts={
            "protocol": task.protocol.label,
            "shots": shown,
            "shots_asked": asked,
            "template_sha256": _hash_prompt(prompt, shots),
            "data_sha256": hash_file(path),
            "max_tokens": tokens,
            "stop": list(task.spec.sampling.stop),
            "limit": len(questions) if len(questions) < len(dataset.questions) else 0,
            "license": task.spec.license,
            "reader": task.spec.source.reader,
            "dataset": _dataset_name(task, path),
        },
    )


def _dataset_name(task: Task, path: Path) -> str:
    """What llm-jp-eval calls the dataset."""
    if task.spec.source.reader in ("llm_jp_eval", "eval_prompt"):
        return path.name.removesuffix(".json").removesuffix(".eval-prompt")
    return str(task.spec.meta.get("llm_jp_eval", task.spec.name))


def _find_questions(task: Task, choice: TaskChoice, store: Path, fetch: Fetch | None) -> Path:
    found = find_data(task.spec.source.data, choice.data, task.path.parent, store, fetch)
    if found is not None:
        return found
    if choice.data:
        names = ", ".join(task.spec.source.data.names) or "-"
        raise NotFoundError("task_data_not_in_folder", task=task.spec.name, path=choice.data, names=names)
    raise InputError("task_needs_data", task=task.spec.name)


def _count_asked(spec: TaskSpec, dataset: Dataset, choice: TaskChoice) -> int:
    if choice.shots is not None:
        return choice.shots
    return dataset.shots if dataset.shots is not None else spec.shots


def _read_shots(
    task: Task, choice: TaskChoice, questions: Path, store: Path, fetch: Fetch | None
) -> list[Question]:
    """The solved examples in the order in which they are taken.

    Beside the data that the person gave they are looked for first; llm-jp-eval keeps them under the same name
    in the folder `train`.
    """
    source = task.spec.source
    if source.reader == "eval_prompt":
        return []
    beside = questions.parent.parent / "train" / questions.name
    if source.reader == "llm_jp_eval" and beside.is_file():
        return list(READERS["llm_jp_eval"](beside, source.fields).questions)
    if source.examples is None:
        raise InputError("task_without_examples", task=task.spec.name)
    given = str(questions.parent) if choice.data else ""
    path = find_data(source.examples, given, task.path.parent, store, fetch)
    if path is None:
        names = ", ".join(source.examples.names) or "-"
        raise NotFoundError("task_examples_missing", task=task.spec.name, path=given, names=names)
    pool = READERS[source.reader](path, source.fields).questions
    return split_pool(pool)[0] if task.spec.source.reader == "jglue_jcq" else list(pool)


def _complete_prompt(spec: TaskSpec, dataset: Dataset) -> TaskPrompt:
    """The prompt settings, with what the data file itself prescribes where the task leaves it open."""
    prompt = spec.prompt
    return prompt.model_copy(
        update={
            "instruction": prompt.instruction or dataset.instruction,
            "answer_pattern": prompt.answer_pattern or dataset.answer_pattern,
        }
    )


def _max_tokens(sampling: TaskSampling, dataset: Dataset) -> int:
    return (dataset.max_tokens or sampling.max_tokens) + sampling.max_tokens_delta


def _identify(questions: Sequence[Question], path: Path) -> list[tuple[str, Question]]:
    """Questions with ids: those of the file, which must not repeat, else one by content."""
    seen: dict[str, int] = {}
    named: list[tuple[str, Question]] = []
    for question in questions:
        name = question.id.strip()
        if name and name in seen:
            raise InputError("task_ids_repeat", path=str(path), id=name[:80], line=question.line)
        name = name or _content_id(question)
        count = seen[name] = seen.get(name, 0) + 1
        named.append((name if count == 1 else f"{name}-{count}", question))
    return named


def _content_id(question: Question) -> str:
    text = "\0".join((question.input, *question.choices, *question.documents))
    return "h" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _build_samples(
    task: Task,
    named: Sequence[tuple[str, Question]],
    template: PromptTemplate,
    prompt: TaskPrompt,
    labels: tuple[str, ...],
) -> tuple[Sample, ...]:
    common: dict[str, Any] = {
        **task.spec.meta,
        **({"labels": list(labels)} if labels else {}),
        **({"answer_pattern": prompt.answer_pattern} if prompt.answer_pattern else {}),
    }
    return tuple(
        _check_sample(task, question, _build_sample(task.spec, name, question, template, common))
        for name, question in named
    )


def _build_sample(
    spec: TaskSpec, name: str, question: Question, template: PromptTemplate, common: dict[str, Any]
) -> Sample:
    system = question.system or spec.prompt.system
    messages = [ChatMessage(role="system", content=system)] if system else []
    text = question.prompt or template.render(question)
    return Sample(
        id=name,
        kind="task",
        task=spec.name,
        genre=question.genre,
        source=question.source,
        messages=(*messages, ChatMessage(role="user", content=text)),
        question=question.question,
        documents=question.documents,
        target=question.answer,
        references=question.references,
        meta={
            **common,
            **question.meta,
            **({"choices": list(question.choices)} if question.choices else {}),
        },
    )


def _check_sample(task: Task, question: Question, sample: Sample) -> Sample:
    """Refuse a question that the protocol could not score."""
    protocol = task.protocol
    missing = [name for name in protocol.needs if not sample.meta.get(name)]
    if missing:
        raise _unscorable(task, question, sample, missing[0])
    if protocol.needs_expected and not (sample.target.strip() and protocol.reads_expected(sample.target)):
        raise _unscorable(task, question, sample, "answer")
    return sample


def _unscorable(task: Task, question: Question, sample: Sample, field: str) -> InputError:
    place = str(question.line) if question.line else sample.id
    return InputError("task_question_unscorable", task=task.spec.name, place=place, field=field)


def _hash_prompt(prompt: TaskPrompt, shots: Sequence[Question]) -> str:
    """Of everything that makes a prompt out of a question."""
    content = [prompt.model_dump(mode="json"), [[shot.input, shot.output] for shot in shots]]
    return hashlib.sha256(
        json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()
