"""Answers that were published with their scores, as records that can be scored again.

The form is that of the seed article's repository: one JSON object with a list of results per side, each with
`question`, `expected`, `prediction`, `f1`, `pred_unanswerable` (RAFT) or `question`, `gold`, `response`,
`correct` (JCommonsenseQA). Its publisher cut answers and references at 200 characters after scoring them, so that
of a cut text only the published score is the whole one's: it stands beside ours as `published_…`, with `cut`. The
test set gives the references back, and the documents with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from workbench.artifacts import read_json
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.answer_records import Record
from workbench.schemas.chat import Sample

CUT = 200
"""Characters at which texts were cut."""

Row = Mapping[str, object]


def read_published(path: Path, side: str, samples: Sequence[Sample] = ()) -> Iterator[Record]:
    """The answers of one side as records.

    Ids are positions: questions repeat.

    Args:
        path: The published file.
        side: For example `baseline` or `raft`.
        samples: The questions that were asked, in the same order; more than were published do no harm.

    Raises:
        NotFoundError: `answers_missing`, `published_side_missing`.
        InputError: `published_unreadable`, `published_other_questions`.
    """
    sides = list_sides(path)
    if side not in sides:
        raise NotFoundError(
            "published_side_missing", path=str(path), side=side, known=", ".join(sorted(sides))
        )
    for number, row in enumerate(sides[side], start=1):
        if not isinstance(row, Mapping):
            raise InputError("published_unreadable", path=str(path))
        values = _as_values(number, cast("Row", row))
        texts = [values["prediction"], *([] if samples else [values["expected"]])]
        cut = any(isinstance(text, str) and len(text) >= CUT for text in texts)
        asked = _complete(number, values, samples, path) if samples else values
        yield Record(path, number, {**asked, "cut": cut})


def list_sides(path: Path) -> dict[str, list[object]]:
    """The rows by side.

    Raises:
        NotFoundError: `answers_missing`.
        InputError: `published_unreadable`.
    """
    try:
        content: object = read_json(path)
    except FileNotFoundError as exc:
        raise NotFoundError("answers_missing", path=str(path)) from exc
    except (InputError, RecursionError) as exc:
        raise InputError("published_unreadable", path=str(path)) from exc
    sides: dict[str, list[object]] = {}
    if isinstance(content, dict):
        for name, value in cast("dict[str, object]", content).items():
            rows = cast("Row", value).get("results") if isinstance(value, dict) else value
            if isinstance(rows, list):
                sides[name] = cast("list[object]", rows)
    if not sides:
        raise InputError("published_unreadable", path=str(path))
    return sides


def _as_values(number: int, row: Row) -> dict[str, object]:
    prediction = row.get("prediction", row.get("response"))
    flags = {"f1": row.get("f1"), "refused": row.get("pred_unanswerable"), "correct": row.get("correct")}
    return {
        "id": f"{number:04d}",
        "question": row.get("question", ""),
        "expected": row.get("expected", row.get("gold")),
        "prediction": prediction,
        "published": {name: value for name, value in flags.items() if value is not None},
    }


def _complete(
    number: int, values: dict[str, object], samples: Sequence[Sample], path: Path
) -> dict[str, object]:
    """The record with reference and documents as they were when the answer was scored."""
    sample = samples[number - 1] if number <= len(samples) else None
    if sample is None or sample.question.strip() != str(values["question"]).strip():
        raise InputError("published_other_questions", path=str(path), line=number)
    return values | {
        "expected": sample.target,
        "documents": list(sample.documents),
        "oracle_position": sample.oracle_position,
    }
