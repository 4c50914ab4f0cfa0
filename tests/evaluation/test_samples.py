from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.prompts import general_prompt, parse_raft_prompt
from workbench.evaluation.samples import SampleKind, load_file, load_samples
from workbench.schemas import evaluation as schema

USER = "以下の参考文書を基に質問に答えてください。\n\n参考文書1:\n手数料は300円です。\n\n参考文書2:\n開館は9時です。\n二行目です。\n\n質問: 手数料はいくらですか。"  # noqa: E501


def raft(**metadata: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": "r1",
        "question": "手数料はいくらですか。",
        "oracle_position": 1,
        "has_oracle": True,
        "reference_short": "300円です。",
        "expected_answer": "手数料は300円です。",
    }
    return {
        "messages": [{"role": "system", "content": "答えてください。"}, {"role": "user", "content": USER}],
        "metadata": {**known, **metadata},
    }


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_raft_row_becomes_a_sample_with_its_documents(tmp_path: Path) -> None:
    (sample,) = load_file(write(tmp_path / "test.jsonl", raft()), "answerable")
    assert sample.documents == ("手数料は300円です。", "開館は9時です。\n二行目です。")
    assert (sample.id, sample.target, sample.oracle_position) == ("r1", "300円です。", 1)
    assert [message.role for message in sample.messages] == ["system", "user"]


def test_without_a_short_reference_the_document_is_the_target(tmp_path: Path) -> None:
    (sample,) = load_file(write(tmp_path / "test.jsonl", raft(reference_short="")), "unseen")
    assert sample.target == "手数料は300円です。"


def test_a_final_answer_is_not_part_of_the_prompt(tmp_path: Path) -> None:
    row = raft()
    row["messages"].append({"role": "assistant", "content": "300円です。"})
    (sample,) = load_file(write(tmp_path / "test.jsonl", row), "answerable")
    assert sample.messages[-1].role == "user"


def test_a_question_without_answer_has_no_target_and_no_oracle(tmp_path: Path) -> None:
    row = raft(has_oracle=False, oracle_position=None)
    (sample,) = load_file(write(tmp_path / "test.jsonl", row), "unanswerable")
    assert (sample.target, sample.oracle_position) == ("", None)


def test_a_document_may_speak_of_other_documents() -> None:
    content = (
        "前置き\n\n参考文書1:\n次を見よ。\n参考文書3:\n別紙です。\n\n"
        "参考文書2:\n質問: とは何か。\n\n質問: 何ですか。"
    )
    found = parse_raft_prompt(content)
    assert found is not None
    assert found.documents == ("次を見よ。\n参考文書3:\n別紙です。", "質問: とは何か。")
    assert found.question == "何ですか。"
    assert parse_raft_prompt("質問だけ") is None


def test_a_general_question_is_asked_for_its_number(tmp_path: Path) -> None:
    row = {"id": "g1", "question": "果物は？", "choices": ["犬", "りんご", "机", "車", "空"], "answer": 1}
    (sample,) = load_file(write(tmp_path / "general.jsonl", row), "general")
    assert (
        sample.messages[0].content
        == "果物は？\n0. 犬\n1. りんご\n2. 机\n3. 車\n4. 空\n番号だけで答えてください。"
    )
    assert [message.role for message in sample.messages] == ["user"]
    assert (sample.target, sample.documents) == ("1", ())
    assert general_prompt("?", ["a"]) == "?\n0. a\n番号だけで答えてください。"


