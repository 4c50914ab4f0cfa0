from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.evaluation.tasks.files import write_jsonl
from workbench.errors import InputError, NotFoundError, WorkbenchError
from workbench.evaluation.tasks import rows as rows_module
from workbench.evaluation.tasks.readers import READERS
from workbench.evaluation.tasks.table import read_table

JCQ = {
    "q_id": 7,
    "question": "果物は？",
    **{f"choice{n}": name for n, name in enumerate("犬梨机車空")},
    "label": 1,
}
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "名前 [SEP] 文章です。",
                    "qas": [
                        {
                            "id": "a",
                            "question": "何？",
                            "answers": [{"text": "x"}, {"text": "y"}, {"text": "x"}],
                        },
                        {"id": "b", "question": "無？", "answers": [], "is_impossible": True},
                    ],
                }
            ]
        }
    ]
}


def dump(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def code_of(read: Any, *arguments: Any) -> tuple[str, Any]:
    with pytest.raises(WorkbenchError) as caught:
        read(*arguments)
    return caught.value.code, caught.value.params.get("line")


def test_a_five_choice_question_is_written_as_llm_jp_eval_writes_it(tmp_path: Path) -> None:
    question = READERS["jglue_jcq"](write_jsonl(tmp_path / "v.json", [JCQ]), {}).questions[0]
    assert question.input == "質問：果物は？\n選択肢：0.犬,1.梨,2.机,3.車,4.空"
    assert (question.id, question.answer, question.output) == ("7", "1", "1")


@pytest.mark.parametrize("change", [{"label": 9}, {"label": True}, {"choice3": ""}, {"question": None}])
def test_a_bad_line_of_jcommonsenseqa_names_its_field(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_jsonl(tmp_path / "v.json", [JCQ, {**JCQ, **change}])
    with pytest.raises(InputError) as caught:
        READERS["jglue_jcq"](path, {})
    assert (caught.value.params["line"], caught.value.params["field"]) == (2, next(iter(change)))


def test_squad_gives_all_references_once_and_none_where_nothing_answers(tmp_path: Path) -> None:
    first, second = READERS["squad"](dump(tmp_path / "d.json", SQUAD), {}).questions
    assert (first.answer, first.references, first.documents) == ("x", ("y",), ("名前 [SEP] 文章です。",))
    assert (second.answer, second.meta) == ("", {"is_impossible": True})
    assert first.input == "文章：名前 [SEP] 文章です。\n質問：何？"


@pytest.mark.parametrize("content", [{}, {"data": [{"paragraphs": [{"qas": []}]}]}, {"data": 3}])
def test_what_is_not_squad_is_told(tmp_path: Path, content: object) -> None:
    assert code_of(READERS["squad"], dump(tmp_path / "d.json", content), {})[0] == "task_data_not_squad"


def test_ifeval_leaves_out_arguments_that_are_null(tmp_path: Path) -> None:
    line = {
        "key": 1,
        "prompt": "p",
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [{"num_words": None}, {"num_words": 3, "relation": "at least"}],
    }
    question = READERS["ifeval"](write_jsonl(tmp_path / "i.jsonl", [line]), {}).questions[0]
    assert question.meta["kwargs"] == [{}, {"num_words": 3, "relation": "at least"}]
    assert question.genre == "punctuation"


def test_ifeval_wants_arguments_for_every_instruction(tmp_path: Path) -> None:
    line = {"key": 1, "prompt": "p", "instruction_id_list": ["a", "b"], "kwargs": [{}]}
    assert code_of(READERS["ifeval"], write_jsonl(tmp_path / "i.jsonl", [line]), {}) == ("task_line_bad", 1)


def test_a_dataset_file_of_llm_jp_eval_prescribes_its_prompt(tmp_path: Path) -> None:
    content = {
        "instruction": "答えよ",
        "output_length": 5,
        "answer_pattern_id": "answer_tags_jp",
        "label_list": ["はい", "いいえ"],
        "num_few_shots": 2,
        "samples": [{"input": "i", "output": "o"}],
    }
    found = READERS["llm_jp_eval"](dump(tmp_path / "x.json", content), {})
    assert (found.instruction, found.max_tokens, found.answer_pattern) == ("答えよ", 5, "answer_tags_jp")
    assert (found.labels, found.shots) == (("はい", "いいえ"), 2)


def test_dumped_prompts_are_sent_as_they_are(tmp_path: Path) -> None:
    content = {
        "target_dataset": "x",
        "output_length": 1,
        "config": {"output_length_delta": 3},
        "samples": [{"input": "i", "prompt": "全文", "gold": "2", "generated": "", "system_prompt": "s"}],
    }
    found = READERS["eval_prompt"](dump(tmp_path / "x.eval-prompt.json", content), {})
    assert (found.questions[0].prompt, found.questions[0].system, found.max_tokens) == ("全文", "s", 4)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"samples": [{"input": "x"}]}, "task_sample_bad"),
        ({"samples": ["x"]}, "task_sample_bad"),
        ({}, "task_data_no_samples"),
        ([], "task_data_not_json"),
    ],
)
def test_a_wrong_file_of_llm_jp_eval_is_told(tmp_path: Path, content: object, code: str) -> None:
    assert code_of(READERS["llm_jp_eval"], dump(tmp_path / "x.json", content), {})[0] == code


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    rows = [{"problem": "1+1", "solution": "\\boxed{2}", "type": "算数"}]
    fields = {"question": "problem|question", "answer": "solution|answer", "genre": "genre|type"}
    question = read_table(write_jsonl(tmp_path / "m.jsonl", rows), fields).questions[0]
    assert (question.question, question.answer, question.genre) == ("1+1", "\\boxed{2}", "算数")


