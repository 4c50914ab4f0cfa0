"""The result table of two or more runs: every figure with its interval and its paired difference. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.compare import check_protocols, check_tasks
from workbench.evaluation.measures import (
    RAFT,
    RAFT_KINDS,
    Measure,
    group_benches,
    is_rate,
    list_measures,
    primary_of,
)
from workbench.evaluation.paired import judge_p, measure_change, read_pairs, summarise_values
from workbench.evaluation.pairing import pair_up
from workbench.evaluation.runs import Side, unique_labels
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import ScoredAnswer, TaskFigures
from workbench.schemas.table import Correction, Difference, RunTable, TableCell, TableColumn, TableRow
from workbench.text.significance import adjust_holm
from workbench.text.stats import MIN_PAIRS

MOST_RUNS = 12
RAFT_COLUMNS = ("over_refusal_rate", "correct_refusal_rate", "verbatim_quote_rate", "answered_f1")
_SHOWN_BESIDE = ("over_refusal_rate", "correct_refusal_rate")
"""Rates shown beside a task's own score: a task with documents may be refused too."""


@dataclass(frozen=True)
class Bench:
    """One bench of one run."""

    name: str
    answers: Sequence[ScoredAnswer]
    figures: TaskFigures | None

    @cached_property
    def measures(self) -> dict[str, Measure]:
        return list_measures(self.answers, self.figures)

    @property
    def primary(self) -> str:
        return primary_of(self.answers, self.figures)

    def values(self, measure: Measure) -> list[float]:
        """One value per question that the measure concerns."""
        read = (measure.read(answer) for answer in self.answers)
        return [value for value in read if value is not None]


def list_benches(run: Side) -> dict[str, Bench]:
    """The benches of a run by name."""
    return {
        name: Bench(name, group, run.tasks.get(name)) for name, group in group_benches(run.answers).items()
    }


def build_table(
    runs: Sequence[Side],
    reference: str,
    *,
    correction: Correction = "holm",
    every_metric: bool = False,
    draws: int = 10_000,
    seed: int = 0,
) -> RunTable:
    """The table of all runs against one of them.

    Args:
        runs: In the order of the rows.
        reference: Id of the run that the others are compared with.
        correction: How the number of differences is answered for.
        every_metric: A column for every score of every task, not only for the task's own.
        draws: Bootstrap draws.
        seed: Of those draws.

    Raises:
        InputError: `table_run_count`.
        NotFoundError: `run_missing` where the reference is none of the runs.
    """
    if not 1 <= len(runs) <= MOST_RUNS or len({run.id for run in runs}) < len(runs):
        raise InputError("table_run_count", most=MOST_RUNS)
    base = next((run for run in runs if run.id == reference), None)
    if base is None:
        raise NotFoundError("run_missing", name=reference)
    benches = {run.id: list_benches(run) for run in runs}
    columns = list(_list_columns([benches[run.id] for run in (base, *runs)], every_metric))
    maker = _RowMaker(base, benches[base.id], columns, draws, seed)
    rows = [
        maker.make(run, label, benches[run.id]) for run, label in zip(runs, unique_labels(runs), strict=True)
    ]
    rows = _correct(rows, columns) if correction == "holm" else rows
    return RunTable(
        reference=base.id,
        correction=correction,
        comparisons=sum(
            cell is not None and cell.difference is not None and cell.difference.n >= MIN_PAIRS
            for row in rows
            for cell in row.cells
        ),
        columns=tuple(columns),
        rows=tuple(rows),
    )


def _list_columns(found: Sequence[Mapping[str, Bench]], every_metric: bool) -> Iterator[TableColumn]:
    """The RAFT figures first, then each task; a bench that any run was asked has its columns."""
    names = dict.fromkeys(name for benches in found for name in benches)
    ordered = [*(name for name in (RAFT, "general") if name in names), *(n for n in names if _is_task(n))]
    for name in ordered:
        benches = [one[name] for one in found if name in one]
        metrics = dict.fromkeys(metric for bench in benches for metric in _choose(bench, every_metric))
        for metric in metrics:
            yield _describe(name, metric, benches)


def _is_task(name: str) -> bool:
    return name not in RAFT_KINDS and name not in (RAFT, "general")


def _choose(bench: Bench, every_metric: bool) -> list[str]:
    if every_metric:
        primary = [bench.primary] if bench.primary in bench.measures else []
        return [*primary, *(name for name in bench.measures if name != bench.primary)]
    if bench.name == RAFT:
        return [name for name in RAFT_COLUMNS if name in bench.measures]
    if bench.name == "general":
        return ["general_accuracy"]
    return [name for name in (bench.primary, *_SHOWN_BESIDE) if name in bench.measures]


