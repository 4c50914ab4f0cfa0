"""What a gate says of runs whose per-question scores are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.evaluation.makers import QUOTED, REFUSAL, scored
from tests.evaluation.run_makers import JCQ, article, figures_of, flipped, task_answer, task_run
from workbench.errors import ConfigError, InputError
from workbench.evaluation.paired import Paired
from workbench.evaluation.runs import Side
from workbench.i18n import LANGUAGES, has_key
from workbench.pipeline.gate import Gate, check_gate
from workbench.pipeline.gate_conditions import decide_paired
from workbench.pipeline.gate_opinions import JudgeOpinion, Opinions
from workbench.pipeline.gate_report import (
    render_junit,
    render_markdown,
    render_text,
    report_document,
    say_condition,
)
from workbench.schemas.base import parse
from workbench.schemas.evaluation import Interval
from workbench.schemas.gate import Condition, ConditionResult, GateReport, GateSpec
from workbench.schemas.judging import JudgeCheck, JudgeIdentity, JudgementSummary, PairFigures
from workbench.schemas.review import SelectionTally, VoteSummary
from workbench.text.stats import wilson

EVIL = '"><script>alert(1)</script> | [x](http://evil) \x00\x0b'


def gate(*conditions: Mapping[str, Any], **sections: Any) -> GateSpec:
    return parse(GateSpec, {"regression": list(conditions), **sections}, prefix="gate")


def run(spec: GateSpec, before: Side, after: Side, **opinions: Any) -> GateReport:
    return check_gate(spec, Gate(before, after, Opinions(**opinions)))


def only(report: GateReport) -> ConditionResult:
    (result,) = report.conditions
    return result


def test_the_articles_two_rules_can_be_told_apart() -> None:
    before, after = article()
    # 003: score / base >= 0.95 on the figure alone; nel gate: a drop of at most 0.015 on the interval
    ratio = run(gate({"bench": JCQ, "min_ratio": 0.95, "decide_on": "point"}), before, after)
    drop = run(gate({"bench": JCQ, "max_drop": 0.015}), before, after)
    assert ratio.verdict == "pass"
    assert only(ratio).statistic.value == pytest.approx(1024 / 1029)
    assert (only(ratio).statistic.low, only(ratio).statistic.high) == pytest.approx((0.983, 1.008), abs=1e-3)
    assert drop.verdict == "inconclusive"
    assert only(drop).reason == "straddles"
    assert (only(drop).statistic.low, only(drop).statistic.high) == pytest.approx((-0.0161, 0.0071), abs=4e-4)
    assert only(drop).needed is not None
    assert 100 < only(drop).needed < 600


def test_the_questions_said_to_be_needed_do_decide() -> None:
    before, after = article()
    first = only(run(gate({"bench": JCQ, "max_drop": 0.015}), before, after))
    assert first.needed is not None
    n = 1119 + first.needed
    wide = flipped(n, round(1029 * n / 1119), round(24 * n / 1119), round(19 * n / 1119))
    again = only(run(gate({"bench": JCQ, "max_drop": 0.015}), task_run("a", wide[0]), task_run("b", wide[1])))
    assert again.outcome == "pass"


def _simulate(drop: float, draws: int = 1000) -> float:
    """Share of runs of 100 questions (base 0.60, 20 % flips) that pass the article's point rule."""
    generator = np.random.default_rng(7)
    condition = Condition(bench=JCQ, min_ratio=0.95, decide_on="point")
    lose, gain = (0.1 + drop / 2) / 0.6, (0.1 - drop / 2) / 0.4
    passed = 0
    for _ in range(draws):
        before = generator.random(100) < 0.6
        flips = generator.random(100)
        after = np.where(before, flips >= lose, flips < gain)
        paired = Paired(tuple(map(float, before)), tuple(map(float, after)))
        passed += decide_paired(condition, paired).outcome == "pass"
    return passed / draws


def test_the_point_rule_fails_an_unchanged_model_every_fifth_time_and_lets_real_losses_pass() -> None:
    assert 0.17 < 1 - _simulate(0.0) < 0.30
    # a true loss of 8 % of the base's score
    assert 0.30 < _simulate(0.08 * 0.6) < 0.46


def test_the_point_rule_tolerates_fifty_one_questions_of_the_article() -> None:
    verdicts = {}
    for lost in (51, 52):
        before, after = flipped(1119, 1029, lost, 0)
        spec = gate({"bench": JCQ, "min_ratio": 0.95, "decide_on": "point"})
        verdicts[lost] = run(spec, task_run("a", before), task_run("b", after)).verdict
    assert verdicts == {51: "pass", 52: "fail"}


