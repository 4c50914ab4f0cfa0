"""Holds a candidate run against a gate. Pure: every condition is evaluated, whatever became of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.errors import InputError
from workbench.evaluation.compare import COMPARED
from workbench.evaluation.items import ANSWERED
from workbench.evaluation.measures import ALIASES, RAFT, Measure, has_refused
from workbench.evaluation.paired import read_pairs
from workbench.evaluation.pairing import Pair, pair_up
from workbench.evaluation.runs import Side
from workbench.evaluation.table import Bench, is_better_higher, list_benches, same_protocol
from workbench.pipeline.gate_conditions import (
    AGAINST_BASELINE,
    Decision,
    decide_paired,
    decide_value,
)
from workbench.pipeline.gate_opinions import Opinions, check_humans, check_judge
from workbench.schemas.comparison import Sentence
from workbench.schemas.gate import (
    ANY_BENCH,
    Condition,
    ConditionResult,
    GateReport,
    GateSpec,
    GateVerdict,
    Requirements,
    Section,
)

OWN_SCORE = {"general": "general_accuracy", "unanswerable": "correct_refusal_rate", RAFT: "answered_f1"}
"""Of benches whose answers name none; else the F1."""
_REQUIRED = {
    "same_engine": "engine",
    "same_thinking": "thinking",
    "same_template": "template",
    "same_sampling": "sampling",
}
"""Requirement -> what of the two runs must be equal."""


@dataclass(frozen=True)
class Gate:
    """Two runs and everything that is known of them."""

    baseline: Side
    candidate: Side
    opinions: Opinions = field(default_factory=Opinions)
    seed: int = 0


def check_gate(spec: GateSpec, gate: Gate) -> GateReport:
    """Evaluate every condition and give the verdict.

    Raises:
        InputError: `gate_metric_unknown` where a bench has no such figure, `gate_ratio_needs_higher`.
    """
    checker = _Checker(gate, list_benches(gate.baseline), list_benches(gate.candidate))
    results = [
        *(found for condition in spec.regression for found in checker.check("regression", condition)),
        *(found for condition in spec.improvement for found in checker.check("improvement", condition)),
        *(check_judge(spec.judge, gate.opinions.judge) if spec.judge else ()),
        *(check_humans(spec.human, gate.opinions.votes) if spec.human else ()),
    ]
    invalid, notes = check_requirements(spec.require, gate.baseline, gate.candidate)
    return GateReport(
        verdict="inconclusive" if invalid else give_verdict(results),
        valid=not invalid,
        baseline=gate.baseline.id,
        candidate=gate.candidate.id,
        labels={"baseline": gate.baseline.label, "candidate": gate.candidate.label},
        conditions=tuple(results),
        invalid=tuple(invalid),
        notes=tuple(notes),
    )


def give_verdict(results: Sequence[ConditionResult]) -> GateVerdict:
    """`fail` where a condition that blocks failed or its bench is missing, then `inconclusive`, else `pass`."""
    outcomes = {result.outcome for result in results if result.tier != "advisory"}
    if outcomes & {"fail", "missing"}:
        return "fail"
    return "inconclusive" if "inconclusive" in outcomes else "pass"


def check_requirements(
    require: Requirements, baseline: Side, candidate: Side
) -> tuple[list[Sentence], list[Sentence]]:
    """What makes the comparison invalid, and what could not be checked because a run does not record it."""
    invalid: list[Sentence] = []
    unknown: list[Sentence] = []
    for name, what in _REQUIRED.items():
        if not getattr(require, name):
            continue
        before, after = COMPARED[what](baseline.details), COMPARED[what](candidate.details)
        if before is None or after is None:
            unknown.append(Sentence(code=f"{what}_unknown"))
        elif before != after:
            params: dict[str, str | int | float] = {"before": str(before)[:80], "after": str(after)[:80]}
            invalid.append(Sentence(code=f"{what}_differs", params=params))
    for side, run in (("baseline", baseline), ("candidate", candidate)):
        for state, most in (("error", require.error_rate_max), ("truncated", require.truncated_max)):
            share = sum(answer.state == state for answer in run.answers) / max(1, len(run.answers))
            if share > most:
                params = {"share": f"{share * 100:.1f}", "most": f"{most * 100:.1f}"}
                invalid.append(Sentence(code=f"{side}_{state}", params=params))
    # files made elsewhere record nothing: that is one thing to say, not four
    silent = len(unknown) == len(_REQUIRED)
    return invalid, [Sentence(code="nothing_recorded")] if silent else unknown


@dataclass(frozen=True)
class _Checker:
    gate: Gate
    before: Mapping[str, Bench]
    after: Mapping[str, Bench]

    def check(self, section: Section, condition: Condition) -> Iterator[ConditionResult]:
        """One result per bench that the condition speaks of."""
        metric = ALIASES.get(condition.metric, condition.metric)
        for name in self._benches(condition, metric):
            yield self._check_bench(section, condition, name, metric)

    def _benches(self, condition: Condition, metric: str) -> list[str]:
        if condition.bench != ANY_BENCH:
            return [condition.bench]
        names = dict.fromkeys([*self.after, *self.before])
        # the RAFT sets are counted one by one here
        found = [name for name in names if name != RAFT and self._knows(name, metric)]
        if not found:
            known = {name for side in (self.before, self.after) for b in side.values() for name in b.measures}
            raise InputError("gate_metric_unknown", bench=ANY_BENCH, metric=metric, known=_list(known))
        return found

    def _knows(self, name: str, metric: str) -> bool:
        benches = [side[name] for side in (self.before, self.after) if name in side]
        return any((metric or _own_score(bench)) in bench.measures for bench in benches)

    def _check_bench(self, section: Section, condition: Condition, name: str, metric: str) -> ConditionResult:
        before, after = self.before.get(name), self.after.get(name)
        paired = condition.limit in AGAINST_BASELINE or condition.scope == "both_answered"
        if after is None or (paired and before is None):
            return _report(section, condition, name, metric, Decision("missing", "bench_missing"))
        metric = metric or _own_score(after)
        measure = _find_measure(name, metric, [bench for bench in (after, before) if bench])
        if before is not None and paired and not same_protocol(before, after):
            decision = Decision("inconclusive", "protocol_differs")
        elif paired and before is not None:
            decision = self._decide_pairs(condition, before, after, measure)
        else:
            decision = decide_value(condition, after.values(measure), self.gate.seed)
        return _report(section, condition, name, metric, decision)

    def _decide_pairs(self, condition: Condition, before: Bench, after: Bench, measure: Measure) -> Decision:
        higher = is_better_higher(after, measure.name)
        if condition.limit == "min_ratio" and not higher:
            raise InputError("gate_ratio_needs_higher", bench=after.name, metric=measure.name)
        pairs = pair_up(before.answers, after.answers)
        if condition.scope == "both_answered":
            pairs = [pair for pair in pairs if _both_answered(pair)]
        paired = read_pairs(pairs, measure, higher_is_better=higher)
        if condition.limit in AGAINST_BASELINE:
            return decide_paired(condition, paired, self.gate.seed)
        return decide_value(condition, paired.after, self.gate.seed)


def _both_answered(pair: Pair) -> bool:
    return all(answer.state in ANSWERED and not has_refused(answer) for answer in pair)


def _own_score(bench: Bench) -> str:
    return bench.primary or OWN_SCORE.get(bench.name, "char_f1")


def _find_measure(name: str, metric: str, benches: Sequence[Bench]) -> Measure:
    for bench in benches:
        if metric in bench.measures:
            return bench.measures[metric]
    known = {name for bench in benches for name in bench.measures}
    raise InputError("gate_metric_unknown", bench=name, metric=metric, known=_list(known))


def _list(names: set[str]) -> str:
    aliases = {alias for alias, name in ALIASES.items() if name in names}
    return ", ".join(sorted(names | aliases))


def _report(
    section: Section, condition: Condition, bench: str, metric: str, decision: Decision
) -> ConditionResult:
    evidence = decision.evidence
    return ConditionResult(
        section=section,
        bench=bench,
        metric=metric,
        tier=condition.tier,
        decide_on=condition.decide_on,
        scope=condition.scope,
        limit=condition.limit,
        threshold=condition.threshold,
        outcome=decision.outcome,
        reason=decision.reason,
        rate=evidence.rate,
        before=evidence.before,
        after=evidence.after,
        statistic=evidence.statistic,
        n=evidence.n,
        needed=decision.needed,
    )