def test_the_limit_counts_per_file_and_ids_stay_unique(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", *(raft() for _ in range(3)))
    second = write(tmp_path / "b.jsonl", *(raft(id=f"u{i}") for i in range(3)))
    tests = schema.TestFiles(answerable=str(first), unseen=str(second))
    assert [sample.id for sample in load_samples(tests, limit=2)] == ["r1", "r1-2", "u0", "u1"]
    assert len(load_samples(tests)) == 6


def test_rows_without_an_id_get_one_by_content(tmp_path: Path) -> None:
    rows = [raft(), raft()]
    for row in rows:
        del row["metadata"]["id"]
    rows[1]["messages"][1]["content"] = USER.replace("300", "400")
    first, second = load_file(write(tmp_path / "a.jsonl", *rows), "answerable")
    assert first.id != second.id
    assert first.id == load_file(tmp_path / "a.jsonl", "answerable")[0].id


def _without(key: str) -> dict[str, Any]:
    row = raft()
    del row[key]
    return row


def _prompt(text: str) -> dict[str, Any]:
    row = raft()
    row["messages"][1]["content"] = text
    return row


@pytest.mark.parametrize(
    ("row", "kind", "code"),
    [
        (["kein"], "answerable", "test_line_not_json"),
        (_without("messages"), "answerable", "test_line_no_messages"),
        ({**raft(), "messages": [{"role": "robot", "content": ""}]}, "answerable", "test_line_no_messages"),
        ({**raft(), "messages": [{"role": "system", "content": ""}]}, "answerable", "test_line_no_messages"),
        ({**raft(), "metadata": ["x"]}, "answerable", "test_line_no_metadata"),
        (_prompt("質問: 何ですか。"), "answerable", "test_line_no_documents"),
        (raft(oracle_position=3), "answerable", "test_line_no_oracle"),
        (raft(oracle_position=None), "unseen", "test_line_no_oracle"),
        (raft(), "unanswerable", "test_line_has_oracle"),
        (raft(reference_short="", expected_answer=" "), "answerable", "test_line_no_reference"),
        ({"question": "", "choices": ["a", "b"], "answer": 0}, "general", "general_line_bad"),
        ({"question": "?", "choices": ["a"], "answer": 0}, "general", "general_line_bad"),
        ({"question": "?", "choices": ["a", "b"], "answer": 2}, "general", "general_line_bad"),
        ({"question": "?", "choices": ["a", "b"], "answer": True}, "general", "general_line_bad"),
    ],
)
def test_a_bad_line_is_named_with_its_file(tmp_path: Path, row: object, kind: SampleKind, code: str) -> None:
    general = {"question": "?", "choices": ["a", "b"], "answer": 0}
    good = {
        "general": general,
        "unanswerable": raft(has_oracle=False, oracle_position=None),
    }.get(kind, raft())
    path = write(tmp_path / "bad.jsonl", good, row)
    with pytest.raises(InputError) as caught:
        load_file(path, kind)
    assert caught.value.code == code
    assert (caught.value.params["path"], caught.value.params["line"]) == (str(path), 2)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="test_file_missing"):
        load_file(tmp_path / "none.jsonl", "answerable")
    with pytest.raises(InputError, match="test_file_is_folder"):
        load_file(tmp_path, "answerable")
    sjis = tmp_path / "sjis.jsonl"
    sjis.write_bytes('{"question": "日本"}'.encode("shift_jis"))
    with pytest.raises(InputError, match="test_file_not_utf8"):
        load_file(sjis, "general")


def test_test_sets_without_any_question_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="tests_empty"):
        load_samples(schema.TestFiles(answerable=str(empty)))


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.jsonl"
    path.write_text(json.dumps(raft(), ensure_ascii=False), encoding="utf-8-sig")
    assert len(load_file(path, "answerable")) == 1


@pytest.mark.parametrize(
    ("given", "source"),
    [({"source": "nta.csv", "copyright": "国税庁"}, "国税庁"), ({"source": "nta.csv"}, "nta.csv"), ({}, "")],
)
def test_a_raft_row_says_where_its_documents_come_from(
    tmp_path: Path, given: dict[str, str], source: str
) -> None:
    (sample,) = load_file(write(tmp_path / "test.jsonl", raft(**given)), "answerable")
    assert sample.source == source
