from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.makers import DOCUMENTS, PLAIN, QUOTED, REFUSAL
from workbench.errors import WorkbenchError
from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.runs import load_folder
from workbench.evaluation.score_file import find_protocol, score_path
from workbench.schemas.evaluation import RunMetrics
from workbench.schemas.scoring import ScoreReport

Row = Mapping[str, Any]


def _score(tmp_path: Path, rows: Sequence[Row], protocol: str = "char_f1", **options: Any) -> ScoreReport:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return score_path(path, PROTOCOLS[protocol], **options)


def _row(number: int, said: object = "あい", expected: object = "あい", **more: Any) -> Row:
    return {"id": f"q{number}", "question": "？", "expected": expected, "prediction": said, **more}


def _code(tmp_path: Path, rows: Sequence[Row], protocol: str = "char_f1") -> str:
    with pytest.raises(WorkbenchError) as caught:
        _score(tmp_path, rows, protocol)
    return caught.value.code


def test_each_question_has_its_scores_and_the_file_their_mean(tmp_path: Path) -> None:
    report = _score(tmp_path, [_row(1), _row(2, "うえ"), _row(3, "あえ")])
    assert [item.scores for item in report.items] == [{"char_f1": 1.0}, {"char_f1": 0.0}, {"char_f1": 0.5}]
    assert report.metrics == {"char_f1": 0.5}
    assert report.summary.tasks["char_f1"].n == 3


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"prediction": ""}, "empty"),
        ({"prediction": " \u200b\u202e\n\ufeff"}, "empty"),
        ({"prediction": "<think>考え</think>\n"}, "empty"),
        ({"prediction": "<think>考えている途中"}, "truncated"),
        ({"finish_reason": "length"}, "truncated"),
        ({"state": "truncated"}, "truncated"),
        ({"state": "empty"}, "empty"),
        ({"state": "error"}, "error"),
        ({"error": "timeout"}, "error"),
        ({"error": {"code": 429, "message": "slow down"}}, "error"),
        ({"prediction": None}, "error"),
        ({"prediction": {"error": "x"}}, "error"),
        ({"prediction": ["あい"]}, "error"),
        ({"prediction": "あ" * 200_001}, "error"),
    ],
)
@pytest.mark.parametrize("protocol", ["char_f1", "seed001_raft", "jsquad"])
def test_nothing_is_scored_that_was_not_answered(
    tmp_path: Path, more: Row, state: str, protocol: str
) -> None:
    report = _score(tmp_path, [_row(1), {**_row(2), **more}], protocol)
    assert (report.items[1].state, report.items[1].scores) == (state, {})
    assert report.metrics[PROTOCOLS[protocol].primary] == 1.0


def test_a_line_that_calls_itself_cut_off_is_no_answer_in_any_protocol(tmp_path: Path) -> None:
    rows = [_row(1, "2", "2", finish_reason="length"), _row(2, "2", "2", state="truncated")]
    items = _score(tmp_path, rows, "jcq_llmjp").items
    assert [item.state for item in items] == ["answered", "truncated"]


def test_thinking_is_not_scored(tmp_path: Path) -> None:
    rows = [_row(1, "<think>0か1か</think>\n2", 2), _row(2, "0か1か</think>2", 2)]
    report = _score(tmp_path, rows, "jcq_chat")
    assert report.metrics == {"correct": 1.0, "parsed": 1.0}


def test_what_is_odd_is_counted_and_said(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"question": "甲", "expected": "あ", "prediction": "あ"},
        {"question": "甲", "expected": "あ", "prediction": "い"},
        {"id": "x", "expected": "あ"},
        {"id": "y", "expected": "あ", "prediction": "あ" * 200_001},
    ]
    report = _score(tmp_path, rows)
    told = {warning.code: warning.params["count"] for warning in report.warnings}
    assert told == {"answers_unnamed": 2, "prediction_missing": 1, "answer_too_long": 1}
    assert len({item.id for item in report.items}) == 4


@pytest.mark.parametrize(
    ("rows", "protocol", "code"),
    [
        ([_row(1), _row(1, "別の答え")], "char_f1", "answers_id_repeats"),
        ([{"id": "1", "prediction": "あ"}], "char_f1", "answers_no_expected"),
        ([_row(1, expected="")], "gsm8k", "answers_no_expected"),
        ([_row(1, expected="マザーボード")], "jcq_chat", "answers_expected_unreadable"),
        ([_row(1, expected="eighteen")], "gsm8k", "answers_expected_unreadable"),
        ([_row(1)], "choice", "answers_field_missing"),
        ([_row(1, state="finished")], "char_f1", "answers_field_bad"),
        ([_row(1, expected={"a": 1})], "char_f1", "answers_field_bad"),
        ([_row(1, documents=[1, 2])], "seed001_raft", "answers_field_bad"),
        ([_row(1, documents={"a": "b"})], "seed001_raft", "answers_field_bad"),
        ([_row(1, references="あ")], "char_f1", "answers_field_bad"),
        ([_row(1, published={"f1": "high"})], "char_f1", "answers_field_bad"),
        ([_row(1, key_facts=["re:(a+)+b"])], "free_qa", "answers_fact_bad"),
    ],
)
def test_a_line_that_cannot_be_scored_has_its_own_sentence(
    tmp_path: Path, rows: list[Row], protocol: str, code: str
) -> None:
    assert _code(tmp_path, rows, protocol) == code


