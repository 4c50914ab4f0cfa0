import json
from typing import Any

import pytest

from tests.ui.review_samples import ask, at, save_review
from tests.ui.samples import SCRIPT
from workbench.i18n import load_catalogue
from workbench.ui.context import UiContext
from workbench.ui.tabs import review_room
from workbench.ui.tabs.review_start import OFFERED, ORDERS, say_filter

NAME = "税務担当"


@pytest.fixture
def comparison(ctx: UiContext) -> str:
    return save_review(ctx)


def begin(ctx: UiContext, comparison: str, reviewer: str = NAME, **values: Any) -> dict[str, Any]:
    return ask(ctx, "begin", **{"comparison": comparison, "reviewer": reviewer, "size": 20, **values})


def press(ctx: UiContext, shown: dict[str, Any], verdict: str, **entry: Any) -> dict[str, Any]:
    return ask(ctx, "vote", **at(shown), verdict=verdict, entry=entry)


def judge_all(ctx: UiContext, shown: dict[str, Any], verdict: str = "left") -> dict[str, Any]:
    for _ in range(200):
        shown = press(ctx, shown, verdict)
        if shown["progress"]["finished"]:
            return shown
        shown = ask(ctx, "go", **at(shown), by=1)
    raise AssertionError("the review does not end")


def test_the_start_card_offers_the_comparison_its_filters_and_who_was_there(
    ctx: UiContext, comparison: str
) -> None:
    told = ask(ctx, "start", comparison="", reviewer="")
    assert told["comparison"] == comparison
    assert "24 問" in told["facts"]
    assert dict(told["filters"])["rescued"].endswith("（6）")
    assert [name for name, _ in told["orders"]] == list(ORDERS)
    assert told["resume"] is None
    assert told["names"] == []


def test_without_a_comparison_the_start_card_is_empty(ctx: UiContext) -> None:
    assert ask(ctx, "start") == {"comparisons": [], "comparison": ""}


@pytest.mark.parametrize("name", OFFERED)
def test_every_filter_on_offer_has_words_and_can_be_begun(ctx: UiContext, comparison: str, name: str) -> None:
    assert say_filter(ctx, name) in load_catalogue("ja").values()
    shown = begin(ctx, comparison, mode="filter", filter=name)
    assert "item" in shown or shown["error"]["code"] == "review_empty"


def test_questions_with_one_tag_are_gone_through_alone(ctx: UiContext, comparison: str) -> None:
    plain: dict[str, Any] = {"mode": "all", "blind": False}
    shown = begin(ctx, comparison, "一人目", **plain)
    for tag in ("fact_error", "自前の理由"):
        shown = ask(ctx, "go", **at(press(ctx, shown, "left", tags={"right": [tag]})), by=1)
    told = ask(ctx, "start", comparison=comparison, reviewer=NAME)
    assert told["tags"][0][0] == ""
    assert dict(told["tags"])["fact_error"] == "事実誤り"
    assert told["tags"][-1] == ["自前の理由", "自前の理由"]
    tagged: dict[str, Any] = {"mode": "filter", "filter": "tagged", "blind": False}
    assert begin(ctx, comparison, **tagged)["progress"]["place"] == "1 / 2"
    one = begin(ctx, comparison, **tagged, tag="自前の理由")
    assert one["progress"]["place"] == "1 / 1"
    assert "タグ「自前の理由」の質問" in one["desk"]["chips"]
    # who reviews blind is told nothing of what others tagged
    assert (
        begin(ctx, comparison, **{**tagged, "blind": True}, tag="fact_error")["error"]["code"]
        == "review_empty"
    )


def test_a_tag_makes_no_other_plan_of_another_filter(ctx: UiContext, comparison: str) -> None:
    begin(ctx, comparison, mode="filter", filter="better", tag="fact_error")
    session = ctx.votes.session(comparison, NAME)
    assert session is not None
    assert session.plan.tag == ""