def test_every_condition_is_evaluated_after_one_has_failed() -> None:
    before, after = flipped(200, 180, 90, 0)
    report = run(
        gate(
            {"bench": JCQ, "max_drop": 0.1},
            {"bench": JCQ, "min_value": 0.2},
            {"bench": JCQ, "min_delta": 0.5},
        ),
        task_run("a", before),
        task_run("b", after),
    )
    assert [result.outcome for result in report.conditions] == ["fail", "pass", "fail"]
    assert report.verdict == "fail"


def test_fewer_than_ten_pairs_decide_nothing() -> None:
    before, after = flipped(9, 9, 0, 0)
    for decide_on in ("ci", "point"):
        found = only(
            run(
                gate({"bench": JCQ, "max_drop": 0.5, "decide_on": decide_on}),
                task_run("a", before),
                task_run("b", after),
            )
        )
        assert (found.outcome, found.reason, found.needed) == ("inconclusive", "too_few", 1)


def test_a_handful_of_questions_without_a_flip_is_no_certainty() -> None:
    same = [1.0] * 8 + [0.0] * 4
    found = only(run(gate({"bench": JCQ, "max_drop": 0.01}), task_run("a", same), task_run("b", same)))
    assert found.outcome == "inconclusive"


@pytest.mark.parametrize(
    ("tier", "verdict"), [("critical", "fail"), ("supporting", "fail"), ("advisory", "pass")]
)
def test_a_missing_bench_blocks_unless_it_is_only_advisory(tier: str, verdict: str) -> None:
    before, after = article()
    report = run(
        gate({"bench": "gsm8k", "max_drop": 0.03, "tier": tier}, {"bench": JCQ, "min_value": 0.5}),
        before,
        after,
    )
    assert report.conditions[0].outcome == "missing"
    assert report.verdict == verdict


def test_an_advisory_failure_never_blocks() -> None:
    before, after = article()
    spec = gate({"bench": JCQ, "min_value": 0.99, "tier": "advisory"}, {"bench": JCQ, "min_value": 0.5})
    report = run(spec, before, after)
    assert report.conditions[0].outcome == "fail"
    assert report.verdict == "pass"


def test_an_unknown_figure_is_an_error_that_names_the_known_ones() -> None:
    before, after = article()
    with pytest.raises(InputError) as caught:
        run(gate({"bench": JCQ, "metric": "exact_macth", "max_drop": 0.1}), before, after)
    assert caught.value.code == "gate_metric_unknown"
    assert "correct" in str(caught.value.params["known"])


def test_another_engine_makes_the_comparison_invalid_instead_of_failing_the_model() -> None:
    before, after = flipped(200, 180, 90, 0)
    report = run(
        gate({"bench": JCQ, "max_drop": 0.01}),
        task_run("a", before, details={"endpoint": {"engine": "ollama"}}),
        task_run("b", after, details={"endpoint": {"engine": "vllm"}}),
    )
    assert report.conditions[0].outcome == "fail"
    assert (report.verdict, report.valid) == ("inconclusive", False)
    assert [sentence.code for sentence in report.invalid] == ["engine_differs"]


def test_too_many_errors_or_cut_answers_make_the_comparison_invalid() -> None:
    good = task_run("a", [1.0] * 100)
    cut = [task_answer(str(i), None, state="truncated" if i < 3 else "error") for i in range(5)]
    bad = Side("b", [*cut, *good.answers[5:]], {})
    report = run(gate({"bench": JCQ, "min_value": 0.1}), good, bad)
    assert {sentence.code for sentence in report.invalid} == {"candidate_error", "candidate_truncated"}
    assert report.verdict == "inconclusive"


def test_requirements_can_be_loosened() -> None:
    report = run(
        gate({"bench": JCQ, "min_value": 0.1}, require={"same_engine": False}),
        task_run("a", [1.0] * 30, details={"endpoint": {"engine": "ollama"}}),
        task_run("b", [1.0] * 30, details={"endpoint": {"engine": "vllm"}}),
    )
    assert report.valid


def test_scores_of_different_protocols_are_not_compared() -> None:
    report = run(
        gate({"bench": JCQ, "max_drop": 0.5}),
        task_run("a", [1.0] * 50, figures=figures_of(protocol="jcq_chat@1")),
        task_run("b", [1.0] * 50, figures=figures_of(protocol="jcq_llmjp@1")),
    )
    assert (only(report).reason, report.verdict) == ("protocol_differs", "inconclusive")


