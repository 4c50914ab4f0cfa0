"""Finds questions of a test set that a training file already holds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from workbench.schemas.exported import ExportedQuestion
from workbench.text.bm25 import bigrams
from workbench.text.normalise import norm_ja

NEAR = 0.85
"""Share of common character bigrams (Jaccard) from which two questions are one."""
NEAR_WITH_ID = 0.3
"""The same for equal ids: ids like 1, 2, 3 come back in every file, so an id alone proves nothing."""


class Question(NamedTuple):
    """A question of a test set."""

    id: str
    text: str


class Leak(NamedTuple):
    """A question that must not be tested any more."""

    id: str
    exported: ExportedQuestion
    why: Literal["id", "same", "near"]
    """The same id and a similar text, the same text, or nearly the same."""
    similarity: float


def find_leaks(questions: Sequence[Question], exported: Sequence[ExportedQuestion]) -> list[Leak]:
    """Questions of a test set that were exported for training, in the order of the test set.

    Texts are compared after `norm_ja`, so that width, case, spaces and punctuation hide nothing.

    Args:
        questions: The test set.
        exported: What training files hold.
    """
    if not exported:
        return []
    index = _Index(exported)
    found = (index.find(question) for question in questions)
    return [leak for leak in found if leak is not None]


class _Index:
    """Exported questions by bigram: only those that share some are compared."""

    def __init__(self, exported: Sequence[ExportedQuestion]) -> None:
        self._exported = exported
        self._sizes: list[int] = []
        self._same: dict[str, int] = {}
        self._by_bigram: dict[str, list[int]] = {}
        for number, one in enumerate(exported):
            plain = norm_ja(one.question)
            if plain:
                self._same.setdefault(plain, number)
            parts = bigrams(one.question)
            self._sizes.append(len(parts))
            for part in parts:
                self._by_bigram.setdefault(part, []).append(number)

    def find(self, question: Question) -> Leak | None:
        same = self._same.get(norm_ja(question.text))
        if same is not None:
            return Leak(question.id, self._exported[same], "same", 1.0)
        parts = bigrams(question.text)
        common: Counter[int] = Counter()
        for part in parts:
            common.update(self._by_bigram.get(part, ()))
        alike = [
            (shared / (len(parts) + self._sizes[number] - shared), number)
            for number, shared in common.items()
        ]
        return self._judge(question, alike)

    def _judge(self, question: Question, alike: Sequence[tuple[float, int]]) -> Leak | None:
        best, number = max(alike, default=(0.0, -1))
        if best >= NEAR:
            return Leak(question.id, self._exported[number], "near", best)
        named = [pair for pair in alike if self._exported[pair[1]].sample_id == question.id]
        best, number = max(named, default=(0.0, -1))
        if best >= NEAR_WITH_ID:
            return Leak(question.id, self._exported[number], "id", best)
        return None
