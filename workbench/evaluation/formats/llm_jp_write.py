"""Writes a run as llm-jp-eval v2 does: `*.eval-generated.json` for its own scorer, and a result of its shape."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from workbench.artifacts import hash_file
from workbench.evaluation.formats.shapes import as_mapping
from workbench.schemas.artifact import Artifact
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures

SCORES = {"exact_match_llmjp": "exact_match", "char_f1_llmjp": "char_f1"}
"""Where a protocol of ours has scores of its own under llm-jp-eval's names, these stand for them."""
CATEGORIES = {
    "jcommonsenseqa": "CR",
    "jsquad": "RC",
    "jnli": "NLI",
    "jsem": "NLI",
    "jsick": "NLI",
    "niilc": "QA",
}
OTHER = "OTHER"
VERSION = "2.1.5"
"""The version whose files these are like."""
Facts = Mapping[str, Any]


def write_llm_jp(
    folder: Path, artifact: Artifact, answers: Sequence[ScoredAnswer], figures: Mapping[str, TaskFigures]
) -> dict[str, Any]:
    """Write the run's tasks.

    Args:
        folder: Where to write; made where it does not exist.
        artifact: The evaluation.
        answers: Its answers.
        figures: Its tasks' figures.

    Returns:
        The files written, and how many answers were left out because they are errors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = cast("Mapping[str, Facts]", artifact.details.get("tasks") or {})
    grouped = {name: [answer for answer in answers if answer.task == name] for name in figures}
    files: list[Path] = []
    config = _config(artifact)
    for name, group in grouped.items():
        path = folder / f"{_dataset(facts, name)}.eval-generated.json"
        _write(path, _generated(group, artifact, facts.get(name, {}), _dataset(facts, name)), indent=1)
        files.append(path)
    _write(folder / "_config.json", _inference_config(artifact, config, grouped, facts), indent=1)
    moment = artifact.id.removeprefix("evaluation-")
    result = folder / f"result_{artifact.name}_{moment}.json"
    _write(result, _result(artifact, config, grouped, figures), indent=2)
    return {
        "files": [str(path) for path in (*files, folder / "_config.json", result)],
        "answers": len(answers),
        "left_out": sum(answer.state == "error" for answer in answers),
        "without_prompt": sum(not answer.messages for answer in answers),
    }


def _write(path: Path, content: object, indent: int) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def _dataset(facts: Mapping[str, Facts], name: str) -> str:
    return str(facts.get(name, {}).get("dataset") or name)


def _config(artifact: Artifact) -> dict[str, Any]:
    """What llm-jp-eval keeps of how prompts were made."""
    limit = artifact.details.get("limit") or -1
    return {"version": VERSION, "run_name": artifact.name, "max_num_samples": limit, "output_length_delta": 0}


def _generated(
    group: Sequence[ScoredAnswer], artifact: Artifact, facts: Facts, dataset: str
) -> dict[str, Any]:
    """The dumped prompts with our answers: the very file where the run was made from one, else one of its shape.

    An error is no answer: its question is left out, for an empty text would be scored as a wrong one.
    """
    dumped = _find_dumped(artifact, facts)
    if dumped is not None:
        return _fill(dumped, group)
    return {
        "target_dataset": dataset,
        "output_length": int(facts.get("max_tokens", 0)),
        "config": {**_config(artifact), "num_few_shots": int(facts.get("shots", 0))},
        "samples": [_sample(answer) for answer in group if answer.state != "error"],
    }


def _sample(answer: ScoredAnswer) -> dict[str, Any]:
    texts = {message.role: message.content for message in answer.messages}
    sample: dict[str, Any] = {
        "input": answer.question,
        "prompt": texts.get("user", ""),
        "gold": answer.target,
        "generated": answer.prediction,
        "metadata": {"id": answer.id},
    }
    return sample | ({"system_prompt": texts["system"]} if "system" in texts else {})


def _find_dumped(artifact: Artifact, facts: Facts) -> dict[str, Any] | None:
    """The file of prompts that the run was made from, where it is still the same."""
    if facts.get("reader") != "eval_prompt":
        return None
    for ref in artifact.inputs:
        path = Path(ref.id)
        if ref.sha256 == facts.get("data_sha256") and path.is_file() and hash_file(path) == ref.sha256:
            return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8-sig")))
    return None


def _fill(dumped: dict[str, Any], group: Sequence[ScoredAnswer]) -> dict[str, Any]:
    """The answers put into the dumped object; ids of such questions are their places."""
    given = {answer.id: answer.prediction for answer in group if answer.state != "error"}
    samples = [
        {**sample, "generated": given[str(number)]}
        for number, sample in enumerate(dumped["samples"])
        if str(number) in given
    ]
    return {**dumped, "samples": samples}


def _inference_config(
    artifact: Artifact,
    config: Mapping[str, Any],
    grouped: Mapping[str, Sequence[ScoredAnswer]],
    facts: Mapping[str, Facts],
) -> dict[str, Any]:
    sampling = as_mapping(artifact.details.get("sampling"))
    endpoint = as_mapping(artifact.details.get("endpoint"))
    profiles = {
        _dataset(facts, name): {
            "num_prompt": len(group),
            "max_output_len": int(facts.get(name, {}).get("max_tokens", 0)),
        }
        for name, group in grouped.items()
    }
    seconds = {
        _dataset(facts, name): sum(answer.seconds for answer in group) for name, group in grouped.items()
    }
    return {
        "run_name": artifact.name,
        "generation_config": {"temperature": sampling.get("temperature"), "top_p": sampling.get("top_p")},
        "inference_result_info": {
            "dump_prompts_config": dict(config),
            "dataset_profiles": profiles,
            "benchmark": {"model": endpoint.get("model", ""), "lib": endpoint.get("engine", "")},
            "time_profile": seconds,
        },
    }


def _result(
    artifact: Artifact,
    config: Mapping[str, Any],
    grouped: Mapping[str, Sequence[ScoredAnswer]],
    figures: Mapping[str, TaskFigures],
) -> dict[str, Any]:
    facts = cast("Mapping[str, Facts]", artifact.details.get("tasks") or {})
    scores: dict[str, float] = {}
    primary: dict[str, list[float]] = {}
    for name, task in figures.items():
        dataset = _dataset(facts, name)
        found = _scores(task)
        scores |= {f"{dataset}_{metric}": value for metric, value in found.items()}
        if "exact_match" in found:
            primary.setdefault(CATEGORIES.get(dataset, OTHER), []).append(found["exact_match"])
    categories = {name: sum(values) / len(values) for name, values in primary.items()}
    average = {"AVG": sum(categories.values()) / len(categories)} if categories else {}
    records = [
        record
        for name, group in grouped.items()
        for record in _records(group, artifact, _dataset(facts, name), figures[name].shots)
    ]
    return {
        "config": {
            **config,
            "eval_dataset_config": {"datasets": [_dataset(facts, name) for name in grouped]},
        },
        "metadata": {
            "export_timestamp": artifact.created_at,
            "dataset_categories": sorted(categories),
            "metainfo": {"basemodel_name": as_mapping(artifact.details.get("endpoint")).get("model", "")},
        },
        "evaluation": {"scores": scores | categories | average, "lang_scores": {"JA": categories | average}},
        "records": records,
    }


def _scores(task: TaskFigures) -> dict[str, float]:
    values = {name: found.value for name, found in task.metrics.items() if found.value is not None}
    own = {SCORES[name]: value for name, value in values.items() if name in SCORES}
    return own or values


def _records(
    group: Sequence[ScoredAnswer], artifact: Artifact, dataset: str, shots: int
) -> list[dict[str, Any]]:
    model = str(as_mapping(artifact.details.get("endpoint")).get("model", ""))
    return [
        {
            "run_name": artifact.name,
            "basemodel_name": model,
            "target_dataset": dataset,
            "num_few_shots": shots,
            "target_split": "test",
            "id": answer.id,
            "input": answer.question,
            "output": answer.prediction,
            "pred": answer.extracted,
            "true": answer.target,
            "prompt": answer.messages[-1].content if answer.messages else "",
            "exact": int(_score(answer, "exact_match")),
            "char_f1": _score(answer, "char_f1"),
            "metadata": {},
        }
        for answer in group
        if answer.state != "error"
    ]


def _score(answer: ScoredAnswer, name: str) -> float:
    return answer.scores.get(f"{name}_llmjp", answer.scores.get(name, 0.0))
