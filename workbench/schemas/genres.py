"""Errors by category of question (`誤答分析`): rules that put questions into categories, and the breakdown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from workbench.schemas.base import StrictModel
from workbench.schemas.comparison import ChangeVerdict
from workbench.schemas.evaluation import Interval

Language = Literal["ja", "en"]


class GenreRule(StrictModel):
    """One category. Words are compared after NFKC and without regard to case; patterns are not supported."""

    name: str = Field(min_length=1, max_length=60)
    any: tuple[str, ...] = Field(default=(), max_length=500)
    """At least one of these stands in the question."""
    all: tuple[str, ...] = Field(default=(), max_length=50)
    none: tuple[str, ...] = Field(default=(), max_length=500)

    @model_validator(mode="after")
    def _check_words(self) -> GenreRule:
        if not (self.any or self.all):
            raise ValueError("genre_without_words")
        if not all(word.strip() for word in (*self.any, *self.all, *self.none)):
            raise ValueError("genre_word_empty")
        return self


class GenreRules(StrictModel):
    """A file of rules (YAML): the first category whose words fit is taken."""

    version: Literal[1] = 1
    title: dict[Language, str] = Field(default_factory=dict[Language, str])
    genres: tuple[GenreRule, ...] = Field(min_length=1, max_length=200)
    other: str = Field(default="その他", min_length=1, max_length=60)
    """Where no rule fits."""


class GenreFigures(StrictModel):
    """One category: how often the answers are wrong, and what changed against another run."""

    genre: str
    n: int
    """Questions without an error of the endpoint."""
    wrong: int
    share: Interval
    """Of wrong answers, with Wilson's interval."""
    before_wrong: int | None = None
    """Over the shared questions; None without another run."""
    after_wrong: int | None = None
    shared: int = 0
    difference: Interval | None = None
    """Change of the share of wrong answers over the shared questions."""
    fixed: int = 0
    """Wrong before, right now."""
    broken: int = 0
    p: float | None = None
    """Exact McNemar, after Holm's correction over the categories."""
    verdict: ChangeVerdict | None = None


class GenreFlip(StrictModel):
    """A question whose score changed."""

    id: str
    task: str = ""
    genre: str
    question: str
    target: str = ""
    before: str
    """What each side answered: what was taken out of the answer, or the answer."""
    after: str
    delta: float


class GenreBreakdown(StrictModel):
    """Errors of one run by category, against another run where there is one."""

    genres: tuple[GenreFigures, ...]
    """Most wrong answers first."""
    whole: GenreFigures
    gains: tuple[GenreFlip, ...] = ()
    """Largest improvements first."""
    regressions: tuple[GenreFlip, ...] = ()
    fixed: int = 0
    """Questions that were wrong and are right, in all."""
    broken: int = 0
