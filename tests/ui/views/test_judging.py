from __future__ import annotations

import re
from typing import Any

import pytest

from workbench.i18n import LANGUAGES, Lang
from workbench.schemas.comparison import Sentence
from workbench.schemas.evaluation import Interval
from workbench.schemas.judging import (
    JudgeCall,
    JudgeCheck,
    JudgeIdentity,
    Judgement,
    JudgementSummary,
    PairFigures,
)
from workbench.text.stats import wilson
from workbench.ui.views.judging import render_check, render_disagreements, render_summary, say_result

SCRIPT = "<script>alert(1)</script>"
PAIRS = PairFigures(
    wins=30,
    losses=8,
    ties=12,
    disagreements=9,
    identical=1,
    win_rate=wilson(30, 38),
    points=Interval(value=0.72, low=0.6, high=0.8, n=50),
    flip_rate=wilson(9, 50),
    first_share=wilson(55, 91),
    first_p=0.04,
    longer_share=wilson(20, 38),
)


def summary(**changes: Any) -> JudgementSummary:
    values: dict[str, Any] = {
        "mode": "pairwise",
        "protocol": "judge_pairwise@1",
        "judge": JudgeIdentity(model=f"judge{SCRIPT}", families=("qwen",)),
        "rubric": "pairwise_ja",
        "evaluations": ("a", "b"),
        "n": 50,
        "errors": 2,
        "errors_by": {"unreadable": 2},
        "skipped": {"empty": 3, "limit": 4, "unpaired": 1, "too_long": 1, "kind": 1, "refused": 1},
        "calls": 100,
        "pairs": PAIRS,
        "warnings": (Sentence(code="prefers_first", params={"share": 60.4}),),
    }
    return JudgementSummary(**values | changes)


CHECK = JudgeCheck(
    n=40, needed=30, agreement=0.8, interval=wilson(32, 40), kappa=0.55, usable=True, reason="ok"
)


def check_clean(html: str) -> None:
    assert "<script" not in html
    # a key that is missing in the catalogue is shown as it is
    assert re.findall(r"judging\.[a-z_.]+", html) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_wins_both_orders_warnings_and_what_was_left_out_are_told(lang: Lang) -> None:
    html = render_summary(summary(), lang, CHECK)
    check_clean(html)
    for figure in ("78.9 %", "18.0 %", "60.4", "52.6 %", "80.0 %", "0.55"):
        assert figure in html


@pytest.mark.parametrize("lang", LANGUAGES)
def test_scores_are_told_by_the_rubrics_words_and_rewards_by_ours(lang: Lang) -> None:
    scored = summary(
        mode="absolute",
        pairs=None,
        primary="overall",
        low=1,
        high=5,
        titles={"overall": SCRIPT},
        criteria={"overall": Interval(value=4.2, low=4.0, high=4.4, n=50)},
        distribution={"overall": {"1": 0, "5": 50}},
    )
    html = render_summary(scored, lang)
    check_clean(html)
    assert "4.20" in html
    assert "5: 50" in html
    rewards = summary(
        mode="reward",
        rubric="",
        primary="helpfulness",
        criteria={"helpfulness": Interval(value=3.0, n=1), "own": Interval(value=None)},
        baseline_criteria={"helpfulness": Interval(value=2.0, n=1)},
        differences={"helpfulness": Interval(value=1.0, low=0.5, high=1.5, n=50)},
    )
    html = render_summary(rewards, lang)
    check_clean(html)
    assert "+1.00" in html


@pytest.mark.parametrize(
    ("wins", "losses", "said"),
    [(30, 8, "better"), (8, 30, "worse"), (20, 18, "undecided"), (19, 0, "too_few"), (0, 0, "too_few")],
)
def test_a_win_rate_is_put_into_words_by_its_interval(wins: int, losses: int, said: str) -> None:
    pairs = PAIRS.model_copy(update={"win_rate": wilson(wins, wins + losses)})
    assert say_result(pairs) == said


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reason", ["ok", "too_few", "by_chance", "one_sided"])
def test_every_outcome_of_a_check_has_words(lang: Lang, reason: str) -> None:
    check = CHECK.model_copy(
        update={
            "reason": reason,
            "kappa": None,
            "decisive_n": 5,
            "decisive_agreement": 0.5,
            "basis": "correctness",
        }
    )
    html = render_check(check, lang)
    check_clean(html)
    assert "40" in html


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_judge_said_in_both_orders_stands_side_by_side_and_is_never_markup(lang: Lang) -> None:
    calls = (
        JudgeCall(side="baseline", state="ok", choice="first", raw=f"理由{SCRIPT}\n[[A]]"),
        JudgeCall(side="finetuned", state="ok", choice="first", raw="[[A]]"),
    )
    judgement = Judgement(
        id="q", kind="general", question=SCRIPT, state="judged", verdict="tie", disagreements=1, calls=calls
    )
    html = render_disagreements([judgement, judgement.model_copy(update={"disagreements": 0})], lang)
    check_clean(html)
    assert html.count("<details") == 1
    assert html.count("<blockquote") == 2
    check_clean(render_disagreements([], lang))
