"""Builds the dataset files of llm-jp-eval v1.x from the published data, byte for byte as its own preparation does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.evaluation.tasks.llmjp import JCQ_INSTRUCTION_V1, dump_dataset_v1, split_pool
from workbench.evaluation.tasks.questions import Question
from workbench.evaluation.tasks.readers import READERS

NAME = "jcommonsenseqa.json"
OUTPUT_LENGTH = 1
"""Tokens that llm-jp-eval allows for an answer."""


def build_jcq_datasets(train: Path, test: Path | None = None) -> Mapping[str, bytes]:
    """The contents of `train/`, `dev/` and, where its questions are at hand, `test/jcommonsenseqa.json`.

    Args:
        train: Published training questions (one JSON object per line); a tenth of them becomes `dev`.
        test: Published validation questions; they keep their order.

    Raises:
        NotFoundError: A file does not exist.
        InputError: A file, or a line of it, cannot be read.
    """
    shots, dev = split_pool(_read(train))
    parts: dict[str, Sequence[Question]] = {"train": shots, "dev": dev}
    if test is not None:
        parts["test"] = _read(test)
    return {
        f"{part}/{NAME}": dump_dataset_v1(JCQ_INSTRUCTION_V1, OUTPUT_LENGTH, questions).encode("utf-8")
        for part, questions in parts.items()
    }


def _read(path: Path) -> tuple[Question, ...]:
    return READERS["jglue_jcq"](path, {}).questions
