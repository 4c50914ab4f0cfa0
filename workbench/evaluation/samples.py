"""Reads test files into samples. Every fault names the file and the line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pydantic import ValidationError

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.prompts import general_prompt, parse_raft_prompt
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.evaluation import TestFiles

SampleKind = Literal["answerable", "unseen", "unanswerable", "general"]
KINDS: tuple[SampleKind, ...] = ("answerable", "unseen", "unanswerable", "general")
MAX_CHOICES = 10
"""Labels are single digits."""


class _Line(NamedTuple):
    path: Path
    number: int
    values: dict[str, Any]

    def fault(self, code: str, **params: str) -> InputError:
        return InputError(code, path=str(self.path), line=self.number, **params)


def load_samples(tests: TestFiles, limit: int = 0) -> list[Sample]:
    """All questions of the test files, in the order answerable, unseen, unanswerable, general.

    Args:
        tests: Absolute paths; empty ones are left out.
        limit: Questions per file; 0: all.

    Raises:
        NotFoundError: A file does not exist.
        InputError: A line cannot be read, or no file holds a question.
    """
    samples: list[Sample] = []
    for kind in KINDS:
        path: str = getattr(tests, kind)
        if path:
            loaded = load_file(Path(path), kind)
            samples.extend(loaded[:limit] if limit else loaded)
    if not samples:
        raise InputError("tests_empty")
    return _with_unique_ids(samples)


def load_file(path: Path, kind: SampleKind) -> list[Sample]:
    """The questions of one file; an empty file holds none."""
    read = _READERS[kind]
    return [read(line, kind) for line in _read_lines(path)]


def _read_lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open(encoding="utf-8-sig") as handle:
            for number, text in enumerate(handle, start=1):
                if text.strip():
                    yield _Line(path, number, _parse(path, number, text))
    except FileNotFoundError as exc:
        raise NotFoundError("test_file_missing", path=str(path)) from exc
    except IsADirectoryError as exc:
        raise InputError("test_file_is_folder", path=str(path)) from exc
    except UnicodeDecodeError as exc:
        raise InputError("test_file_not_utf8", path=str(path)) from exc


def _parse(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as exc:
        raise InputError("test_line_not_json", path=str(path), line=number) from exc
    if not isinstance(value, dict):
        raise InputError("test_line_not_json", path=str(path), line=number)
    return cast("dict[str, Any]", value)


def _read_raft(line: _Line, kind: SampleKind) -> Sample:
    messages = _prompt_messages(line)
    raw: object = line.values.get("metadata") or {}
    if not isinstance(raw, dict):
        raise line.fault("test_line_no_metadata")
    metadata = cast("dict[str, Any]", raw)
    prompt = parse_raft_prompt(messages[-1].content)
    if prompt is None:
        raise line.fault("test_line_no_documents")
    oracle = _oracle(line, metadata, kind, len(prompt.documents))
    # where no document answers, the removed one is no reference: the right answer is the refusal
    target = str(metadata.get("reference_short") or metadata.get("expected_answer") or "")
    if kind != "unanswerable" and not target.strip():
        raise line.fault("test_line_no_reference")
    return Sample(
        id=str(metadata.get("id") or _hash(messages)),
        kind=kind,
        messages=messages,
        question=str(metadata.get("question") or prompt.question),
        documents=prompt.documents,
        # the group within the FAQ file says more than the file's name
        source=str(metadata.get("copyright") or metadata.get("source") or ""),
        target="" if kind == "unanswerable" else target,
        oracle_position=oracle,
        meta={key: metadata[key] for key in ("copyright", "source", "split") if key in metadata},
    )


def _prompt_messages(line: _Line) -> tuple[ChatMessage, ...]:
    raw: object = line.values.get("messages")
    if not isinstance(raw, list) or not raw:
        raise line.fault("test_line_no_messages")
    try:
        messages = [ChatMessage.model_validate(item) for item in cast("list[object]", raw)]
    except ValidationError as exc:
        raise line.fault("test_line_no_messages") from exc
    if messages[-1].role == "assistant":
        messages.pop()
    if not messages or messages[-1].role != "user":
        raise line.fault("test_line_no_messages")
    return tuple(messages)


def _oracle(line: _Line, metadata: dict[str, Any], kind: SampleKind, documents: int) -> int | None:
    position = metadata.get("oracle_position")
    if kind == "unanswerable":
        if metadata.get("has_oracle") or position is not None:
            raise line.fault("test_line_has_oracle")
        return None
    if not isinstance(position, int) or not 1 <= position <= documents:
        raise line.fault("test_line_no_oracle")
    return position


def _read_general(line: _Line, kind: SampleKind) -> Sample:
    question, choices, answer = (line.values.get(key) for key in ("question", "choices", "answer"))
    if not isinstance(question, str) or not question.strip():
        raise line.fault("general_line_bad", field="question")
    if not isinstance(choices, list) or not 2 <= len(cast("list[object]", choices)) <= MAX_CHOICES:
        raise line.fault("general_line_bad", field="choices")
    texts = [str(choice) for choice in cast("list[object]", choices)]
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(texts):
        raise line.fault("general_line_bad", field="answer")
    messages = (ChatMessage(role="user", content=general_prompt(question, texts)),)
    return Sample(
        id=str(line.values.get("id") or _hash(messages)),
        kind=kind,
        messages=messages,
        question=question,
        target=str(answer),
        meta={"choices": texts},
    )


_READERS: dict[SampleKind, Callable[[_Line, SampleKind], Sample]] = {
    "answerable": _read_raft,
    "unseen": _read_raft,
    "unanswerable": _read_raft,
    "general": _read_general,
}


def _hash(messages: tuple[ChatMessage, ...]) -> str:
    """An id by content: question texts repeat within real test sets, whole prompts hardly ever do."""
    text = "\0".join(f"{message.role}\0{message.content}" for message in messages)
    return "h" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _with_unique_ids(samples: list[Sample]) -> list[Sample]:
    seen: dict[str, int] = {}
    unique: list[Sample] = []
    for sample in samples:
        count = seen[sample.id] = seen.get(sample.id, 0) + 1
        unique.append(sample if count == 1 else sample.model_copy(update={"id": f"{sample.id}-{count}"}))
    return unique
