from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.score import score
from workbench.evaluation.score_task import score_again, score_task_reply
from workbench.schemas.chat import Sample
from workbench.schemas.inference import AnswerState, ChatReply
from workbench.text.refusals import DEFAULT_RULES


def _sample(target: str = "2") -> Sample:
    return Sample(id="q1", kind="task", task="t", genre="g", messages=(), question="どれ？", target=target)


@pytest.mark.parametrize("state", ["empty", "truncated", "thinking_truncated", "error"])
@pytest.mark.parametrize("protocol", ["jcq_chat", "char_f1", "gsm8k", "seed001_raft"])
def test_what_was_not_answered_is_not_scored(state: AnswerState, protocol: str) -> None:
    answer = score_task_reply(_sample(), ChatReply(text="2", state=state), PROTOCOLS[protocol])
    assert answer.scores == {}
    assert answer.lists == {}
    assert answer.state == state.removeprefix("thinking_")


def test_text_beside_an_error_is_no_answer() -> None:
    reply = ChatReply(text="2", state="error", error_code="endpoint_timeout")
    answer = score_task_reply(_sample(), reply, PROTOCOLS["jcq_llmjp"])
    assert (answer.prediction, answer.error_code) == ("", "endpoint_timeout")


def test_one_token_that_was_asked_for_is_an_answer() -> None:
    cut = ChatReply(text="2", state="truncated", finish_reason="length")
    assert score_task_reply(_sample(), cut, PROTOCOLS["jcq_llmjp"]).scores["exact_match"] == 1.0
    closed = ChatReply(text="<answer>雨季</answer>\n<exa", state="truncated")
    assert score_task_reply(_sample("雨季"), closed, PROTOCOLS["jsquad"]).scores["exact_match"] == 1.0
    open_tag = ChatReply(text="<answer>雨季の", state="truncated")
    assert score_task_reply(_sample("雨季"), open_tag, PROTOCOLS["jsquad"]).state == "truncated"
    nothing = ChatReply(text="", state="truncated")
    assert score_task_reply(_sample(), nothing, PROTOCOLS["jcq_llmjp"]).scores == {}


def test_a_refusal_keeps_its_state_and_gets_the_protocols_score() -> None:
    answer = score_task_reply(_sample(), ChatReply(text="わかりません。"), PROTOCOLS["jcq_chat"])
    assert answer.state == "refused"
    assert answer.scores == {"correct": 0.0, "parsed": 0.0}


def test_a_projects_own_phrases_decide_what_a_refusal_is() -> None:
    reply = ChatReply(text="管轄外です。")
    rules = DEFAULT_RULES.extended(("管轄外です",))
    assert score_task_reply(_sample("円"), reply, PROTOCOLS["char_f1"]).state == "answered"
    assert score_task_reply(_sample("円"), reply, PROTOCOLS["char_f1"], rules).state == "refused"


def test_the_record_says_what_was_read_and_how() -> None:
    answer = score_task_reply(_sample(), ChatReply(text="答えは2です"), PROTOCOLS["jcq_chat"])
    assert (answer.extracted, answer.rule, answer.primary) == ("2", "first_digit", "correct")
    assert (answer.task, answer.genre, answer.kind) == ("t", "g", "task")


def test_an_answer_can_be_scored_again_by_another_protocol() -> None:
    answer = score_task_reply(_sample("雨季"), ChatReply(text="雨季です"), PROTOCOLS["exact_match_ja"])
    again = score_again(answer, PROTOCOLS["char_f1"])
    assert again.scores["char_f1"] == pytest.approx(2 * 2 / 6)
    failed = score_task_reply(_sample(), ChatReply(text="", state="error"), PROTOCOLS["char_f1"])
    assert score_again(failed, PROTOCOLS["exact_match_ja"]).state == "error"


def test_where_the_documents_come_from_stays_with_the_answer() -> None:
    sample = Sample(id="q", kind="task", task="t", source="国税庁", messages=(), question="？", target="2")
    answer = score_task_reply(sample, ChatReply(text="2"), PROTOCOLS["jcq_chat"])
    assert answer.source == score_again(answer, PROTOCOLS["char_f1"]).source == "国税庁"
    raft = sample.model_copy(update={"kind": "answerable", "task": ""})
    assert score(raft, ChatReply(text="2")).source == "国税庁"
