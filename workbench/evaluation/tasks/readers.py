"""Readers of published data files, each in its publisher's own shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from workbench.errors import InputError
from workbench.evaluation.tasks.questions import Dataset, Question
from workbench.evaluation.tasks.rows import Row, read_object, read_rows
from workbench.evaluation.tasks.table import read_table
from workbench.schemas.tasks import AnswerPattern, Reader
from workbench.text.llmjp import ANSWER_PATTERNS

JCQ_CHOICES = 5
Fields = Mapping[str, str]


def _read_jcq(path: Path, fields: Fields) -> Dataset:
    """JCommonsenseQA of JGLUE: `q_id`, `question`, `choice0` to `choice4`, `label`."""
    return Dataset(tuple(_jcq_question(row) for row in read_rows(path)))


def _jcq_question(row: Row) -> Question:
    question = _text(row, "question")
    choices = tuple(_text(row, f"choice{number}") for number in range(JCQ_CHOICES))
    label = row.values.get("label")
    if isinstance(label, bool) or str(label) not in {str(number) for number in range(JCQ_CHOICES)}:
        raise row.fault("task_line_bad", field="label")
    return Question(
        id=str(row.values.get("q_id", "")),
        input=llmjp_choice_input(question, choices),
        question=question,
        answer=str(label),
        output=str(label),
        choices=choices,
        line=row.number,
    )


def llmjp_choice_input(question: str, choices: tuple[str, ...]) -> str:
    """A five-choice question as llm-jp-eval writes it: full-width colons, the rest in ASCII."""
    listed = ",".join(f"{number}.{choice}" for number, choice in enumerate(choices))
    return f"質問：{question}\n選択肢：{listed}"


def _text(row: Row, name: str) -> str:
    value = row.values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise row.fault("task_line_bad", field=name)
    return value


def _read_squad(path: Path, fields: Fields) -> Dataset:
    """SQuAD's nested JSON, versions 1.1 and 2.0, and JSQuAD in the same shape."""
    questions: list[Question] = []
    try:
        for article in read_object(path)["data"]:
            source = str(article.get("title") or "")
            for paragraph in article["paragraphs"]:
                context = str(paragraph["context"])
                questions += [_squad_question(item, context, source) for item in paragraph["qas"]]
    except (KeyError, TypeError, AttributeError) as exc:
        raise InputError("task_data_not_squad", path=str(path)) from exc
    return Dataset(tuple(questions))


def _squad_question(item: Mapping[str, Any], context: str, source: str) -> Question:
    texts = [] if item.get("is_impossible") else [str(answer["text"]) for answer in item["answers"]]
    unique = tuple(dict.fromkeys(texts))
    question = str(item["question"])
    return Question(
        id=str(item.get("id", "")),
        input=f"文章：{context}\n質問：{question}",
        question=question,
        answer=unique[0] if unique else "",
        output=unique[0] if unique else "",
        references=unique[1:],
        documents=(context,),
        source=source,
        meta={"is_impossible": bool(item.get("is_impossible", False))},
    )


def _read_gsm8k(path: Path, fields: Fields) -> Dataset:
    """GSM8K: `question` and `answer`, the solution with the number after `####`. Ids are the line's number."""
    return Dataset(tuple(_gsm8k_question(row) for row in read_rows(path)))


def _gsm8k_question(row: Row) -> Question:
    question, answer = _text(row, "question"), _text(row, "answer")
    return Question(
        id=str(row.number), input=question, question=question, answer=answer, output=answer, line=row.number
    )


def _read_ifeval(path: Path, fields: Fields) -> Dataset:
    """IFEval: `key`, `prompt`, `instruction_id_list`, `kwargs`."""
    return Dataset(tuple(_ifeval_question(row) for row in read_rows(path)))


