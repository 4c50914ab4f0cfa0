import pytest

from workbench.review import tally
from workbench.schemas.evaluation import Interval, Vote
from workbench.schemas.review import MetricCheck
from workbench.ui.views.review_results import render_checks, render_results


def vote(sample: int, verdict: str, **values: object) -> Vote:
    given = {
        "comparison": "c",
        "sample_id": str(sample),
        "reviewer": "r",
        "verdict": verdict,
        "left": "baseline",
    }
    return Vote.model_validate({**given, **values})


def render(votes: list[Vote]) -> str:
    return render_results(tally("c", votes), [], "ja")


def test_few_votes_are_said_to_decide_nothing_yet() -> None:
    assert "どちらが良いとは言えません" in render([vote(1, "finetuned"), vote(2, "baseline"), vote(3, "tie")])


def test_a_clear_preference_is_said_to_be_one() -> None:
    html = render([vote(n, "finetuned", left="finetuned" if n % 2 else "baseline") for n in range(20)])
    assert "学習後の答えのほうが選ばれています" in html
    assert "並び順が判定に" not in html


def test_how_many_more_decisions_it_takes_is_said() -> None:
    votes = [vote(n, "finetuned" if n % 3 else "baseline") for n in range(15)]
    assert "あと約" in render(votes)


def test_a_side_that_always_wins_from_the_left_is_pointed_out() -> None:
    assert "並び順が判定に影響" in render([vote(n, "finetuned", left="finetuned") for n in range(20)])


def test_targeted_questions_stand_apart_and_count_in_no_rate() -> None:
    targeted = [vote(n, "baseline", selection="targeted") for n in range(9)]
    html = render([*targeted, vote(99, "finetuned", selection="random")])
    assert "優劣のついた 1 問のうち 100.0 %" in html
    assert "ねらって選んだ問題" in html


def test_an_unsteady_reviewer_and_open_disagreements_are_pointed_out() -> None:
    votes = [vote(n, "finetuned") for n in range(4)]
    votes += [vote(n, "baseline", repeat=True) for n in range(4)]
    votes += [vote(0, "baseline", reviewer="s")]
    html = render(votes)
    assert "同じ質問をもう一度出した 4 件のうち、同じ判定だったのは 0 件" in html
    assert "決まっていない質問が 1 問" in html


def test_names_and_reasons_of_people_are_escaped() -> None:
    html = render([vote(1, "finetuned", reviewer="<b>x</b>", tags={"baseline": ("<i>y</i>",)})])
    assert "<b>x" not in html
    assert "&lt;i&gt;y" in html


@pytest.mark.parametrize(
    ("rate", "p", "said"), [(0.8, 0.01, "人と合う"), (0.1, 0.01, "人と逆を向く"), (0.6, 0.3, "まだ言えない")]
)
def test_a_metric_is_trusted_only_beyond_chance(rate: float, p: float, said: str) -> None:
    check = MetricCheck(
        metric="char_f1", agree=8, n=10, rate=Interval(value=rate, low=0.1, high=0.9, n=10), p=p
    )
    assert said in render_checks([check], "ja")
