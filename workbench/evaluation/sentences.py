"""What a comparison says in plain words: codes and parameters of the texts `sentence.<code>`. Pure.

A good number never stands alone when another one fell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.errors import Param
from workbench.schemas.comparison import Change, Decomposition, Sentence
from workbench.schemas.evaluation import RunMetrics
from workbench.text.figures import say_signed

RATES = ("over_refusal_rate", "correct_refusal_rate", "verbatim_quote_rate", "general_accuracy")
SIDES = ("baseline", "finetuned")
_LEAKS_SHOWN = 1


Leaks = Mapping[str, tuple[int, int]]


def describe(
    changes: Sequence[Change],
    parts: Decomposition,
    sides: Mapping[str, RunMetrics],
    differ: int,
    task_leaks: Leaks,
) -> list[Sentence]:
    """The sentences in the order in which they are read.

    Args:
        changes: Of every figure.
        parts: Where the change of the F1 comes from.
        sides: Figures of both sides.
        differ: Questions with different answers.
        task_leaks: Refusals before and after in each task without documents.
    """
    sentences = [_change(change) for change in changes]
    sentences += _balance(changes)
    sentences += _explain_f1(parts)
    sentences += _chance(sides["finetuned"])
    sentences += _leaks(sides, task_leaks)
    sentences += _errors(sides)
    if differ == 0:
        # first: nothing else means anything then
        sentences.insert(0, Sentence(code="answers_identical"))
    return sentences


def percent(share: float | None) -> str:
    """A share as percent with one digit, without the sign."""
    return "–" if share is None else f"{share * 100:.1f}"


def _change(change: Change) -> Sentence:
    if change.task:
        return _task_change(change)
    rate = change.metric in RATES
    params: dict[str, Param] = {
        "before": percent(change.before) if rate else _score(change.before),
        "after": percent(change.after) if rate else _score(change.after),
        "n": change.n,
    }
    return Sentence(code=f"{change.metric}_{change.verdict}", params=params)


def _task_change(change: Change) -> Sentence:
    params: dict[str, Param] = {
        "task": change.task,
        "metric": change.metric,
        "before": f"{percent(change.before)} %" if change.rate else _score(change.before),
        "after": f"{percent(change.after)} %" if change.rate else _score(change.after),
        "n": change.n,
    }
    return Sentence(code=f"task_{change.verdict}", params=params)


def _balance(changes: Sequence[Change]) -> list[Sentence]:
    """A warning where something became better and something else worse."""
    worse = [change for change in changes if change.verdict == "worse"]
    if worse and any(change.verdict == "improved" for change in changes):
        return [
            Sentence(code="also_fell_task", params={"task": change.task})
            if change.task
            else Sentence(code=f"also_fell_{change.metric}")
            for change in worse
        ]
    return []


def _explain_f1(parts: Decomposition) -> list[Sentence]:
    contribution = {part.code: part for part in parts.parts}
    flips = [contribution[code] for code in ("rescued", "newly_refused") if code in contribution]
    if not parts.n or parts.total.value is None or not any(part.n for part in flips):
        return []
    both = contribution["both_answered"]
    return [
        Sentence(
            code="decomposition",
            params={
                "total": _signed(parts.total.value),
                "refusals": _signed(sum(part.contribution for part in flips)),
                "both": _signed(both.contribution),
                "rescued": contribution["rescued"].n,
                "newly_refused": contribution["newly_refused"].n,
                "both_n": both.n,
            },
        )
    ]


def _chance(metrics: RunMetrics) -> list[Sentence]:
    if metrics.answered_f1 is None or metrics.answered_f1_chance is None:
        return []
    params: dict[str, Param] = {
        "value": _score(metrics.answered_f1),
        "chance": _score(metrics.answered_f1_chance),
    }
    return [Sentence(code="chance_level", params=params)]


def _leaks(sides: Mapping[str, RunMetrics], tasks: Leaks) -> list[Sentence]:
    """Refusals in a task that has no documents: the training leaked into it."""
    general = [int(sides[name].by_kind.get("general", {}).get("refused", 0)) for name in SIDES]
    found: list[Sentence] = []
    for task, (before, after) in {"": (general[0], general[1]), **tasks}.items():
        params: dict[str, Param] = {"before": before, "after": after}
        if after - before >= _LEAKS_SHOWN:
            code = "task_refusals_leaked" if task else "refusals_leaked"
            found.append(Sentence(code=code, params=params | ({"task": task} if task else {})))
    return found


def _errors(sides: Mapping[str, RunMetrics]) -> list[Sentence]:
    counts = {name: side.errors for name, side in sides.items()}
    if not any(counts.values()):
        return []
    return [
        Sentence(code="errors_left_out", params={"before": counts["baseline"], "after": counts["finetuned"]})
    ]


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return say_signed(value, 3)
