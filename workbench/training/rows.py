"""Rows of a training file: JSON lines with `messages`, or with `prompt` and `completion`.

A row that cannot be used is named with its line number and the reason; the others are still good for
training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from workbench.errors import InputError, NotFoundError

Turn = dict[str, str]
Side = str | list[Turn]
"""Turns of a conversation, or bare text that no chat template touches."""
Reason = Literal["not_json", "no_fields", "bad_messages", "no_prompt", "no_answer", "empty_answer"]


@dataclass(frozen=True)
class TrainingRow:
    """One example: the model learns to continue `prompt` with `completion`."""

    number: int
    """Line in the file, from 1."""
    prompt: Side
    completion: Side
    """Of a conversation with several answers, the last one."""

    @property
    def is_conversation(self) -> bool:
        return not isinstance(self.prompt, str)

    @property
    def text(self) -> str:
        """All text of the row, without what a chat template adds."""
        return "\n".join(
            side if isinstance(side, str) else "\n".join(turn["content"] for turn in side)
            for side in (self.prompt, self.completion)
        )


@dataclass(frozen=True)
class RowProblem:
    """A row that cannot be trained on."""

    number: int
    reason: Reason


def iter_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Non-empty lines of a file with their numbers, one at a time.

    Raises:
        NotFoundError: `train_file_missing`.
        InputError: `train_file_not_text` where it is not UTF-8.
    """
    if not path.is_file():
        raise NotFoundError("train_file_missing", path=str(path))
    try:
        with path.open(encoding="utf-8-sig") as handle:
            for number, line in enumerate(handle, start=1):
                if line.strip():
                    yield number, line
    except UnicodeDecodeError as exc:
        raise InputError("train_file_not_text", path=str(path)) from exc


def iter_rows(path: Path) -> Iterator[TrainingRow | RowProblem]:
    """The rows of a training file in order, unusable ones as problems."""
    return (parse_row(number, line) for number, line in iter_lines(path))


def parse_row(number: int, line: str) -> TrainingRow | RowProblem:
    """One line as a row, or why it is none."""
    try:
        value: object = json.loads(line)
    except ValueError:
        return RowProblem(number, "not_json")
    if not isinstance(value, dict):
        return RowProblem(number, "not_json")
    record = cast("dict[str, Any]", value)
    if "messages" in record:
        return _from_messages(number, record["messages"])
    if "prompt" in record and "completion" in record:
        return _from_sides(number, record["prompt"], record["completion"])
    return RowProblem(number, "no_fields")


def _from_messages(number: int, value: object) -> TrainingRow | RowProblem:
    turns = _as_turns(value)
    if turns is None:
        return RowProblem(number, "bad_messages")
    if not turns or turns[-1]["role"] != "assistant":
        return RowProblem(number, "no_answer")
    return _checked(TrainingRow(number, turns[:-1], turns[-1:]))


def _from_sides(number: int, prompt: object, completion: object) -> TrainingRow | RowProblem:
    if isinstance(prompt, str) and isinstance(completion, str):
        return _checked(TrainingRow(number, prompt, completion))
    first, second = _as_turns(prompt), _as_turns(completion)
    if first is None or second is None:
        return RowProblem(number, "bad_messages")
    return _checked(TrainingRow(number, first, second))


def _as_turns(value: object) -> list[Turn] | None:
    if not isinstance(value, list):
        return None
    turns: list[Turn] = []
    for item in cast("list[object]", value):
        if not isinstance(item, dict):
            return None
        turn = cast("dict[str, object]", item)
        role, content = turn.get("role"), turn.get("content")
        if not isinstance(role, str) or not isinstance(content, str):
            return None
        turns.append({"role": role, "content": content})
    return turns


def _checked(row: TrainingRow) -> TrainingRow | RowProblem:
    if not row.prompt:
        return RowProblem(row.number, "no_prompt")
    completion = row.completion
    answer = completion if isinstance(completion, str) else "".join(turn["content"] for turn in completion)
    return row if answer.strip() else RowProblem(row.number, "empty_answer")


@dataclass(frozen=True)
class SkippedRows:
    """Rows left out for one reason."""

    reason: Reason
    count: int
    rows: str
    """The first line numbers, as text."""


def group_problems(problems: Iterable[RowProblem], shown: int = 10) -> list[SkippedRows]:
    """Problems by reason, in the order in which the reasons first occur."""
    numbers: dict[Reason, list[int]] = {}
    for problem in problems:
        numbers.setdefault(problem.reason, []).append(problem.number)
    return [SkippedRows(reason, len(found), shorten(found, shown)) for reason, found in numbers.items()]


def shorten(numbers: list[int], shown: int = 10) -> str:
    """Line numbers for a sentence: the first few, and an ellipsis where there are more."""
    listed = ", ".join(str(number) for number in numbers[:shown])
    return f"{listed}, …" if len(numbers) > shown else listed