def test_a_table_from_excel_in_japan_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('id,question,choices,answer\n1,"空の\n色は？",赤|青,青\n'.encode("cp932"))
    question = read_table(path, {}).questions[0]
    assert (question.question, question.choices, question.answer) == ("空の\n色は？", ("赤", "青"), "青")


def test_a_workbook_is_read_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    book = Workbook()
    sheet: Any = book.active
    for row in (["question", "answer", "choice0", "choice1"], ["どれ？", 1.0, "赤", "青"], [None] * 4):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    (question,) = read_table(tmp_path / "t.xlsx", {}).questions
    assert (question.answer, question.choices) == ("1", ("赤", "青"))


def test_lists_in_cells_may_be_json_and_zero_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        'question,answer,choices,documents,key_facts\nq,0,"[""a|b"", ""c""]","{d}|{e}","[[""x"",""y""],""z""]"\n',
        encoding="utf-8-sig",
    )
    question = read_table(path, {}).questions[0]
    assert (question.answer, question.choices) == ("0", ("a|b", "c"))
    # a document is one text, whatever signs stand in it
    assert question.documents == ("{d}|{e}",)
    assert question.meta["key_facts"] == [["x", "y"], "z"]


def test_documents_may_be_mappings_with_their_text(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "a", "documents": [{"title": "t", "text": "本文"}, "二"]}]
    assert read_table(write_jsonl(tmp_path / "t.jsonl", rows), {}).questions[0].documents == ("本文", "二")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.jsonl", b'{"question": "a"}\n{broken\n', ("task_line_not_json", 2)),
        ("t.jsonl", b"[1]\n", ("task_line_not_json", 1)),
        ("t.jsonl", b"\xff\xfe\xfa\n", ("task_data_not_utf8", None)),
        ("t.jsonl", b'{"question": " "}\n', ("task_line_bad", 1)),
        ("t.jsonl", b'{"question": "a", "choices": ["one"]}\n', ("task_line_bad", 1)),
        ("t.jsonl", b'{"question": {"a": 1}}\n', ("task_line_bad", 1)),
        ("t.jsonl", b"[" * 100_000 + b"\n", ("task_line_not_json", 1)),
        ("t.csv", b"", ("task_data_no_header", None)),
        ("t.csv", b"question,question\na,b\n", ("task_data_header_repeats", None)),
        ("t.xlsx", b"no workbook", ("task_data_not_xlsx", None)),
    ],
)
def test_a_broken_table_gets_one_clear_sentence(
    tmp_path: Path, name: str, content: bytes, expected: tuple[str, int | None]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert code_of(read_table, tmp_path / name, {}) == expected


def test_a_missing_file_a_folder_and_a_huge_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match="task_data_missing"):
        read_table(tmp_path / "none.jsonl", {})
    assert code_of(read_table, tmp_path, {})[0] == "task_data_is_folder"
    monkeypatch.setattr(rows_module, "MAX_BYTES", 3)
    (tmp_path / "big.jsonl").write_text('{"question": "x"}', encoding="utf-8")
    assert code_of(read_table, tmp_path / "big.jsonl", {})[0] == "task_data_too_big"


def test_a_squad_article_is_where_its_questions_come_from(tmp_path: Path) -> None:
    article = {**SQUAD["data"][0], "title": "新国劇"}
    questions = READERS["squad"](dump(tmp_path / "s.json", {"data": [article]}), {}).questions
    assert {question.source for question in questions} == {"新国劇"}


@pytest.mark.parametrize(
    ("column", "value", "source"),
    [
        ("source", "給与課", "給与課"),
        ("部署", "給与課", "給与課"),
        ("source", {"page": 3}, ""),
        ("x", "y", ""),
    ],
)
def test_a_column_of_a_table_says_where_documents_come_from(
    tmp_path: Path, column: str, value: object, source: str
) -> None:
    path = write_jsonl(tmp_path / "q.jsonl", [{"question": "？", "answer": "a", column: value}])
    (question,) = read_table(path, {"source": "source|部署"}).questions
    assert question.source == source
