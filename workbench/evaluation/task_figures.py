"""From the scored answers of one task to its figures. Pure.

Errors are in no figure. Where the task's own score is right or wrong, a question whose answer is empty or was
cut off is a wrong one: a model that rambles until its tokens run out must not look better for it. Where it
measures an overlap, there is nothing to measure; the figure is that of the scored answers, and how many there
were stands beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from workbench.evaluation.protocols import Given, Protocol
from workbench.schemas.evaluation import Interval, ScoredAnswer, TaskFigures
from workbench.text.stats import bootstrap_mean, wilson

DRAWS = 1_000
"""Bootstrap draws behind an interval: enough for two digits, and quick."""
SEED = 0
CHANCE_ANSWERS = 2_000
"""Answers from which the chance level is taken, so that a huge file is not held in memory for it."""


def summarise_task(
    answers: Iterable[ScoredAnswer], protocol: Protocol, task: str, shots: int = 0
) -> TaskFigures:
    """The figures of one task with their 95 % intervals (Wilson for rates, bootstrap for means).

    Args:
        answers: All answers of the task, errors included.
        protocol: That they were scored by.
        task: Name of the task.
        shots: Solved examples that were found in the prompts.
    """
    tally = TaskTally(protocol)
    for answer in answers:
        tally.add(answer)
    return tally.figures(task, shots)


class TaskTally:
    """Takes in scored answers one by one and keeps of them what the figures need."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.states: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {}
        self._pooled: dict[str, list[float]] = {}
        """Scores with several values per question, those of all questions together."""
        self._unanswered: list[str] = []
        """Genres of the questions that have no answer to score."""
        self._genres: dict[str, list[float]] = {}
        self._givens: list[Given] = []

    @property
    def n(self) -> int:
        """Answers so far, errors included."""
        return self.states.total()

    def add(self, answer: ScoredAnswer) -> None:
        """Take in one answer."""
        self.states[answer.state] += 1
        for name, value in answer.scores.items():
            self._values.setdefault(name, []).append(value)
        for name, several in answer.lists.items():
            self._pooled.setdefault(name, []).extend(several)
        if answer.scores:
            self._genres.setdefault(answer.genre, []).extend(self._own(answer))
            if len(self._givens) < CHANCE_ANSWERS:
                self._givens.append(_given(answer))
        elif answer.state != "error":
            self._unanswered.append(answer.genre)

    def figures(self, task: str, shots: int = 0) -> TaskFigures:
        """The figures of what was taken in."""
        protocol = self.protocol
        return TaskFigures(
            task=task,
            protocol=protocol.label,
            primary=protocol.primary,
            n=self.n,
            errors=self.states["error"],
            empty=self.states["empty"],
            truncated=self.states["truncated"],
            refused=self.states["refused"],
            metrics=self._metrics(),
            chance=protocol.chance(self._givens),
            shots=shots,
            genres=self._by_genre(),
        )

    def _own(self, answer: ScoredAnswer) -> list[float]:
        value = answer.scores.get(self.protocol.primary)
        return [] if value is None else [value]

    def _metrics(self) -> dict[str, Interval]:
        found = {
            name: self._figure(name, values, self._missed(name)) for name, values in self._values.items()
        }
        if self.protocol.primary not in found:
            found[self.protocol.primary] = self._figure(
                self.protocol.primary, [], self._missed(self.protocol.primary)
            )
        return found | {name: self._figure(name, values, 0) for name, values in self._pooled.items()}

    def _missed(self, name: str) -> int:
        """Questions without an answer that count as wrong in a score."""
        judged = name in self.protocol.rates and name not in self.protocol.asides
        # a score that only some questions have says nothing of those without an answer
        everywhere = len(self._values.get(name, [])) == len(self._values.get(self.protocol.primary, []))
        return len(self._unanswered) if judged and everywhere and self._right_or_wrong else 0

    @property
    def _right_or_wrong(self) -> bool:
        return self.protocol.primary in self.protocol.rates

    def _figure(self, name: str, values: Sequence[float], missed: int) -> Interval:
        if name in self.protocol.rates:
            return wilson(sum(value > 0 for value in values), len(values) + missed)
        return bootstrap_mean(values, draws=DRAWS, seed=SEED)

    def _by_genre(self) -> dict[str, Interval]:
        missed = Counter(self._unanswered if self._right_or_wrong else ())
        names = dict.fromkeys([*self._genres, *missed])
        if not any(names):
            return {}
        return {
            name: self._figure(self.protocol.primary, self._genres.get(name, []), missed[name])
            for name in names
        }


def _given(answer: ScoredAnswer) -> Given:
    return Given(
        prediction=answer.extracted or answer.prediction,
        expected=answer.target,
        references=answer.references,
    )
