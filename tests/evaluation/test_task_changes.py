"""The comparison of two runs understands named tasks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evaluation.makers import PLAIN, scored
from tests.evaluation.run_makers import JCQ, article, figures_of, flipped, task_answer, task_run
from workbench.evaluation.compare import compare
from workbench.evaluation.runs import Side
from workbench.i18n import LANGUAGES, has_key, t

F1 = {"task": "tax_faq", "metric": "f1", "documents": ("文書",), "target": "答え"}


def tax(refused: int, score: float) -> list[Any]:
    """200 questions: so many refused, the others answered with this score, as in the article's table."""
    return [
        task_answer(str(i), 0.0, state="refused", **F1) if i < refused else task_answer(str(i), score, **F1)
        for i in range(200)
    ]


def test_a_task_has_its_change_and_its_sentence() -> None:
    found = compare(*article(), draws=200).summary
    (change,) = found.changes
    assert (change.task, change.metric, change.rate) == (JCQ, "correct", True)
    assert (change.gained, change.lost, change.verdict) == (19, 24, "no_difference")
    (sentence, *_) = [one for one in found.sentences if one.code.startswith("task_")]
    said = t(f"sentence.{sentence.code}", "ja", **sentence.params)
    assert said == (
        "課題「jcq_chat」の点数（correct）は 92.0 % と 91.5 % で、差があるとは言えません（誤差の範囲、1119 問）。"
    )


def test_items_of_a_task_are_gained_lost_or_the_same() -> None:
    found = compare(*article(), draws=200).summary
    assert found.categories == {"task_same": 1076, "task_gained": 19, "task_lost": 24}


def test_an_error_on_a_side_is_no_loss() -> None:
    before = task_run("a", [1.0] * 30)
    after = Side("b", [task_answer("0", None, state="error"), *before.answers[1:]])
    found = compare(before, after, draws=200)
    assert found.items[0].category == "failed"
    assert found.summary.changes[0].n == 29


def test_the_change_of_an_overlap_task_is_split_by_refusals() -> None:
    """The article's story: fewer refusals lift the mean, what both answered falls."""
    found = compare(Side("a", tax(47, 0.74)), Side("b", tax(3, 0.68)), draws=500).summary
    parts = {part.code: part for part in found.task_decompositions["tax_faq"].parts}
    assert (parts["rescued"].n, parts["both_answered"].n, parts["both_refused"].n) == (44, 153, 3)
    assert parts["rescued"].contribution == pytest.approx(44 * 0.68 / 200)
    assert parts["both_answered"].contribution == pytest.approx(-153 * 0.06 / 200)
    total = found.task_decompositions["tax_faq"].total.value
    assert total == pytest.approx(sum(part.contribution for part in parts.values()))
    change = next(change for change in found.changes if change.task)
    assert change.difference.value == pytest.approx(total)


def test_the_protocols_own_word_on_refusals_decides_the_parts() -> None:
    """An answer with content that the protocol takes for a refusal, as the article's phrases do."""
    kept = task_answer("0", 0.0, state="partial", **F1).model_copy(
        update={"scores": {"f1": 0.0, "refused": 1.0}}
    )
    after = task_answer("0", 0.7, **F1)
    found = compare(Side("a", [kept]), Side("b", [after]), draws=200).summary
    assert {p.code: p.n for p in found.task_decompositions["tax_faq"].parts if p.n} == {"rescued": 1}


def test_right_or_wrong_tasks_and_tasks_without_refusals_are_not_split() -> None:
    assert compare(*article(), draws=200).summary.task_decompositions == {}
    plain = compare(Side("a", tax(0, 0.7)), Side("b", tax(0, 0.6)), draws=200).summary
    assert plain.task_decompositions == {}


def test_refusals_in_a_task_without_documents_are_named() -> None:
    before = task_run("a", [1.0] * 30)
    after = Side("b", [*(task_answer(str(i), 0.0, state="refused") for i in range(3)), *before.answers[3:]])
    codes = [sentence.code for sentence in compare(before, after, draws=200).summary.sentences]
    assert "task_refusals_leaked" in codes
    codes = [
        one.code
        for one in compare(Side("a", tax(0, 0.7)), Side("b", tax(9, 0.7)), draws=200).summary.sentences
    ]
    assert "task_refusals_leaked" not in codes, "with documents a refusal may be right"


def test_a_fallen_task_is_not_hidden_behind_a_good_number() -> None:
    one, two = flipped(100, 50, 0, 30), flipped(100, 80, 30, 0)
    sides = [
        Side(name, [*task_run("x", a, task="good").answers, *task_run("x", b, task="bad").answers])
        for name, a, b in (("a", one[0], two[0]), ("b", one[1], two[1]))
    ]
    found = compare(*sides, draws=200).summary
    assert {change.task: change.verdict for change in found.changes} == {"good": "improved", "bad": "worse"}
    (warned,) = [one for one in found.sentences if one.code == "also_fell_task"]
    assert warned.params == {"task": "bad"}


def test_tasks_that_were_asked_or_scored_differently_are_named() -> None:
    sides = [
        task_run("a", [1.0] * 30, figures=figures_of(shots=4)),
        task_run("b", [1.0] * 30, figures=figures_of(protocol="jcq_llmjp@1")),
    ]
    codes = [warning.code for warning in compare(*sides, draws=200).summary.warnings]
    assert codes == ["task_protocol_differs", "task_shots_differs"]


def test_the_same_id_in_two_tasks_is_two_questions() -> None:
    sides = [
        Side(name, [task_answer("1", 1.0, task="one"), task_answer("1", 0.0, task="two"), scored(PLAIN, "1")])
        for name in ("a", "b")
    ]
    assert compare(*sides, draws=200).summary.n == 3


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_about_tasks_is_in_the_catalogue(lang: Any) -> None:
    codes = [f"task_{word}" for word in ("improved", "worse", "no_difference", "too_few")]
    codes += [
        "also_fell_task",
        "task_refusals_leaked",
        "task_protocol_differs",
        "task_shots_differs",
        "bench_unpaired",
    ]
    assert [code for code in codes if not has_key(f"sentence.{code}", lang)] == []
