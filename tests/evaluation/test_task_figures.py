from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.score_task import score_task_reply
from workbench.evaluation.task_figures import summarise_task
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.inference import AnswerState, ChatReply
from workbench.text.stats import wilson


def _answer(
    number: int, said: str, target: str, protocol: str, *, state: AnswerState = "ok", genre: str = ""
) -> ScoredAnswer:
    sample = Sample(id=str(number), kind="task", genre=genre, messages=(), question="？", target=target)
    return score_task_reply(sample, ChatReply(text=said, state=state), PROTOCOLS[protocol])


def test_rates_have_wilson_intervals_and_errors_count_nowhere() -> None:
    answers = [_answer(number, "2" if number < 6 else "1", "2", "jcq_chat") for number in range(8)]
    answers += [_answer(8, "", "2", "jcq_chat", state="error")]
    found = summarise_task(answers, PROTOCOLS["jcq_chat"], "jcq", shots=4)
    assert found.metrics["correct"] == wilson(6, 8)
    assert (found.n, found.errors, found.shots) == (9, 1, 4)
    assert (found.protocol, found.primary, found.chance) == ("jcq_chat@1", "correct", 0.2)


def test_a_question_left_open_is_wrong_but_was_not_misread() -> None:
    answers = [
        _answer(1, "2", "2", "jcq_chat"),
        _answer(2, "", "2", "jcq_chat", state="empty"),
        _answer(3, "長い考え", "2", "jcq_chat", state="truncated"),
    ]
    found = summarise_task(answers, PROTOCOLS["jcq_chat"], "jcq")
    assert found.metrics["correct"] == wilson(1, 3)
    assert found.metrics["parsed"] == wilson(1, 1)
    assert (found.empty, found.truncated) == (1, 1)


def test_an_overlap_is_the_mean_of_what_was_answered() -> None:
    answers = [
        _answer(1, "あい", "あい", "char_f1"),
        _answer(2, "う", "え", "char_f1"),
        _answer(3, "", "お", "char_f1", state="empty"),
    ]
    found = summarise_task(answers, PROTOCOLS["char_f1"], "free")
    assert (found.metrics["char_f1"].value, found.metrics["char_f1"].n) == (0.5, 2)
    assert found.chance == 0.0


def test_refusals_that_leak_are_counted() -> None:
    answers = [_answer(1, "わかりません。", "2", "jcq_chat"), _answer(2, "2", "2", "jcq_chat")]
    assert summarise_task(answers, PROTOCOLS["jcq_chat"], "jcq").refused == 1


def test_genres_break_the_score_down() -> None:
    answers = [
        _answer(1, "2", "2", "jcq_chat", genre="物"),
        _answer(2, "1", "2", "jcq_chat", genre="物"),
        _answer(3, "2", "2", "jcq_chat", genre="人"),
        _answer(4, "", "2", "jcq_chat", genre="人", state="truncated"),
    ]
    genres = summarise_task(answers, PROTOCOLS["jcq_chat"], "jcq").genres
    assert {name: interval.value for name, interval in genres.items()} == {"物": 0.5, "人": 0.5}
    plain = summarise_task([_answer(1, "2", "2", "jcq_chat")], PROTOCOLS["jcq_chat"], "jcq")
    assert plain.genres == {}


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_no_answers_give_no_figure(name: str) -> None:
    found = summarise_task([], PROTOCOLS[name], "t")
    assert found.n == 0
    assert found.metrics[PROTOCOLS[name].primary].value is None


def test_a_score_that_few_questions_have_says_how_few() -> None:
    answers = [_answer(1, "France", "France", "squad_v2"), _answer(2, "France", "", "squad_v2")]
    metrics = summarise_task(answers, PROTOCOLS["squad_v2"], "squad").metrics
    assert (metrics["f1"].value, metrics["f1"].n) == (0.5, 2)
    assert (metrics["f1_answerable"].value, metrics["f1_answerable"].n) == (1.0, 1)
    assert (metrics["refused_unanswerable"].value, metrics["refused_unanswerable"].n) == (0.0, 1)


def test_scores_with_several_values_are_pooled_over_the_questions() -> None:
    facts = [["あ", "い", "う"], ["え"]]
    answers: list[ScoredAnswer] = []
    for number, (said, listed) in enumerate(zip(("あ", "え"), facts, strict=True)):
        sample = Sample(
            id=str(number), kind="task", messages=(), question="？", target="あ", meta={"key_facts": listed}
        )
        answers.append(score_task_reply(sample, ChatReply(text=said), PROTOCOLS["free_qa"]))
    metrics = summarise_task(answers, PROTOCOLS["free_qa"], "facts").metrics
    assert metrics["key_facts"].value == pytest.approx((1 / 3 + 1) / 2)
    assert (metrics["key_facts_found"].value, metrics["key_facts_found"].n) == (0.5, 4)