def test_the_hidden_regression_shows_over_the_questions_that_both_answered() -> None:
    """Refusals turned into answers lift the mean; what both answered fell."""
    refused = [
        task_answer(f"r{i}", 0.0, metric="f1", state="refused", documents=("d",), target="t")
        for i in range(40)
    ]
    rescued = [task_answer(f"r{i}", 0.6, metric="f1", documents=("d",), target="t") for i in range(40)]
    both = [
        task_answer(f"b{i}", 0.8 + i % 2 / 10, metric="f1", documents=("d",), target="t") for i in range(150)
    ]
    fallen = [
        task_answer(f"b{i}", 0.74 + i % 3 / 20, metric="f1", documents=("d",), target="t") for i in range(150)
    ]
    spec = gate(
        {"bench": JCQ, "metric": "f1", "min_delta": 0.02},
        {"bench": JCQ, "metric": "f1", "min_delta": -0.02, "scope": "both_answered"},
        {"bench": JCQ, "metric": "false_refusal_rate", "max_value": 0.05},
    )
    report = run(spec, Side("a", [*refused, *both]), Side("b", [*rescued, *fallen]))
    assert [result.outcome for result in report.conditions] == ["pass", "fail", "pass"]
    assert report.conditions[1].n == 150
    assert report.conditions[2].metric == "over_refusal_rate"


def test_a_star_asks_every_bench_that_has_the_figure() -> None:
    refusing = [task_answer(str(i), 0.0, state="refused" if i < 20 else "answered") for i in range(400)]
    calm = [task_answer(str(i), 1.0, task="gsm8k") for i in range(2000)]
    reading = [task_answer(str(i), 1.0, task="jsquad", documents=("d",), target="t") for i in range(50)]
    side = Side("b", [*refusing, *calm, *reading])
    report = run(
        gate({"bench": "*", "metric": "refusal_leak_rate", "max_value": 0.005}), Side("a", side.answers), side
    )
    assert {result.bench: result.outcome for result in report.conditions} == {JCQ: "fail", "gsm8k": "pass"}


def test_without_a_figure_each_bench_is_judged_by_its_own_score() -> None:
    answers = [
        *(scored(QUOTED, f"a{i}") for i in range(20)),
        *(scored(REFUSAL, f"u{i}", "unanswerable") for i in range(20)),
        *(scored("1", f"g{i}", "general") for i in range(20)),
        *task_run("x", [1.0] * 20).answers,
    ]
    report = run(gate({"bench": "*", "min_ratio": 0.5}), Side("a", answers), Side("b", answers))
    assert {result.bench: result.metric for result in report.conditions} == {
        "answerable": "char_f1",
        "unanswerable": "correct_refusal_rate",
        "general": "general_accuracy",
        JCQ: "correct",
    }


def test_less_is_better_where_the_figure_says_so() -> None:
    def side(name: str, refused: int) -> Side:
        return Side(
            name,
            [
                task_answer(
                    str(i),
                    0.5,
                    metric="f1",
                    documents=("d",),
                    target="t",
                    state="refused" if i < refused else "answered",
                )
                for i in range(200)
            ],
        )

    spec = gate({"bench": JCQ, "metric": "over_refusal_rate", "min_delta": 0.1})
    assert only(run(spec, side("a", 47), side("b", 3))).outcome == "pass"
    assert only(run(spec, side("a", 3), side("b", 47))).outcome == "fail"
    with pytest.raises(InputError, match="gate_ratio_needs_higher"):
        run(gate({"bench": JCQ, "metric": "over_refusal_rate", "min_ratio": 0.9}), side("a", 3), side("b", 3))


def test_an_empty_answer_counts_as_wrong_in_a_right_or_wrong_score() -> None:
    whole = task_run("a", [1.0] * 100)
    silent = Side(
        "b", [*whole.answers[:80], *(task_answer(str(i), None, state="empty") for i in range(80, 100))]
    )
    found = only(run(gate({"bench": JCQ, "max_drop": 0.05}), whole, silent))
    assert (found.after, found.n, found.outcome) == (0.8, 100, "fail")


