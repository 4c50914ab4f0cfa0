from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.evaluation import answer_records
from workbench.evaluation.answer_records import read_records

ROWS = [{"id": "1", "prediction": "あ\u2028い"}, {"id": "2", "prediction": "[1, 2]"}]


def _write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def _lines(end: str = "\n") -> str:
    return end.join(json.dumps(row, ensure_ascii=False) for row in ROWS) + end


@pytest.mark.parametrize(
    "text",
    [
        _lines(),
        _lines("\r\n"),
        "\ufeff" + _lines(),
        "\n\n" + _lines("\n\n").rstrip(),
        json.dumps(ROWS),
        "\ufeff \n" + json.dumps(ROWS, indent=2, ensure_ascii=False) + "\n",
    ],
)
def test_lines_and_lists_are_read_alike(tmp_path: Path, text: str) -> None:
    assert [record.values for record in read_records(_write(tmp_path / "a.jsonl", text))] == ROWS


def test_lists_longer_than_what_is_held_at_once_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_records, "_CHUNK", 7)
    rows = [{"id": str(number), "prediction": "あ" * number} for number in range(40)]
    path = _write(tmp_path / "a.json", json.dumps(rows, ensure_ascii=False))
    assert [record.values for record in read_records(path)] == rows


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "answers_empty"),
        ("\ufeff \n\n", "answers_empty"),
        ("[]", "answers_empty"),
        ("not json\n", "answers_line_not_json"),
        ("{}\n[1]\n", "answers_line_not_json"),
        ('{"a": 1}\n{"a": \n', "answers_line_not_json"),
        ('[{"a": 1}, 2]', "answers_line_not_json"),
        ('[{"a": 1}, {"a"', "answers_line_not_json"),
        ('[{"a": 1}', "answers_line_not_json"),
        ("[" * 100_000, "answers_line_not_json"),
        ('{"a": ' + "[" * 100_000 + "\n", "answers_line_not_json"),
        ("あ\n".encode("cp932"), "answers_not_utf8"),
        ('{"a": "あ"}\n'.encode("utf-16"), "answers_not_utf8"),
        (b"\x00\x01\x02\n", "answers_line_not_json"),
    ],
)
def test_a_file_that_cannot_be_read_has_its_own_sentence(
    tmp_path: Path, data: str | bytes, code: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        list(read_records(_write(tmp_path / "a.jsonl", data)))
    assert caught.value.code == code


def test_a_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", '\n{"a": 1}\n\nbad\n')
    with pytest.raises(WorkbenchError) as caught:
        list(read_records(path))
    assert caught.value.params["line"] == 4


def test_absent_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.jsonl", "answers_missing"), (tmp_path, "answers_is_folder")):
        with pytest.raises(WorkbenchError) as caught:
            list(read_records(path))
        assert caught.value.code == code


@pytest.mark.parametrize("form", ["{}\n", "[{}]"])
def test_a_record_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(answer_records, "MAX_RECORD", 1000)
    monkeypatch.setattr(answer_records, "_CHUNK", 100)
    row = json.dumps({"id": "1", "prediction": "x" * 3000})
    with pytest.raises(WorkbenchError) as caught:
        list(read_records(_write(tmp_path / "a.jsonl", form.replace("{}", row))))
    assert caught.value.code == "answers_line_long"
