"""Loading FAQ files of all sorts, good and bad."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pytest

from tests.generation.faqs import csv_text, make_rows, write_faq
from workbench.errors import InputError
from workbench.generation import faq, faq_files, load_faq, preview_faq
from workbench.i18n import LANGUAGES, has_key, render_error
from workbench.schemas.generation import FaqSource

ROWS = make_rows(12, ["市民課", "税務課"])


def read(path: Path, **source: str) -> faq.FaqTable:
    return load_faq(FaqSource(path=str(path), **source))


def pairs(table: faq.FaqTable) -> list[tuple[str, str, str]]:
    return [(row.question, row.answer, row.group) for row in table.rows]


def fail(path: Path, **source: str) -> InputError:
    """The error of loading a file; its sentence is complete in every language."""
    with pytest.raises(InputError) as caught:
        read(path, **source)
    for lang in LANGUAGES:
        shown = render_error(caught.value, lang)
        assert "error." not in shown.text
        assert "{" not in shown.message
    return caught.value


def save_xlsx(path: Path, rows: list[list[Any]], before: int = 0) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for _ in range(before):
        sheet.append(["よくある質問の一覧"])
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16"])
def test_every_japanese_encoding_is_read(tmp_path: Path, encoding: str):
    path = tmp_path / "faq.csv"
    path.write_bytes(csv_text(ROWS).encode(encoding))
    assert pairs(read(path)) == ROWS


def test_shift_jis_of_excel_is_not_taken_for_anything_else(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_bytes(
        csv_text(
            [("①の料金は？", "髙橋㈱の窓口で～円です。①番。" + row[1], "") for row in ROWS[:1]] + ROWS[1:]
        ).encode("cp932")
    )
    table = read(path)
    assert table.encoding == "cp932"
    assert table.rows[0].answer.startswith("髙橋㈱の窓口で～円です。")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str):
    path = tmp_path / "faq.csv"
    path.write_text(csv_text(ROWS, delimiter=delimiter), encoding="utf-8")
    assert pairs(read(path)) == ROWS


@pytest.mark.parametrize(
    "header",
    [
        ("Question", "Answer", "copyright"),
        ("Q", "A", "カテゴリー"),
        ("ご質問", "ご回答", "担当部署"),
        ("問い", "答え", "省庁"),
    ],
)
def test_columns_are_guessed_from_their_names(tmp_path: Path, header: tuple[str, ...]):
    path = tmp_path / "faq.csv"
    path.write_text(csv_text(ROWS, header), encoding="utf-8")
    columns = read(path).columns
    assert (columns.question, columns.answer, columns.group) == header


def test_a_number_column_is_not_taken_for_the_question(tmp_path: Path):
    path = tmp_path / "faq.csv"
    rows = [(str(n), *row) for n, row in enumerate(ROWS)]
    path.write_text(csv_text(rows, ("質問番号", "質問本文", "回答本文", "メモ")), encoding="utf-8")
    columns = read(path).columns
    assert (columns.question, columns.answer, columns.group) == ("質問本文", "回答本文", "")


def test_named_columns_win_over_the_guess(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_text(csv_text([(*row, "別") for row in ROWS], ("x", "y", "部署", "質問")), encoding="utf-8")
    table = read(path, question_column="x", answer_column="y")
    assert pairs(table) == ROWS


def test_no_group_column_can_be_chosen_although_one_could_be_guessed(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_text(
        "質問,回答,部署\n" + "".join(f"質問{n}は何ですか,回答の文{n}はこれです。,課\n" for n in range(12)),
        "utf-8",
    )
    assert {row.group for row in load_faq(FaqSource(path=str(path))).rows} == {"課"}
    assert {row.group for row in load_faq(FaqSource(path=str(path), guess_group=False)).rows} == {""}


def test_a_workbook_is_read_with_titles_above_and_empty_rows_below(tmp_path: Path):
    path = save_xlsx(
        tmp_path / "faq.xlsx", [["質問", "回答", "部署"], *map(list, ROWS), [], [None, None]], before=2
    )
    assert pairs(read(path)) == ROWS


def test_a_workbook_under_the_name_of_a_csv_is_read_as_what_it_is(tmp_path: Path):
    path = save_xlsx(tmp_path / "faq.xlsx", [["質問", "回答", "部署"], *map(list, ROWS)]).rename(
        tmp_path / "faq.csv"
    )
    assert read(path).kind == "xlsx"


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_json_is_read_as_lines_and_as_an_array(tmp_path: Path, form: str):
    objects = [{"question": q, "answer": a, "category": g} for q, a, g in ROWS]
    text = json.dumps(objects, ensure_ascii=False) if form == "json" else "\n".join(map(json.dumps, objects))
    path = tmp_path / f"faq.{form}"
    path.write_text(text, encoding="utf-8")
    table = read(path)
    assert (pairs(table), table.kind) == (ROWS, form)


def test_every_bad_row_is_listed_with_its_number_and_reason(tmp_path: Path):
    bad = [
        ("", "質問のない答えの文章です。", ""),
        ("答えのない質問ですか。", " \n", ""),
        ("短い答えの質問ですか。", "はい。", ""),
        ("長い答えの質問ですか。", "あ" * 2001, ""),
        (ROWS[0][0], "同じ質問への、べつの答えの文章です。", ""),
        ("べつの質問ですか。", ROWS[1][1], ""),
        ("", "", ""),
    ]
    path = tmp_path / "faq.csv"
    path.write_text(csv_text([*ROWS[:2], *bad, *ROWS[2:]]), encoding="utf-8")
    table = read(path)
    assert [(skip.row, skip.reason) for skip in table.skipped] == [
        (3, "question_empty"),
        (4, "answer_empty"),
        (5, "answer_too_short"),
        (6, "answer_too_long"),
        (7, "question_duplicate"),
        (8, "answer_duplicate"),
        (9, "row_empty"),
    ]
    assert pairs(table) == ROWS
    assert table.rows[-1].row == 19
    assert sum(table.skipped_counts.values()) == 7


def test_rows_in_another_encoding_are_lost_alone(tmp_path: Path):
    lines = csv_text(ROWS).splitlines(keepends=True)
    path = tmp_path / "faq.csv"
    path.write_bytes(b"".join(line.encode("cp932" if n == 4 else "utf-8") for n, line in enumerate(lines)))
    table = read(path)
    assert [(skip.row, skip.reason) for skip in table.skipped] == [(4, "encoding_mixed")]
    assert len(table.rows) == 11


def test_broken_lines_of_json_are_lost_alone(tmp_path: Path):
    lines = [json.dumps({"question": q, "answer": a}) for q, a, _ in ROWS]
    path = tmp_path / "faq.jsonl"
    path.write_text(
        "\n".join([*lines[:3], "{broken", '["list"]', '{"question": ["x"], "answer": "y"}', *lines[3:]]),
        encoding="utf-8",
    )
    assert [(skip.row, skip.reason) for skip in read(path).skipped] == [
        (4, "row_unreadable"),
        (5, "row_unreadable"),
        (6, "question_empty"),
    ]


def test_markup_and_scripts_stay_text(tmp_path: Path):
    evil = "<script>alert('x')</script><b>太字</b> の答えです。"
    path = tmp_path / "faq.csv"
    path.write_text(csv_text([("スクリプトの質問ですか。", evil, ""), *ROWS]), encoding="utf-8")
    assert read(path).rows[0].answer == evil


def test_a_quotation_mark_never_closed_does_not_stop_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(faq_files, "_CELL_LIMIT", 300)
    path = tmp_path / "faq.csv"
    path.write_text(
        csv_text(ROWS) + '"開いたままの質問,' + "あ" * 400 + "\n" + csv_text(make_rows(40)[20:]),
        encoding="utf-8",
    )
    table = read(path)
    assert len(table.rows) >= 12
    assert "row_unreadable" in table.skipped_counts


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("faq.csv", b"", "faq_empty"),
        ("faq.csv", b" \n\n", "faq_empty"),
        ("faq.csv", b"foo,bar\n1,2\n", "faq_columns_unknown"),
        ("faq.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "faq_binary"),
        ("faq.csv", Random(0).randbytes(4096), "faq_binary"),
        ("faq.xlsx", b"PK\x03\x04broken", "faq_xlsx_broken"),
        ("faq.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "faq_xls_old"),
        (
            "faq.xlsx",
            bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"),
            "faq_xlsx_password",
        ),
        ("faq.json", b"[1, 2", "faq_json_broken"),
        ("faq.json", b"[1, 2]", "faq_json_no_objects"),
        ("faq.csv", csv_text(ROWS[:3]).encode(), "faq_too_few_rows"),
    ],
)
def test_a_file_that_is_no_faq_gets_a_sentence(tmp_path: Path, name: str, content: bytes, code: str):
    path = tmp_path / name
    path.write_bytes(content)
    assert fail(path).code == code


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path):
    assert fail(tmp_path / "nothing.csv").code == "faq_missing"
    assert fail(tmp_path).code == "faq_missing"


def test_a_zip_that_is_no_workbook_is_binary(tmp_path: Path):
    path = tmp_path / "faq.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    assert fail(path).code == "faq_binary"


def test_a_damaged_sheet_is_a_broken_workbook(tmp_path: Path):
    path = save_xlsx(tmp_path / "good.xlsx", [["質問", "回答"], *[list(row[:2]) for row in ROWS]])
    broken = tmp_path / "faq.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, b"<broken" if "sheet1" in entry else old.read(entry))
    assert fail(broken).code == "faq_xlsx_broken"


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write_faq(tmp_path / "faq.csv")
    monkeypatch.setattr(faq_files, "MAX_BYTES", 100)
    assert fail(path).code == "faq_too_big"


def test_wrong_columns_are_named_with_those_of_the_file(tmp_path: Path):
    path = write_faq(tmp_path / "faq.csv")
    error = fail(path, question_column="しつもん")
    assert error.code == "faq_column_missing"
    assert "質問, 回答, 部署" in render_error(error, "ja").message


def test_three_rows_are_too_few_and_the_sentence_says_how_many_are_needed(tmp_path: Path):
    path = write_faq(tmp_path / "faq.csv", 3)
    message = render_error(fail(path), "ja").message
    assert "3 行" in message
    assert "10 行" in message


def test_of_a_huge_file_a_random_sample_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(faq, "MAX_ROWS", 20)
    table = read(write_faq(tmp_path / "faq.csv", 200))
    assert (len(table.rows), table.usable, table.total) == (20, 200, 200)
    assert max(row.row for row in table.rows) > 100


def test_a_preview_shows_columns_guess_and_first_rows(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_bytes(csv_text([(*row[:2], row[2]) for row in ROWS]).encode("cp932"))
    preview = preview_faq(path, first=2)
    assert preview.columns == ("質問", "回答", "部署")
    assert preview.guess.answer == "回答"
    assert [row["質問"] for row in preview.first] == [ROWS[0][0], ROWS[1][0]]
    assert (preview.encoding, preview.rows, preview.rows_exact) == ("cp932", 12, True)
    assert preview.groups == {"市民課": 6, "税務課": 6}


def test_a_preview_of_a_large_file_estimates_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(faq, "_COUNT_BYTES", 10)
    preview = preview_faq(write_faq(tmp_path / "faq.csv", 100))
    assert not preview.rows_exact
    assert 80 <= preview.rows <= 120


def test_every_reason_has_words_in_both_languages():
    from typing import get_args

    for reason in get_args(faq.SkipReason):
        assert all(has_key(f"reason.{reason}", lang) for lang in LANGUAGES)


@pytest.mark.data
def test_the_real_sample_is_read(shared_data: Path):
    table = read(shared_data / "jagovfaqs_sample" / "faq.csv")
    assert len(table.rows) == 239
    assert next(iter(table.groups)) == "国税庁"