def test_an_error_is_no_score() -> None:
    whole = task_run("a", [1.0] * 400)
    broken = Side("b", [*whole.answers[:399], task_answer("399", None, state="error")])
    found = only(run(gate({"bench": JCQ, "max_drop": 0.05}), whole, broken))
    assert (found.after, found.n) == (1.0, 399)


def test_a_base_of_zero_has_no_ratio() -> None:
    found = only(
        run(gate({"bench": JCQ, "min_ratio": 0.9}), task_run("a", [0.0] * 30), task_run("b", [1.0] * 30))
    )
    assert (found.outcome, found.reason) == ("inconclusive", "base_zero")


# ---- people and judges ----


def votes(wins: int, losses: int, dangerous: int = 0, selection: str = "random") -> VoteSummary:
    tally = SelectionTally(votes=wins + losses, win_rate=wilson(wins, wins + losses))
    return VoteSummary.model_validate(
        {
            "comparison": "c",
            "votes": wins + losses,
            "win_rate": wilson(wins, wins + losses),
            "left_share": wilson(1, 2),
            "by_selection": {selection: tally},
            "tags": {"finetuned": {"dangerous": dangerous}},
        }
    )


def human(**fields: Any) -> GateSpec:
    return parse(GateSpec, {"human": fields}, prefix="gate")


@pytest.mark.parametrize(
    ("summary", "outcomes"),
    [
        (votes(45, 5), ["pass", "pass", "pass"]),
        (votes(20, 14), ["pass", "inconclusive", "pass"]),
        (votes(5, 45), ["pass", "fail", "pass"]),
        (votes(10, 4, dangerous=1), ["inconclusive", "inconclusive", "fail"]),
        (votes(45, 5, selection="targeted"), ["inconclusive", "inconclusive", "pass"]),
        (None, ["inconclusive", "inconclusive", "inconclusive"]),
    ],
)
def test_only_randomly_drawn_questions_decide_the_peoples_condition(
    summary: VoteSummary | None, outcomes: list[str]
) -> None:
    spec = human(min_decisive_votes=30, min_win_rate=0.55, max_critical_tags=0)
    report = run(spec, *article(), votes=summary)
    assert [result.outcome for result in report.conditions] == outcomes


def test_the_votes_still_needed_are_said() -> None:
    found = run(human(min_decisive_votes=30), *article(), votes=votes(10, 4)).conditions[0]
    assert found.needed == 16


def judgement(usable: bool | None, verdicts: int = 40) -> JudgeOpinion:
    nothing = Interval(value=None)
    pairs = PairFigures(
        wins=80, losses=20, ties=0, win_rate=wilson(80, 100), points=nothing, longer_share=nothing
    )
    summary = JudgementSummary(
        mode="pairwise",
        protocol="judge_pairwise@1",
        judge=JudgeIdentity(model="m"),
        evaluations=("base", "ft"),
        n=100,
        primary="overall",
        criteria={"overall": Interval(value=4.0, low=3.8, high=4.2, n=100)},
        pairs=pairs,
    )
    check = JudgeCheck(
        n=verdicts, needed=30, agreement=0.8, interval=nothing, kappa=0.6, usable=bool(usable), reason="ok"
    )
    return JudgeOpinion(summary, None if usable is None else check)


@pytest.mark.parametrize(
    ("opinion", "outcome", "reason", "needed"),
    [
        (None, "inconclusive", "no_judgement", None),
        (judgement(None), "inconclusive", "judge_unchecked", 30),
        (judgement(False, 12), "inconclusive", "judge_unchecked", 18),
        (judgement(False, 40), "inconclusive", "judge_disagrees", None),
        (judgement(True), "pass", "held", 0),
    ],
)
def test_a_judge_decides_only_once_it_was_compared_with_thirty_human_verdicts(
    opinion: JudgeOpinion | None, outcome: str, reason: str, needed: int | None
) -> None:
    spec = parse(GateSpec, {"judge": {"min_mean": 3.5, "min_win_rate": 0.55}}, prefix="gate")
    for result in run(spec, *article(), judge=opinion).conditions:
        assert (result.outcome, result.reason, result.needed) == (outcome, reason, needed)


