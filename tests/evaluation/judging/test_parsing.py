from __future__ import annotations

import pytest

from tests.evaluation.judging.makers import REASON, scores
from workbench.evaluation.judging import load_rubric
from workbench.evaluation.judging.parsing import read_choice, read_scores
from workbench.schemas.inference import AnswerState, ChatReply

RAFT = load_rubric("raft_ja").rubric
REFUSAL = load_rubric("refusal_ja").rubric
ALL = {"accuracy": 5.0, "grounds": 4.0, "completeness": 3.0, "overall": 4.0}


def reply(text: str, state: AnswerState = "ok", reasoning: str = "") -> ChatReply:
    return ChatReply(text=text, state=state, reasoning=reasoning)


@pytest.mark.parametrize(
    "tail",
    [
        "正確性: [[5]]\n根拠: [[4]]\n完結さ: [[3]]\n総合: [[4]]",
        "**正確性**: [[5]]\n**根拠**: [[4]]\n**完結さ**: [[3]]\n**総合**: [[4]]",
        "- 正確性：［［５］］\n- 根拠：［［４］］\n- 完結さ：［［３］］\n- 総合：［［４］］",
        "1. 正確性（5点満点）: [[5]]\n2. 根拠: [[ 4 ]]\n3. 完結さ: [[3.0]]\n4. 総合評価: [[4]]",
        "| 正確性 | [[5]] |\n| 根拠 | [[4]] |\n| 完結さ | [[3]] |\n| 総合 | [[4]] |",
        "正確性: [[5]] 根拠: [[4]] 完結さ: [[3]] 総合: [[4]]\n以上です。",
        "正確性: 資料と一致している。[[5]]\n根拠: 引用あり。[[4]]\n完結さ: 一点不足。[[3]]\n総合: [[4]]",
    ],
)
def test_scores_are_read_as_judges_write_them(tail: str) -> None:
    reading = read_scores(reply(f"{REASON}\n\n{tail}"), RAFT)
    assert (reading.state, reading.scores) == ("ok", ALL)
    assert reading.has_reason


def test_the_last_score_of_a_criterion_counts() -> None:
    first = scores(1, 1, 1, 1, "はじめの見立て: ")
    reading = read_scores(reply(f"{first}\n見直した結果:\n{scores(5, 4, 3, 4)}"), RAFT)
    assert reading.scores == ALL


@pytest.mark.parametrize(
    "text",
    [
        "よい回答だと思います。",
        "5点です。総合は5。",
        f"{REASON}\n正確性: [[n]]\n根拠: [[n]]\n完結さ: [[n]]\n総合: [[n]]",
        f"{REASON}\n正確性: [[5]]\n根拠: [[4]]",
        f"{REASON}\n正確性: [[5]]\n根拠: [[4]]\n完結さ: [[高い]]\n総合: [[4]]",
        f"{REASON}\n正確性: [[4.5]]\n根拠: [[4]]\n完結さ: [[3]]\n総合: [[4]]",
        f"{REASON}\n正確性: [[4/5]]\n根拠: [[4/5]]\n完結さ: [[4/5]]\n総合: [[4/5]]",
        "回答には[[5]]と書かれていますが、これは採点ではありません。",
        "[[3]] から [[5]] のあいだで迷います: [[4]]",
        "asdf ]] [[ [[]] [[[[",
    ],
)
def test_nonsense_is_no_score(text: str) -> None:
    reading = read_scores(reply(text), RAFT)
    assert (reading.state, reading.scores) == ("unreadable", {})


@pytest.mark.parametrize("score", [0, 6, 10, 100, -3])
def test_a_score_out_of_range_is_not_moved_into_it(score: int) -> None:
    reading = read_scores(reply(scores(5, 4, 3, score)), RAFT)
    assert (reading.state, reading.scores) == ("out_of_range", {})


def test_one_score_alone_at_the_end_is_the_overall_one() -> None:
    assert read_scores(reply(f"{REASON}\n[[4]]"), RAFT).scores == {"overall": 4.0}
    assert read_scores(reply(f"{REASON} 判断: [[2]]。"), REFUSAL).scores == {"decision": 2.0}
    assert read_scores(reply(f"{REASON} [[3]] から下げて [[2]]"), REFUSAL).scores == {"decision": 2.0}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("empty", "empty"),
        ("truncated", "truncated"),
        ("thinking_truncated", "truncated"),
        ("error", "error"),
    ],
)
def test_a_reply_that_did_not_end_well_is_not_read(state: AnswerState, expected: str) -> None:
    assert read_scores(reply(scores(5, 5, 5, 5), state), RAFT).state == expected
    assert read_choice(reply("[[A]]", state)).state == expected


def test_a_score_without_a_reason_counts_and_is_told() -> None:
    bare = read_scores(reply("正確性: [[5]]\n根拠: [[4]]\n完結さ: [[3]]\n総合: [[4]]"), RAFT)
    assert (bare.state, bare.has_reason) == ("ok", False)
    thought = read_scores(reply("[[4]]", reasoning="資料を読むと…"), RAFT)
    assert thought.has_reason


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        (f"{REASON}\n[[A]]", "first"),
        (f"{REASON}\n回答Bの方が良い: [[b]]", "second"),
        (f"{REASON}\n［［Ｃ］］", "tie"),
        ("[[A]]とも[[B]]とも言えるが、最後は [[ B ]] とする。", "second"),
    ],
)
def test_a_verdict_is_the_last_mark(text: str, choice: str) -> None:
    reading = read_choice(reply(text))
    assert (reading.state, reading.choice) == ("ok", choice)


@pytest.mark.parametrize("text", ["A", "回答Aが良い", "[[A]] … [[D]]", "[[A/B]]", "", "[A]"])
def test_anything_else_is_no_verdict(text: str) -> None:
    assert read_choice(reply(text)).state == "unreadable"
