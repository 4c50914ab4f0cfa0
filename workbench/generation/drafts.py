"""Rows before a teacher saw them: question, documents, and where the oracle stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.generation.faq import FaqRow, FaqTable
from workbench.generation.neardup import cluster_texts, merge_clusters
from workbench.generation.negatives import NegativeKind, Negatives, NegativeSampler, Pool
from workbench.generation.split import SetName, Split
from workbench.generation.teaching import TeacherTask
from workbench.generation.templates import REFUSALS
from workbench.schemas.generation import RaftConfig
from workbench.text.bm25 import BigramIndex

QUESTION_NEAR = 0.8
"""Questions are short and alike in form: a higher similarity than for answers is asked."""
_TRAIN_SIDE: frozenset[SetName] = frozenset({"train", "valid", "extra_unanswerable"})


@dataclass(frozen=True)
class Draft:
    """One row to be made."""

    set: SetName
    row: FaqRow
    documents: tuple[FaqRow, ...]
    oracle_position: int | None
    """1-based; None where no document answers."""
    kinds: tuple[NegativeKind, ...]
    max_ratio: float | None
    refusal: str
    """The target where no document answers."""

    @property
    def id(self) -> str:
        return row_id(self.row)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(document.answer for document in self.documents)

    def task(self) -> TeacherTask | None:
        """What a teacher is asked; None for a row without an oracle."""
        if self.oracle_position is None:
            return None
        return TeacherTask(self.id, self.row.question, self.texts, self.oracle_position)


class Drafts(NamedTuple):
    """All rows of a build."""

    made: tuple[Draft, ...]
    failed: tuple[tuple[SetName, FaqRow], ...]
    """Rows for which too few documents are there."""


def row_id(row: FaqRow) -> str:
    """Id of a row: its number in the file, so that it can be looked up there."""
    return f"r{row.row:06d}"


def cluster_rows(rows: Sequence[FaqRow]) -> NDArray[np.int64]:
    """Clusters of rows whose answers, or whose questions, are nearly the same."""
    answers = cluster_texts([row.answer for row in rows])
    questions = cluster_texts([row.question for row in rows], QUESTION_NEAR)
    return merge_clusters(answers, questions)


class Drafter:
    """Draws the documents of every row. Each row has a random source of its own: order does not matter."""

    def __init__(
        self, config: RaftConfig, table: FaqTable, clusters: NDArray[np.int64], split: Split
    ) -> None:
        self.index = BigramIndex([row.answer for row in table.rows])
        self._config = config
        self._rows = table.rows
        self._split = split
        names = {name: number for number, name in enumerate(dict.fromkeys(row.group for row in table.rows))}
        self._sampler = NegativeSampler(
            index=self.index,
            clusters=clusters,
            groups=np.array([names[row.group] for row in table.rows], dtype=np.int64),
            mix=config.negatives,
            ratio_max=config.negative_ratio_max,
            has_groups=len(names) > 1,
        )
        train, test = (np.array(pool, dtype=np.int64) for pool in (split.train_pool, split.test_pool))
        # no test document is shown in training; the other way round only where the test side is too small
        self._pools = {True: Pool(train, np.empty(0, dtype=np.int64)), False: Pool(test, train)}

    def draw_all(self) -> Drafts:
        """Rows of every set, in the order of the split."""
        made: list[Draft] = []
        failed: list[tuple[SetName, FaqRow]] = []
        for name, members in self._split.sets.items():
            with_oracle = self._choose_with_oracle(name, members)
            for member in members:
                draft = self._draw(name, member, member in with_oracle)
                if draft is None:
                    failed.append((name, self._rows[member]))
                else:
                    made.append(draft)
        return Drafts(tuple(made), tuple(failed))

    def _choose_with_oracle(self, name: SetName, members: Sequence[int]) -> frozenset[int]:
        if name in ("unanswerable", "extra_unanswerable"):
            return frozenset()
        if name in ("test", "unseen"):
            return frozenset(members)
        # the realised share is exact, not drawn row by row
        count = int(len(members) * self._config.oracle_share + 0.5)
        return frozenset(Random(f"{self._config.seed}/oracle/{name}").sample(sorted(members), count))

    def _draw(self, name: SetName, member: int, has_oracle: bool) -> Draft | None:
        row = self._rows[member]
        rng = Random(f"{self._config.seed}/row/{row.row}")
        count = self._config.distractors + (not has_oracle)
        pool = self._pools[name in _TRAIN_SIDE]
        negatives = self._sampler.draw(row.question, member, count, pool, rng)
        if negatives is None:
            return None
        return self._arrange(name, row, negatives, has_oracle, rng)

    def _arrange(
        self, name: SetName, row: FaqRow, negatives: Negatives, has_oracle: bool, rng: Random
    ) -> Draft:
        pairs = list(zip(negatives.docs, negatives.kinds, strict=True))
        rng.shuffle(pairs)
        documents = [self._rows[doc] for doc, _ in pairs]
        position = rng.randint(1, len(documents) + 1) if has_oracle else None
        if position is not None:
            documents.insert(position - 1, row)
        return Draft(
            set=name,
            row=row,
            documents=tuple(documents),
            oracle_position=position,
            kinds=tuple(kind for _, kind in pairs),
            max_ratio=round(negatives.max_ratio, 4)
            if has_oracle and negatives.max_ratio is not None
            else None,
            refusal=self._config.refusal or rng.choice(REFUSALS),
        )