# ---- the file ----


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        (
            {"baseline": 0.87, "regression": [{"bench": "a", "max_drop": 0.1}]},
            "gate.baseline",
            "gate_baseline_is_run",
        ),
        (
            {"baseline": "0.87", "regression": [{"bench": "a", "max_drop": 0.1}]},
            "gate.baseline",
            "gate_baseline_is_run",
        ),
        ({"regression": [{"bench": "a"}]}, "gate.regression.0", "gate_one_limit"),
        (
            {"regression": [{"bench": "a", "max_drop": 0.1, "min_ratio": 0.9}]},
            "gate.regression.0",
            "gate_one_limit",
        ),
        ({"regression": [{"bench": "a", "max_dorp": 0.1}]}, "gate.regression.0.max_dorp", "unknown"),
        ({"regression": [{"bench": "a", "max_drop": -0.1}]}, "gate.regression.0.max_drop", "at_least"),
        (
            {"regression": [{"bench": "a", "max_drop": 0.1, "tier": "big"}]},
            "gate.regression.0.tier",
            "one_of",
        ),
        ({"version": 2, "regression": [{"bench": "a", "max_drop": 0.1}]}, "gate.version", "one_of"),
        ({}, "gate", "gate_empty"),
    ],
)
def test_a_wrong_line_of_a_gate_is_named(values: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GateSpec, values, prefix="gate")
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [(field, code)]
    assert has_key(f"problem.{code}")


# ---- words ----


def _evil_report() -> GateReport:
    scores = flipped(60, 40, 12, 10)
    spec = gate(
        {"bench": EVIL, "max_drop": 0.01},
        {"bench": EVIL, "min_value": 0.99},
        {"bench": EVIL, "min_ratio": 0.2},
    )
    return run(spec, task_run(EVIL, scores[0], task=EVIL), task_run("ft", scores[1], task=EVIL))


def test_junit_is_valid_whatever_a_bench_is_called() -> None:
    root = ElementTree.fromstring(render_junit(_evil_report(), "ja"))
    suite = root[0]
    assert [suite.get(name) for name in ("tests", "failures", "skipped", "errors")] == ["4", "1", "1", "0"]
    cases = [case[0].tag for case in suite if len(case)]
    assert cases == ["skipped", "failure", "system-out"]


def test_an_invalid_comparison_is_an_error_in_junit() -> None:
    report = run(
        gate({"bench": JCQ, "min_value": 0.1}),
        task_run("a", [1.0] * 30, details={"endpoint": {"engine": "ollama"}}),
        task_run("b", [1.0] * 30, details={"endpoint": {"engine": "vllm"}}),
    )
    suite = ElementTree.fromstring(render_junit(report, "en"))[0]
    assert suite.get("errors") == "1"
    assert suite[0][0].tag == "error"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_markdown_opens_no_markup_of_others(lang: Any) -> None:
    text = render_markdown(_evil_report(), lang)
    assert "<script" not in text
    assert "\x00" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_outcome_is_told_in_words(lang: Any) -> None:
    reports = [_evil_report(), run(human(min_win_rate=0.5), *article(), votes=votes(20, 14))]
    for report in reports:
        text = render_text(report, lang)
        assert "gate." not in text
        for shown in report_document(report, lang)["conditions"]:
            assert shown["text"]
            assert shown["message"]


def test_a_condition_reads_as_people_say_it() -> None:
    said = [
        say_condition(Condition.model_validate(values), "ja")
        for values in (
            {"bench": "jcq_chat", "metric": "correct", "min_ratio": 0.95},
            {"bench": "raft", "metric": "char_f1", "min_delta": -0.02, "scope": "both_answered"},
            {"bench": "*", "metric": "refusal_leak_rate", "max_value": 0.005},
        )
    ]
    assert said == [
        "jcq_chat: 正解率が、もとの 0.95 倍以上に保たれる",
        "文書を読む問題: 模範解答との文字の一致（F1）の変化が、悪くても 0.02 の悪化まで（両方が答えた質問だけで比べる）",
        "すべての問題: 文書のない問題での拒否の割合が 0.005 以下",
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_and_code_is_in_the_catalogue(lang: Any) -> None:
    reasons = ["held", "broken", "straddles", "too_few", "bench_missing", "protocol_differs", "base_zero"]
    reasons += ["no_judgement", "judge_unchecked", "judge_disagrees", "no_mean", "no_win_rate"]
    reasons += ["no_votes", "too_few_votes"]
    keys = [f"gate.reason.{reason}" for reason in reasons]
    for what in ("engine", "thinking", "template", "sampling"):
        keys += [f"gate.note.{what}_unknown", f"gate.invalid.{what}_differs"]
    keys += [
        f"gate.invalid.{side}_{state}"
        for side in ("baseline", "candidate")
        for state in ("error", "truncated")
    ]
    assert [key for key in keys if not has_key(key, lang)] == []