def test_numbers_and_lists_are_taken_as_they_are_meant(tmp_path: Path) -> None:
    assert _score(tmp_path, [_row(1, 2, 2)], "jcq_chat").metrics["correct"] == 1.0
    several = _score(tmp_path, [_row(1, "雨季", ["梅雨", "雨季"]), _row(2, "夏", "冬", references=["夏"])])
    assert several.metrics == {"char_f1": 1.0}
    half = '{"id": "1", "expected": "\\ud800", "prediction": "\\ud800あ"}'
    (tmp_path / "b.jsonl").write_text(half, encoding="utf-8")
    assert score_path(tmp_path / "b.jsonl", PROTOCOLS["char_f1"]).items[0].state == "answered"


def test_markup_and_hidden_characters_are_text_like_any_other(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>![x](http://e/?q=1)\u202eあい\u200b=cmd()"
    report = _score(tmp_path, [_row(1, hostile, hostile)], out=tmp_path / "out")
    assert report.metrics == {"char_f1": 1.0}
    assert load_folder(tmp_path / "out").answers[0].prediction == hostile


def test_published_scores_stand_beside_ours(tmp_path: Path) -> None:
    row = _row(1, "あえ", published={"f1": 0.9, "refused": False}, cut=True)
    scores = _score(tmp_path, [row], "seed001_raft").items[0].scores
    assert scores == {"f1": 0.5, "refused": 0.0, "published_f1": 0.9, "published_refused": 0.0, "cut": 1.0}


def test_a_folder_holds_what_other_commands_read(tmp_path: Path) -> None:
    out = tmp_path / "run"
    report = _score(tmp_path, [_row(1, genre="税"), _row(2, "うえ")], out=out, task="faq")
    run = load_folder(out)
    assert [answer.task for answer in run.answers] == ["faq", "faq"]
    assert run.tasks["faq"].protocol == "char_f1@1"
    assert run.tasks == report.summary.tasks
    summary = RunMetrics.model_validate_json((out / "summary.json").read_text(encoding="utf-8"))
    assert summary == report.summary
    assert sorted(path.name for path in out.iterdir()) == ["answers.jsonl", "summary.json"]


def test_a_scored_folder_can_be_scored_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    rows = [_row(1, "2", "2", finish_reason="length"), _row(2, "", "2"), _row(3, "3", "2", error="x")]
    first = _score(tmp_path, rows, "jcq_llmjp", out=out)
    again = score_path(out, PROTOCOLS["jcq_llmjp"])
    assert [item.state for item in again.items] == ["answered", "empty", "error"]
    assert again.items == first.items


def test_raft_files_get_the_figures_of_an_evaluation(tmp_path: Path) -> None:
    more = {"question": "住民票の手数料はいくらですか。", "documents": list(DOCUMENTS)}
    rows = [
        _row(1, QUOTED, PLAIN, oracle_position=1, **more),
        _row(2, REFUSAL, PLAIN, **more),
        _row(3, REFUSAL, "", **more),
        _row(4, PLAIN, "", kind="unanswerable", **more),
    ]
    out = tmp_path / "raft"
    summary = _score(tmp_path, rows, "raft", out=out).summary
    assert (summary.over_refusal_rate, summary.correct_refusal_rate) == (0.5, 0.5)
    assert summary.verbatim_quote_rate == 0.5
    assert [answer.kind for answer in load_folder(out).answers][2:] == ["unanswerable"] * 2


def test_a_bad_line_leaves_no_half_written_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(WorkbenchError):
        _score(tmp_path, [_row(1), _row(1)], out=out)
    assert list(out.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(WorkbenchError) as caught:
        _score(tmp_path, [_row(1)], out=tmp_path / "file")
    assert caught.value.code == "out_not_writable"


def test_memory_does_not_grow_with_the_length_of_the_answers(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w", encoding="utf-8") as handle:
        for number in range(3000):
            row = _row(number, f"{number}", "1", documents=[str(number) * 2000])
            handle.write(json.dumps(row) + "\n")
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    score_path(path, PROTOCOLS["exact_match_ja"], out=tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_one_runaway_answer_of_100_megabytes_does_not_cost_the_others_theirs(tmp_path: Path) -> None:
    path = tmp_path / "runaway.jsonl"
    with path.open("w", encoding="utf-8") as handle:
        handle.write(json.dumps(_row(1, "a" * 100_000_000, "1")) + "\n")
        handle.write(json.dumps(_row(2, "2", "2")) + "\n")
    report = score_path(path, PROTOCOLS["exact_match_ja"])
    assert [(item.state, item.scores) for item in report.items] == [
        ("error", {}),
        ("answered", {"exact_match": 1.0}),
    ]


def test_an_unknown_protocol_names_the_known_ones() -> None:
    with pytest.raises(WorkbenchError) as caught:
        find_protocol("bleu")
    assert caught.value.code == "protocol_unknown"
    assert "jcq_chat" in str(caught.value.params["known"])


def test_a_line_may_say_where_its_documents_come_from(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _score(tmp_path, [_row(1, source="国税庁")], out=out)
    assert json.loads((out / "answers.jsonl").read_text(encoding="utf-8"))["source"] == "国税庁"
