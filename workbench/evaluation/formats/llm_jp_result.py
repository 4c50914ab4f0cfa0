"""Reads `result*.json` of llm-jp-eval v2, scores its records again, and says where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from workbench.errors import InputError
from workbench.evaluation.formats.imported import ImportedRun, check_ids, figure
from workbench.evaluation.formats.shapes import as_mapping
from workbench.evaluation.protocols import PROTOCOLS, Protocol
from workbench.evaluation.score_task import score_task_reply
from workbench.evaluation.tasks.llmjp import ANSWER_FORMS, count_dumped_shots
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures
from workbench.schemas.inference import ChatReply

JCQ = "jcommonsenseqa"
COMPARED = {"exact": "exact_match", "char_f1": "char_f1"}
"""The record's name of a score -> ours."""
RECORDED = "as_recorded"
Record = Mapping[str, Any]


def is_llm_jp_result(content: Record) -> bool:
    """Whether a JSON object has the shape of such a file."""
    return isinstance(content.get("records"), list) and isinstance(content.get("evaluation"), Mapping)


def read_llm_jp_result(content: Record, path: Path) -> ImportedRun:
    """A run from the content of the file.

    Raises:
        InputError: `import_record_bad`, `import_ids_repeat`, `import_empty`.
    """
    grouped: dict[str, list[Record]] = {}
    for number, record in enumerate(cast("Sequence[Any]", content["records"]), start=1):
        grouped.setdefault(_check_record(record, number, path), []).append(record)
    config = as_mapping(content.get("config"))
    answers: list[ScoredAnswer] = []
    tasks: dict[str, TaskFigures] = {}
    facts: dict[str, Any] = {}
    notes: list[Sentence] = []
    for name, records in grouped.items():
        protocol = PROTOCOLS["jcq_llmjp" if name == JCQ else "llmjp"]
        scored = [_score(record, protocol) for record in records]
        shots = count_dumped_shots(str(records[0].get("prompt") or ""))
        tasks[name], facts[name] = figure(name, scored, protocol, shots)
        notes += _compare(name, records, scored)
        notes += _note_gaps(name, len(records), config, content)
        answers += scored
    check_ids(answers, str(path))
    label = str(config.get("_resolved_run_name") or config.get("run_name") or path.stem)
    details = {
        "imported": {
            "program": "llm-jp-eval",
            "version": str(config.get("version") or ""),
            "file": path.name,
        },
        "tasks": facts,
        "reported": dict(as_mapping(as_mapping(content["evaluation"]).get("scores"))),
    }
    return ImportedRun(label, answers, tasks, details, notes)


def _check_record(record: object, number: int, path: Path) -> str:
    """The record's dataset; refuses what is no record."""
    if isinstance(record, Mapping):
        values = cast("Record", record)
        texts = [values.get(key) for key in ("target_dataset", "input", "output", "pred", "true")]
        if all(isinstance(text, str) for text in texts) and texts[0]:
            return str(texts[0])
    raise InputError("import_record_bad", path=str(path), number=number)


def _score(record: Record, protocol: Protocol) -> ScoredAnswer:
    """The record scored by us, from its raw output wherever the prompt tells how answers are taken out.

    Where a dataset's extraction was overridden, the extracted text is the file's: its expression may be any.
    """
    prompt = str(record.get("prompt") or "")
    pattern = _pattern_of(prompt)
    text = str(record["output"] if pattern else record["pred"])
    sample = Sample(
        id=str(record.get("id", "")),
        kind="task",
        task=str(record["target_dataset"]),
        messages=(ChatMessage(role="user", content=prompt),) if prompt else (),
        question=str(record["input"]),
        target=str(record["true"]),
        meta={"answer_pattern": pattern or "custom"},
    )
    scored = score_task_reply(sample, ChatReply(text=text, state="ok" if text.strip() else "empty"), protocol)
    changed: dict[str, Any] = {"messages": sample.messages}
    if not pattern and scored.scores:
        changed |= {"rule": RECORDED, "prediction": str(record["output"])}
    return scored.model_copy(update=changed)


def _pattern_of(prompt: str) -> str:
    for pattern, form in ANSWER_FORMS.items():
        if form and f"### 回答形式\n{form}" in prompt:
            return pattern
    return ""


def _compare(name: str, records: Sequence[Record], scored: Sequence[ScoredAnswer]) -> list[Sentence]:
    """How many recorded scores ours differ from; an empty answer, which we do not score, counts as 0 there."""
    differing = sum(
        any(
            abs(float(record[theirs]) - answer.scores.get(ours, 0.0)) > 1e-9
            for theirs, ours in COMPARED.items()
            if isinstance(record.get(theirs), int | float)
        )
        for record, answer in zip(records, scored, strict=True)
    )
    code = "import_scores_differ" if differing else "import_scores_equal"
    return [Sentence(code=code, params={"task": name, "count": differing, "n": len(records)})]


def _note_gaps(name: str, count: int, config: Record, content: Record) -> list[Sentence]:
    """A note where the file holds fewer records than were asked."""
    inference = as_mapping(as_mapping(config.get("inference_result_config")).get("inference_result_info"))
    profile = as_mapping(as_mapping(inference.get("dataset_profiles")).get(name))
    asked = profile.get("num_prompt") or config.get("max_num_samples")
    if isinstance(asked, int) and asked > count:
        return [Sentence(code="import_partial", params={"task": name, "count": count, "asked": asked})]
    return []
