"""Rows of a training file as token ids with labels, ready for the trainer.

The tokens are those that TRL makes from `prompt`/`completion` rows (a test compares them). They are made
here, because only so can every row that is cut or lost be named by its line, and a person can stop in the
middle.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import datasets
import numpy as np
from jinja2.exceptions import TemplateError

from workbench.errors import InputError
from workbench.training.rows import Reason, RowProblem, TrainingRow, group_problems, iter_rows, shorten

# untyped library
DATASETS: Any = datasets
logger = logging.getLogger(__name__)

IGNORED = -100
"""Label of a token that is not trained."""

_NONE_USABLE: dict[Reason, str] = {
    "not_json": "train_none_not_json",
    "no_fields": "train_none_no_fields",
    "bad_messages": "train_none_bad_messages",
    "no_prompt": "train_none_no_prompt",
    "no_answer": "train_none_no_answer",
    "empty_answer": "train_none_empty_answer",
}
_SKIPPED: dict[Reason, str] = {
    "not_json": "rows_skipped_not_json",
    "no_fields": "rows_skipped_no_fields",
    "bad_messages": "rows_skipped_bad_messages",
    "no_prompt": "rows_skipped_no_prompt",
    "no_answer": "rows_skipped_no_answer",
    "empty_answer": "rows_skipped_empty_answer",
}


class Teller(Protocol):
    """What preparing rows needs of a job."""

    def event(self, code: str, **params: str | int | float) -> None: ...
    def check(self) -> bool: ...
    def progress(self, phase: str, done: float = 0, total: float = 0, unit: str = "") -> None: ...


@dataclass(frozen=True)
class Encoded:
    """One row as tokens."""

    ids: list[int]
    prompt_length: int
    """Tokens at the start that are not trained."""
    stops: bool
    """Whether an end token is among the trained ones: otherwise the model never learns to stop."""


@dataclass
class Prepared:
    """A training file as the trainer takes it."""

    rows: int = 0
    ids: list[Any] = field(default_factory=list[Any])
    labels: list[Any] = field(default_factory=list[Any])
    problems: list[RowProblem] = field(default_factory=list[RowProblem])
    truncated: list[int] = field(default_factory=list[int])
    """Line numbers of rows that were cut and still have something to train on."""
    masked: list[int] = field(default_factory=list[int])
    """Line numbers of rows whose prompt alone is too long: nothing is left to train on."""
    endless: int = 0
    """Rows that were not cut and have no end token."""
    trained_tokens: int = 0
    tokens: int = 0

    def mix_in(self, other: Prepared) -> None:
        """Take the rows of another file beside these; what of it is lost has been told by its own name."""
        self.rows += other.rows
        self.ids += other.ids
        self.labels += other.labels
        self.problems += other.problems
        self.truncated += other.truncated
        self.masked += other.masked
        self.endless += other.endless
        self.trained_tokens += other.trained_tokens
        self.tokens += other.tokens

    @property
    def kept(self) -> int:
        return len(self.ids)

    def dataset(self) -> Any:
        """The rows as a `datasets.Dataset` with `input_ids` and `labels`."""
        return DATASETS.Dataset.from_dict({"input_ids": self.ids, "labels": self.labels})


class Encoder:
    """Turns rows into tokens.

    Args:
        tokenizer: The model's tokenizer.
        max_length: Longest row in tokens; longer ones are cut at the end.
        loss_on: `completion` trains on the answer, `all` on everything.
    """

    def __init__(self, tokenizer: Any, max_length: int, loss_on: Literal["completion", "all"]) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._loss_on = loss_on
        self._eos: set[int] = {tokenizer.eos_token_id} - {None}

    def encode(self, row: TrainingRow) -> Encoded:
        """Tokens of a whole row, uncut.

        Raises:
            InputError: `model_no_chat_template`, or `chat_template_refuses` where the template rejects the
            roles.
        """
        prompt, ids = self._render(row) if row.is_conversation else self._join(row)
        # where the template renders a prompt alone differently, the completion starts where the two part
        shared = next(
            (place for place, (a, b) in enumerate(zip(prompt, ids, strict=False)) if a != b),
            min(len(prompt), len(ids)),
        )
        start = shared if self._loss_on == "completion" else 0
        return Encoded(ids, start, not self._eos or not self._eos.isdisjoint(ids[start:]))

    def _render(self, row: TrainingRow) -> tuple[list[int], list[int]]:
        if not self._tokenizer.chat_template:
            raise InputError("model_no_chat_template", row=row.number)
        try:
            prompt = self._template(row.prompt, add_generation_prompt=True)
            return prompt, self._template([*row.prompt, *row.completion], add_generation_prompt=False)
        except (TemplateError, ValueError, TypeError, KeyError) as exc:
            raise InputError("chat_template_refuses", row=row.number, reason=str(exc)[:200]) from exc

    def _template(self, turns: Any, *, add_generation_prompt: bool) -> list[int]:
        rendered = self._tokenizer.apply_chat_template(
            turns, tokenize=True, return_dict=True, add_generation_prompt=add_generation_prompt
        )
        return list(rendered["input_ids"])

    def _join(self, row: TrainingRow) -> tuple[list[int], list[int]]:
        prompt, completion = str(row.prompt), str(row.completion)
        end = self._tokenizer.eos_token or ""
        whole = prompt + (completion if completion.endswith(end) else completion + end)
        return list(self._tokenizer(prompt)["input_ids"]), list(self._tokenizer(whole)["input_ids"])

    def add(self, row: TrainingRow, to: Prepared) -> None:
        """Encode a row, cut it, and put it with the others where something is left to train on."""
        encoded = self.encode(row)
        ids = np.asarray(encoded.ids[: self._max_length], dtype=np.int32)
        if encoded.prompt_length >= len(ids):
            to.masked.append(row.number)
            return
        labels = ids.copy()
        labels[: encoded.prompt_length] = IGNORED
        if len(encoded.ids) > self._max_length:
            to.truncated.append(row.number)
        elif not encoded.stops:
            to.endless += 1
        to.ids.append(ids)
        to.labels.append(labels)
        to.tokens += len(ids)
        to.trained_tokens += len(ids) - encoded.prompt_length


def prepare_file(path: Path, encoder: Encoder, job: Teller) -> Prepared:
    """Read, check and tokenise a training file; what was left out is told as events.

    Raises:
        NotFoundError: `train_file_missing`.
        InputError: `train_file_not_text`, `train_file_empty`, or no row can be used, with the reason.
    """
    prepared = Prepared()
    for row in iter_rows(path):
        prepared.rows += 1
        if isinstance(row, RowProblem):
            prepared.problems.append(row)
        else:
            encoder.add(row, prepared)
        if prepared.rows % 16 == 0:
            job.check()
            job.progress("train_data", prepared.rows, unit="train_rows")
    if not prepared.ids:
        raise _why_nothing(path, prepared)
    tell_losses(path, prepared, job.event)
    return prepared


def _why_nothing(path: Path, prepared: Prepared) -> InputError:
    if prepared.rows == 0:
        return InputError("train_file_empty", path=str(path))
    if prepared.masked:
        return InputError("train_none_masked", path=str(path), count=len(prepared.masked))
    worst = max(group_problems(prepared.problems), key=lambda group: group.count)
    return InputError(_NONE_USABLE[worst.reason], path=str(path), rows=worst.rows)


def tell_losses(path: Path, prepared: Prepared, event: Callable[..., None]) -> None:
    """Tell what of a file is not trained on, or not in full."""
    for group in group_problems(prepared.problems):
        event(_SKIPPED[group.reason], file=path.name, count=group.count, rows=group.rows)
    if prepared.masked:
        event("rows_masked", file=path.name, count=len(prepared.masked), rows=shorten(prepared.masked))
    if prepared.truncated:
        event(
            "rows_truncated", file=path.name, count=len(prepared.truncated), rows=shorten(prepared.truncated)
        )
    if prepared.endless:
        event("rows_endless", file=path.name, count=prepared.endless)
    logger.info(
        "%s: %d of %d rows, %d tokens, %d trained",
        path.name,
        prepared.kept,
        prepared.rows,
        prepared.tokens,
        prepared.trained_tokens,
    )