def _describe(name: str, metric: str, benches: Sequence[Bench]) -> TableColumn:
    measured = [bench for bench in benches if metric in bench.measures]
    values = [value for bench in measured for value in bench.values(bench.measures[metric])]
    figures = next((bench.figures for bench in measured if bench.figures), None)
    primary = any(bench.primary == metric for bench in measured)
    return TableColumn(
        bench=name,
        metric=metric,
        rate=is_rate(values),
        unit_scale=all(0.0 <= value <= 1.0 for value in values),
        higher_is_better=is_better_higher(measured[0], metric),
        primary=primary or metric in ("answered_f1", "general_accuracy"),
        protocol=figures.protocol if figures else "",
        chance=figures.chance if figures and primary else None,
    )


def is_better_higher(bench: Bench, metric: str) -> bool:
    """Which way is better: as the task says of its own score, as the name says otherwise."""
    if bench.figures is not None and metric == bench.figures.primary:
        return bench.figures.higher_is_better
    return bench.measures[metric].higher_is_better


def same_protocol(before: Bench, after: Bench) -> bool:
    """Whether two runs' scores of a bench may be compared at all."""
    if before.figures is None or after.figures is None:
        return True
    return before.figures.protocol == after.figures.protocol


@dataclass(frozen=True)
class _RowMaker:
    base: Side
    benches: Mapping[str, Bench]
    columns: Sequence[TableColumn]
    draws: int
    seed: int

    def make(self, run: Side, label: str, benches: Mapping[str, Bench]) -> TableRow:
        warnings = [] if run is self.base else self._warn(run, benches)
        return TableRow(
            run=run.id,
            label=label,
            model=run.model,
            engine=run.engine,
            n=len(run.answers),
            errors=sum(answer.state == "error" for answer in run.answers),
            cells=tuple(
                self._cell(benches.get(column.bench), column, run is self.base) for column in self.columns
            ),
            warnings=tuple(warnings),
        )

    def _warn(self, run: Side, benches: Mapping[str, Bench]) -> list[Sentence]:
        warnings = [*check_protocols(self.base.details, run.details), *check_tasks(self.base, run)]
        shared = [name for name in self.benches if name in benches and name not in RAFT_KINDS]
        for name in shared:
            before, after = self.benches[name].answers, benches[name].answers
            pairs = len(pair_up(before, after))
            alone = len(before) + len(after) - 2 * pairs
            if alone:
                params: dict[str, str | int | float] = {"bench": name, "count": alone, "n": pairs}
                warnings.append(Sentence(code="bench_unpaired", params=params))
        return warnings

    def _cell(self, bench: Bench | None, column: TableColumn, is_base: bool) -> TableCell | None:
        if bench is None or column.metric not in bench.measures:
            return None
        states = [answer.state for answer in bench.answers]
        return TableCell(
            value=summarise_values(bench.values(bench.measures[column.metric]), seed=self.seed),
            n=len(bench.answers),
            errors=states.count("error"),
            empty=states.count("empty"),
            truncated=states.count("truncated"),
            difference=None if is_base else self._difference(bench, column),
        )

    def _difference(self, bench: Bench, column: TableColumn) -> Difference | None:
        base = self.benches.get(column.bench)
        if base is None or column.metric not in base.measures or not same_protocol(base, bench):
            return None
        paired = read_pairs(
            pair_up(base.answers, bench.answers),
            base.measures[column.metric],
            higher_is_better=column.higher_is_better,
        )
        if not paired.n:
            return None
        change = measure_change(column.metric, paired, draws=self.draws, seed=self.seed)
        return Difference(
            n=change.n,
            before=change.before,
            after=change.after,
            interval=change.difference,
            gained=change.gained,
            lost=change.lost,
            p=change.p,
            verdict=change.verdict,
        )


def _correct(rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> list[TableRow]:
    """Verdicts that hold for all differences of the table together (Holm)."""
    tested = [
        (i, j, cell.difference)
        for i, row in enumerate(rows)
        for j, cell in enumerate(row.cells)
        if cell is not None and cell.difference is not None and cell.difference.n >= MIN_PAIRS
    ]
    adjusted = adjust_holm([1.0 if difference.p is None else difference.p for _, _, difference in tested])
    changed = {
        (i, j): difference.model_copy(
            update={
                "p_adjusted": p,
                "verdict": judge_p(p, difference.interval, higher_is_better=columns[j].higher_is_better),
            }
        )
        for (i, j, difference), p in zip(tested, adjusted, strict=True)
    }
    return [
        row.model_copy(
            update={
                "cells": tuple(
                    cell.model_copy(update={"difference": changed[i, j]})
                    if cell is not None and (i, j) in changed
                    else cell
                    for j, cell in enumerate(row.cells)
                )
            }
        )
        for i, row in enumerate(rows)
    ]


def list_differences(base: Side, run: Side, column: TableColumn) -> list[float]:
    """The change of one figure question by question, in the direction in which better lies."""
    before, after = list_benches(base).get(column.bench), list_benches(run).get(column.bench)
    if before is None or after is None or column.metric not in before.measures:
        return []
    if not same_protocol(before, after):
        return []
    paired = read_pairs(pair_up(before.answers, after.answers), before.measures[column.metric])
    sign = 1.0 if column.higher_is_better else -1.0
    return [sign * (new - old) for old, new in zip(paired.before, paired.after, strict=True)]
