"""What a teacher model wrote is believed only where the document bears it out."""

from __future__ import annotations

import json

import pytest

from workbench.generation.lessons import judge_answer
from workbench.generation.teaching import TeacherTask
from workbench.text.quotes import check_quotes

DOCUMENT = "粗大ごみの手数料は、１点につき400円です。\n申込みは前日の午後3時までです。「特大品」は除きます。"
TASK = TeacherTask("r1", "粗大ごみの手数料はいくらですか。", ("図書館は月曜日が休みです。", DOCUMENT), 2)


def answer(**changes: object) -> str:
    fields = {
        "quote": "粗大ごみの手数料は、１点につき400円です。",
        "doc_no": 2,
        "reason": "手数料が定められているためです。",
        "short_answer": "1点につき400円です。",
    }
    return json.dumps({**fields, **changes}, ensure_ascii=False)


def test_a_good_answer_becomes_a_target_with_quotation_reason_and_answer():
    lesson = judge_answer(answer(), TASK).lesson
    assert lesson is not None
    assert lesson.target == (
        "参考文書2に「粗大ごみの手数料は、１点につき400円です」と記載されています。"
        "手数料が定められているためです。したがって、1点につき400円です。"
    )
    assert lesson.quote in DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        "```json\n" + answer() + "\n```",
        "答えは次のとおりです。" + answer(),
        answer(doc_no="参考文書２"),
        answer(quote="「粗大ごみの手数料は、1点につき 400円です」"),
        answer(reason=""),
        answer(
            quote="申込みは前日の午後３時までです。「特大品」は除きます。",
            short_answer="前日の午後3時までです。",
        ),
    ],
)
def test_harmless_differences_are_forgiven_and_the_quotation_is_the_documents_own(text: str):
    lesson = judge_answer(text, TASK).lesson
    assert lesson is not None
    assert lesson.quote in DOCUMENT


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("400円です。", "answer_not_json"),
        ("{broken}", "answer_not_json"),
        ("[1]", "answer_not_json"),
        (answer(quote=""), "answer_incomplete"),
        (answer(short_answer=None), "answer_incomplete"),
        (answer(doc_no=None), "answer_incomplete"),
        (answer(doc_no=1), "document_wrong"),
        (answer(quote="400円です"), "quote_too_short"),
        (answer(quote="粗大ごみの手数料は、一点につき400円です"), "quote_not_found"),
        (answer(quote="午後3時までです。「特大品"), "quote_brackets"),
        (answer(short_answer="500円です。"), "number_unsupported"),
        (answer(short_answer="提供された情報からは回答できません。"), "teacher_refused"),
    ],
)
def test_what_the_document_does_not_bear_out_is_refused(text: str, fault: str):
    judged = judge_answer(text, TASK)
    assert (judged.lesson, judged.fault) == (None, fault)


def test_the_evaluation_reads_the_same_quotation():
    lesson = judge_answer(answer(), TASK).lesson
    assert lesson is not None
    quotes = check_quotes(lesson.target, TASK.documents, TASK.question)
    assert [(quote.state, quote.cited) for quote in quotes] == [("verbatim", 2)]