def _ifeval_question(row: Row) -> Question:
    prompt = _text(row, "prompt")
    names, kwargs = row.values.get("instruction_id_list"), row.values.get("kwargs")
    if not isinstance(names, list) or not names:
        raise row.fault("task_line_bad", field="instruction_id_list")
    if not isinstance(kwargs, list) or len(cast("list[object]", kwargs)) != len(cast("list[object]", names)):
        raise row.fault("task_line_bad", field="kwargs")
    plain = [_without_nulls(item) for item in cast("list[object]", kwargs)]
    listed = [str(name) for name in cast("list[object]", names)]
    return Question(
        id=str(row.values.get("key", "")),
        input=prompt,
        question=prompt,
        genre=listed[0].partition(":")[0],
        meta={"instruction_id_list": listed, "kwargs": plain, "prompt": prompt},
        line=row.number,
    )


def _without_nulls(value: object) -> dict[str, Any]:
    """Some copies of the file list every argument of every instruction, null where it has none."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in cast("dict[str, Any]", value).items() if item is not None}


def _read_llmjp(path: Path, fields: Fields) -> Dataset:
    """A dataset file of llm-jp-eval, v1 or v2: `instruction`, `output_length`, `samples` and what v2 adds."""
    loaded = read_object(path)
    samples = _list_of_samples(loaded, path)
    pattern = str(loaded.get("answer_pattern_id") or "")
    shots = loaded.get("num_few_shots")
    questions = tuple(_llmjp_question(item, number, path) for number, item in enumerate(samples))
    return Dataset(
        questions,
        instruction=str(loaded.get("instruction") or ""),
        answer_pattern=cast("AnswerPattern", pattern) if pattern in ANSWER_PATTERNS else "",
        labels=tuple(str(label) for label in loaded.get("label_list") or ()),
        max_tokens=_length(loaded),
        shots=shots if isinstance(shots, int) else None,
    )


def _llmjp_question(item: Mapping[str, Any], number: int, path: Path) -> Question:
    try:
        text, output = str(item["input"]), str(item["output"])
    except (KeyError, TypeError) as exc:
        raise InputError("task_sample_bad", path=str(path), number=number + 1) from exc
    return Question(id=str(number), input=text, question=text, answer=output, output=output)


def _read_eval_prompt(path: Path, fields: Fields) -> Dataset:
    """Prompts that llm-jp-eval dumped (`*.eval-prompt.json`): sent as they are."""
    loaded = read_object(path)
    samples = _list_of_samples(loaded, path)
    config: object = loaded.get("config")
    delta = cast("Mapping[str, Any]", config).get("output_length_delta") if isinstance(config, Mapping) else 0
    return Dataset(
        tuple(_dumped_question(item, number, path) for number, item in enumerate(samples)),
        max_tokens=_length(loaded) + (delta if isinstance(delta, int) else 0),
    )


def _dumped_question(item: Mapping[str, Any], number: int, path: Path) -> Question:
    try:
        prompt, gold = str(item["prompt"]), str(item["gold"])
    except (KeyError, TypeError) as exc:
        raise InputError("task_sample_bad", path=str(path), number=number + 1) from exc
    text = str(item.get("input") or prompt)
    return Question(
        id=str(number),
        input=text,
        question=text,
        answer=gold,
        output=gold,
        prompt=prompt,
        system=str(item.get("system_prompt") or ""),
    )


def _list_of_samples(loaded: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    samples = loaded.get("samples")
    if not isinstance(samples, list):
        raise InputError("task_data_no_samples", path=str(path))
    return cast("list[Mapping[str, Any]]", samples)


def _length(loaded: Mapping[str, Any]) -> int:
    length = loaded.get("output_length")
    return length if isinstance(length, int) and not isinstance(length, bool) else 0


READERS: dict[Reader, Callable[[Path, Fields], Dataset]] = {
    "table": read_table,
    "jglue_jcq": _read_jcq,
    "squad": _read_squad,
    "gsm8k": _read_gsm8k,
    "ifeval": _read_ifeval,
    "llm_jp_eval": _read_llmjp,
    "eval_prompt": _read_eval_prompt,
}
