from __future__ import annotations

from workbench.schemas.exported import ExportedQuestion
from workbench.text.leaks import Question, find_leaks


def exported(question: str, name: str = "s1") -> ExportedQuestion:
    return ExportedQuestion(comparison="c1", sample_id=name, question=question, format="dpo", at=1.0)


def test_the_same_question_is_found_whatever_its_id_width_and_punctuation() -> None:
    leaks = find_leaks(
        [Question("x", "住民票（写し）の手数料は、３００円ですか？")],
        [exported("住民票(写し)の手数料は300円ですか")],
    )
    assert [(leak.id, leak.why, leak.similarity) for leak in leaks] == [("x", "same", 1.0)]


def test_a_question_with_one_word_changed_is_nearly_the_same() -> None:
    long = "確定申告で医療費控除を受けるために必要な書類の一覧と提出の期限について、くわしく教えてください"
    leaks = find_leaks([Question("x", long.replace("教えて", "説明して"))], [exported(long)])
    assert [leak.why for leak in leaks] == ["near"]
    assert leaks[0].similarity < 1


def test_another_question_with_the_same_id_is_no_leak() -> None:
    # files of people's own number their questions 1, 2, 3
    assert find_leaks([Question("1", "図書館の開館時間は？")], [exported("住民票の手数料は？", "1")]) == []


def test_a_question_that_was_reworded_under_its_id_is_a_leak() -> None:
    before, after = "住民票の写しの手数料はいくらですか", "住民票の写しの手数料を教えてください"
    assert find_leaks([Question("x", after)], [exported(before, "s1")]) == []
    assert [leak.why for leak in find_leaks([Question("s1", after)], [exported(before, "s1")])] == ["id"]


def test_nothing_exported_leaks_nothing() -> None:
    assert find_leaks([Question("x", "質問")], []) == []


def test_questions_without_letters_do_not_match_each_other() -> None:
    assert find_leaks([Question("x", "？？")], [exported("住民票の手数料は？"), exported("！")]) == []


def test_ten_thousand_questions_are_compared() -> None:
    asked = [Question(str(i), f"第{i}条の届出の期限はいつですか") for i in range(10_000)]
    leaks = find_leaks(asked, [exported("第77条の届出の期限はいつですか", "other")])
    assert "77" in {leak.id for leak in leaks}
    assert len(leaks) < 100
