"""Two or more runs over the same questions, as one table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.schemas.base import StrictModel
from workbench.schemas.comparison import ChangeVerdict, Sentence
from workbench.schemas.evaluation import Interval

Correction = Literal["holm", "exploratory"]
"""`holm`: verdicts hold for the whole table together. `exploratory`: each cell is judged alone."""


class TableColumn(StrictModel):
    """One figure of one bench."""

    bench: str
    """Task name, `raft`, `answerable`, `unseen`, `unanswerable` or `general`."""
    metric: str
    rate: bool
    """Every question counts 0 or 1."""
    unit_scale: bool = True
    """Every value lies from 0 to 1."""
    higher_is_better: bool = True
    primary: bool = False
    """The bench's own score."""
    protocol: str = ""
    """Of the reference run."""
    chance: float | None = None

    @property
    def key(self) -> str:
        """Names the column among all of a table."""
        return f"{self.bench}/{self.metric}"


class Difference(StrictModel):
    """A run against the reference, over the questions that both were asked."""

    n: int
    """Shared questions that have a value on both sides."""
    before: float | None
    """The reference over these questions."""
    after: float | None
    interval: Interval
    """After minus before with its 95 % interval."""
    gained: int = 0
    """Questions on which the run is better."""
    lost: int = 0
    p: float | None = None
    p_adjusted: float | None = None
    """After Holm's correction over all differences of the table."""
    verdict: ChangeVerdict


class TableCell(StrictModel):
    """One figure of one run."""

    value: Interval
    n: int
    """Questions of the bench, errors included."""
    errors: int = 0
    empty: int = 0
    truncated: int = 0
    difference: Difference | None = None
    """None for the reference itself, and where the two may not be compared."""


class TableRow(StrictModel):
    """One run."""

    run: str
    """Artifact id or folder."""
    label: str
    model: str = ""
    engine: str = ""
    n: int
    errors: int = 0
    cells: tuple[TableCell | None, ...]
    """In the order of the columns; None where the run was not asked."""
    warnings: tuple[Sentence, ...] = ()
    """Why it may not be compared with the reference as it is; texts `sentence.<code>`."""


class RunTable(StrictModel):
    """The whole table."""

    reference: str
    """Id of the run that the others are compared with."""
    correction: Correction
    comparisons: int
    """Differences that were tested."""
    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...] = Field(min_length=1)