def test_while_names_are_hidden_nothing_gives_a_side_away(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    for _ in range(8):
        item = shown["item"]
        assert item["sides"] is None
        assert item["reveal"] is None
        assert item["oracle"] is None
        told = json.dumps([item["left"], item["right"], item["entry"], shown["desk"]], ensure_ascii=False)
        assert not any(word in told for word in ("baseline", "finetuned", "学習前", "学習後"))
        shown = ask(ctx, "go", **at(shown), by=1)


def test_both_sides_stand_left_equally_often_and_the_same_again(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    judge_all(ctx, shown)
    votes = [vote for vote in ctx.votes.votes(comparison) if not vote.repeat]
    lefts = [vote.left for vote in votes]
    assert lefts.count("baseline") == lefts.count("finetuned") == 10
    assert all(vote.verdict == vote.left for vote in votes)
    assert all(vote.blind and vote.selection == "random" for vote in votes)


def test_after_the_verdict_names_scores_and_the_oracle_are_told(ctx: UiContext, comparison: str) -> None:
    shown = press(ctx, begin(ctx, comparison), "right")
    item = shown["item"]
    assert item["entry"]["verdict"] == "right"
    assert set(item["reveal"]["sides"].values()) == {"baseline", "finetuned"}
    assert set(item["reveal"]["names"].values()) == {"学習前", "学習後"}
    assert item["reveal"]["scores"][0][0] == "文字の一致（F1）"
    assert item["oracle"] == 1
    assert shown["progress"]["text"].startswith("1 /")


def test_the_next_question_comes_along_with_each_answer(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    promised = shown["next"]
    assert ask(ctx, "go", **at(shown), by=1)["item"] == promised


def test_everything_entered_is_kept_with_the_verdict(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    text = shown["item"]["left"]["text"]
    entry = {
        "strength": "clear",
        "correctness": {"left": "wrong", "right": "right"},
        "tags": {"left": ["fact_error", "自前の理由"], "right": []},
        "notes": [
            {"place": "left", "start": 0, "end": 3, "text": "ここ"},
            {"place": "left", "start": 5, "end": len(text) + 1, "text": "ない"},
        ],
        "correction": "午前9時に開きます。",
        "states": {"left": "partial"},
        "comment": "根拠が違う",
    }
    told = press(ctx, shown, "right", **entry)["item"]["entry"]
    assert told["strength"] == "clear"
    assert told["correctness"] == {"left": "wrong", "right": "right"}
    assert told["tags"] == {"left": ["fact_error", "自前の理由"]}
    assert told["notes"] == [{"place": "left", "start": 0, "end": 3, "text": "ここ"}]
    saved = ctx.votes.votes(comparison)[0]
    loser = saved.left
    assert saved.verdict != loser
    assert saved.tags == {loser: ("fact_error", "自前の理由")}
    assert saved.states == {loser: "partial"}
    assert saved.correction == "午前9時に開きます。"


def test_what_was_typed_before_a_verdict_is_there_again(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    assert ask(ctx, "save", **at(shown), entry={"comment": "途中まで", "tags": {"right": ["too_long"]}})[
        "saved"
    ]
    again = ask(ctx, "resume", comparison=comparison, reviewer=NAME)
    assert again["item"]["key"] == shown["item"]["key"]
    assert again["item"]["entry"]["comment"] == "途中まで"
    assert again["item"]["entry"]["tags"] == {"right": ["too_long"]}
    assert again["item"]["entry"]["verdict"] is None
    assert ctx.votes.votes(comparison) == []


def test_the_same_request_twice_is_one_verdict(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    first = press(ctx, shown, "left", comment="a")
    assert press(ctx, shown, "left", comment="a") == first
    assert ask(ctx, "undo", **at(shown))["item"]["entry"]["verdict"] is None
    assert ctx.votes.votes(comparison) == []


def test_a_reason_added_after_the_verdict_belongs_to_it(ctx: UiContext, comparison: str) -> None:
    shown = press(ctx, begin(ctx, comparison), "left")
    ask(ctx, "save", **at(shown), entry={"tags": {"right": ["unclear"]}})
    (saved,) = ctx.votes.votes(comparison)
    assert saved.verdict == saved.left
    assert list(saved.tags.values()) == [("unclear",)]


def test_undo_brings_back_the_question_with_what_was_typed(ctx: UiContext, comparison: str) -> None:
    first = begin(ctx, comparison)
    second = ask(ctx, "go", **at(press(ctx, first, "tie", comment="x")), by=1)
    back = ask(ctx, "undo", **at(second))
    assert back["item"]["key"] == first["item"]["key"]
    assert back["item"]["entry"]["comment"] == "x"
    assert back["item"]["entry"]["verdict"] is None
    assert ask(ctx, "undo", **at(back))["error"]["code"] == "vote_none"


def test_a_review_goes_on_where_it_stopped(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    for _ in range(5):
        shown = ask(ctx, "go", **at(press(ctx, shown, "left")), by=1)
    again = ask(ctx, "resume", comparison=comparison, reviewer=NAME)
    assert again["item"]["key"] == shown["item"]["key"]
    assert again["progress"]["text"].startswith("5 /")
    assert "5 /" in ask(ctx, "start", comparison=comparison, reviewer=NAME)["resume"]["text"]
    # the same choice on the start card goes on too; it does not begin anew
    assert begin(ctx, comparison)["item"]["key"] == shown["item"]["key"]


def test_hidden_repeats_are_asked_without_a_word_and_stand_in_no_list(
    ctx: UiContext, comparison: str
) -> None:
    shown = begin(ctx, comparison)
    total = int(shown["progress"]["place"].split("/")[1])
    assert total == 22
    assert len(ask(ctx, "list", **at(shown))["places"]) == 20
    judge_all(ctx, shown)
    repeats = [vote for vote in ctx.votes.votes(comparison) if vote.repeat]
    assert len(repeats) == 2
    first = {vote.sample_id: vote for vote in ctx.votes.votes(comparison) if not vote.repeat}
    assert all(first[vote.sample_id].left != vote.left for vote in repeats)


def test_the_end_of_the_list_has_nothing_next(ctx: UiContext, comparison: str) -> None:
    shown = judge_all(ctx, begin(ctx, comparison))
    assert shown["next"] is None
    assert shown["progress"]["eta"] == ""
    assert ask(ctx, "start", comparison=comparison, reviewer=NAME)["resume"]["finished"]


def test_with_names_shown_the_baseline_stands_left(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison, blind=False, mode="all")
    assert shown["item"]["sides"] == {"left": "baseline", "right": "finetuned"}
    press(ctx, shown, "right")
    (saved,) = ctx.votes.votes(comparison)
    assert (saved.verdict, saved.blind, saved.selection) == ("finetuned", False, "all")


def test_the_biggest_losses_count_as_targeted(ctx: UiContext, comparison: str) -> None:
    press(ctx, begin(ctx, comparison, mode="worst", size=5), "left")
    assert ctx.votes.votes(comparison)[0].selection == "targeted"


def test_reviewers_do_not_hear_of_each_other_while_they_are_blind(ctx: UiContext, comparison: str) -> None:
    press(ctx, begin(ctx, comparison, "一人目"), "left", comment="秘密")
    other = begin(ctx, comparison, "二人目")
    assert "秘密" not in json.dumps(other, ensure_ascii=False)
    told = ask(ctx, "start", comparison=comparison, reviewer="二人目")
    assert told["split"] == 0
    refused = begin(ctx, comparison, "二人目", mode="adjudicate")
    assert refused["error"]["code"] == "review_still_blind"


def test_disagreements_are_settled_by_a_third_verdict(ctx: UiContext, comparison: str) -> None:
    plain: dict[str, Any] = {"mode": "all", "blind": False}
    for name, verdict in (("一人目", "left"), ("二人目", "right")):
        press(ctx, begin(ctx, comparison, name, **plain), verdict, tags={"left": ["too_short"]})
    assert ask(ctx, "start", comparison=comparison, reviewer="部長")["split"] == 1
    shown = begin(ctx, comparison, "部長", mode="adjudicate")
    assert shown["desk"]["adjudicating"]
    assert [one["reviewer"] for one in shown["item"]["opinions"]] == ["一人目", "二人目"]
    assert {one["pressed"] for one in shown["item"]["opinions"]} == {"left", "right"}
    ask(ctx, "save", **at(shown), entry={"comment": "考え中"})
    assert begin(ctx, comparison, "部長", mode="adjudicate")["item"]["entry"]["comment"] == "考え中"
    decided = press(ctx, shown, "left")
    assert decided["progress"]["finished"]
    (ruling,) = [vote for vote in ctx.votes.votes(comparison) if vote.adjudication]
    assert (ruling.reviewer, ruling.verdict) == ("部長", ruling.left)
    assert ctx.votes.summary(comparison).adjudicated == 1


def test_the_prompt_of_a_question_is_shown_when_asked_for(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    assert ask(ctx, "prompt", **at(shown))["prompt"] == "資料だけで答えてください。"


def test_texts_travel_as_they_are(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison, mode="all", blind=False)
    shown = ask(ctx, "go", **{**at(shown), "sample_id": "s3"})
    assert SCRIPT in shown["item"]["left"]["text"]
    for mode in shown["item"]["diff"].values():
        assert "".join(part[1] for part in mode) == shown["item"]["left"]["text"]
        assert "".join(part[2] for part in mode) == shown["item"]["right"]["text"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"action": "vote"}, "config_invalid"),
        ({"action": "no such"}, "review_action_unknown"),
        ("vote", "review_action_unknown"),
        (None, "review_action_unknown"),
        ({"action": "go", "comparison": "c", "reviewer": ""}, "reviewer_missing"),
        ({"action": "go", "comparison": "c", "reviewer": "x"}, "review_not_begun"),
        ({"action": "begin", "comparison": "../../etc", "reviewer": "x"}, "artifact_missing"),
        ({"action": "begin", "comparison": "c", "reviewer": "x", "size": 0}, "config_invalid"),
        ({"action": "begin", "comparison": "c", "reviewer": "   "}, "reviewer_missing"),
        (
            {"action": "begin", "comparison": "c", "reviewer": "x", "mode": "filter", "filter": "__class__"},
            "review_filter_unknown",
        ),
    ],
)
def test_a_bad_request_is_answered_with_a_sentence(ctx: UiContext, request_: object, code: str) -> None:
    told = review_room.answer(ctx, request_)
    assert told["error"]["code"] == code
    assert told["error"]["message"]
    assert told["error"]["hint"]


def test_a_forged_question_is_not_judged(ctx: UiContext, comparison: str) -> None:
    shown = begin(ctx, comparison)
    told = ask(ctx, "vote", **{**at(shown), "sample_id": "no such"}, verdict="left", entry={})
    assert told["error"]["code"] == "vote_nothing"
    assert ctx.votes.votes(comparison) == []


def test_an_unexpected_fault_shows_a_number_and_no_traceback(
    ctx: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: Any) -> dict[str, Any]:
        raise RuntimeError("secret")

    monkeypatch.setitem(review_room.ACTIONS, "start", fall)
    told = ask(ctx, "start")
    assert told["error"]["code"] == "internal"
    assert "secret" not in json.dumps(told)


def test_a_comparison_without_different_answers_says_that_nothing_fits(ctx: UiContext) -> None:
    from tests.ui.samples import QUOTED, answer, save_comparison
    from workbench.evaluation.compare import Side, compare

    same = [answer(n, QUOTED) for n in range(3)]
    found = compare(
        Side("e1", same, {"label": "baseline"}), Side("e2", same, {"label": "finetuned"}), draws=100
    )
    comparison = save_comparison(ctx, found).id
    assert begin(ctx, comparison)["error"]["code"] == "review_empty"
    # a plain walk through everything shows them, and says that they are the same
    assert "同じ文" in begin(ctx, comparison, mode="all")["item"]["differences"]
