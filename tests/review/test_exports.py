"""Every format, read back with the library that people will read it with, and with text that means harm."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.review.makers import figures, item, vote
from workbench.errors import InputError, StateError
from workbench.i18n import LANGUAGES, has_key
from workbench.review import tally
from workbench.review.exports import EXPORTS, ExportSource, GateNote, export
from workbench.review.exports.report import choose_examples
from workbench.review.exports.words import CELL_LIMIT
from workbench.schemas.chat import ChatMessage
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import PinnedNote, Vote

PAYLOAD = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>![i](http://evil.example/p.png)</style></textarea>"
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ODD = "\ud800 \x00\x07 \u202eRTL\u200b ﷽ 😀"
PROMPT = (
    ChatMessage(role="system", content="資料だけから答えてください。"),
    ChatMessage(role="user", content="質問です。"),
)


def source(items: list[ComparisonItem], votes: list[Vote], **values: Any) -> ExportSource:
    known: dict[str, Any] = {
        "figures": figures(len(items)),
        "prompts": {one.key: PROMPT for one in items},
        "moment": 1_700_000_000.0,
    }
    return ExportSource("c1", "税務の比較", items, votes, tally("c1", votes), **{**known, **values})


def rows(given: ExportSource, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(given, name).data.splitlines()]


@pytest.fixture
def reviewed() -> ExportSource:
    items = [item(f"s{index}") for index in range(6)]
    votes = [
        vote("s0", "finetuned", strength="clear", tags={"baseline": ("fact_error",)}, comment="金額が違う"),
        vote("s1", "baseline", correctness={"baseline": "right", "finetuned": "wrong"}),
        vote("s2", "both_bad", correction="正しくは無料です。"),
        vote("s3", "tie", correctness={"baseline": "partly", "finetuned": "right"}),
        vote("s4", "both_bad"),
        vote("s4", "finetuned", repeat=True),
    ]
    return source(items, votes)


def test_every_format_has_words_in_both_languages() -> None:
    keys = [f"review.export.{name}" for name in EXPORTS]
    assert [key for key in keys for lang in LANGUAGES if not has_key(key, lang)] == []


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_format_is_written_in_both_languages(reviewed: ExportSource, name: str, lang: Any) -> None:
    given = source(list(reviewed.items), list(reviewed.votes), lang=lang)
    made = export(given, name)
    assert made.data
    assert made.name.startswith("税務の比較.")
    if name in ("xlsx",):
        return
    text = made.data.decode("utf-8-sig")
    assert "review." not in re.sub(r"review\.[a-z]+\.html", "", text)


def test_an_unknown_format_is_refused_with_those_there_are(reviewed: ExportSource) -> None:
    with pytest.raises(InputError, match="export_unknown"):
        export(reviewed, "docx")


def test_pairs_come_from_decisive_verdicts_and_from_corrections(reviewed: ExportSource) -> None:
    made = rows(reviewed, "dpo")
    said = [
        (row["meta"]["sample_id"], row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in made
    ]
    assert said == [
        ("s0", "300円です。", "200円です。"),
        ("s1", "200円です。", "300円です。"),
        ("s2", "正しくは無料です。", "200円です。"),
        ("s2", "正しくは無料です。", "300円です。"),
    ]
    assert made[0]["prompt"] == [one.model_dump() for one in PROMPT]
    meta = made[0]["meta"]
    assert meta["tags"] == {"baseline": ["fact_error"], "finetuned": []}
    assert meta["models"] == {"baseline": "base", "finetuned": "tuned"}
    assert (meta["verdict"], meta["strength"], meta["reviewer"]) == ("finetuned", "clear", "佐藤")
    assert meta["prompt_as_asked"] is True


def test_split_verdicts_give_no_pair_until_somebody_settles_them() -> None:
    votes = [vote("s0", "finetuned", "a"), vote("s0", "baseline", "b")]
    with pytest.raises(StateError, match="export_no_rows_dpo"):
        export(source([item("s0")], votes), "dpo")
    votes.append(vote("s0", "baseline", "c", adjudication=True))
    assert [row["chosen"][0]["content"] for row in rows(source([item("s0")], votes), "dpo")] == [
        "200円です。"
    ]


@pytest.mark.parametrize(
    ("side", "state", "text", "pairs"),
    [
        ("finetuned", "truncated", "途中で", 0),
        ("baseline", "truncated", "途中で", 1),
        ("baseline", "empty", "", 0),
        ("baseline", "error", "", 0),
        ("baseline", "answered", "300円です。 ", 0),
    ],
)
def test_spoiled_answers_are_no_examples(side: str, state: Any, text: str, pairs: int) -> None:
    texts = {"before": text} if side == "baseline" else {"after": text}
    one = item("s0", **texts, **{side: {"state": state}})  # type: ignore[arg-type]
    given = source([one, item("s1")], [vote("s0"), vote("s1")])
    assert len(rows(given, "dpo")) == pairs + 1


def test_labels_come_from_right_and_wrong_marks(reviewed: ExportSource) -> None:
    made = rows(reviewed, "kto")
    assert [(row["completion"][0]["content"], row["label"]) for row in made] == [
        ("200円です。", True),
        ("300円です。", False),
        ("300円です。", True),
    ]


def test_reviewers_who_differ_label_nothing() -> None:
    votes = [
        vote("s0", "tie", "a", correctness={"baseline": "right"}),
        vote("s0", "tie", "b", correctness={"baseline": "wrong"}),
    ]
    with pytest.raises(StateError, match="export_no_rows_kto"):
        export(source([item("s0")], votes), "kto")


def test_corrections_become_conversations_and_mark_their_questions(reviewed: ExportSource) -> None:
    made = export(reviewed, "sft")
    [row] = rows(reviewed, "sft")
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][-1]["content"] == "正しくは無料です。"
    assert [(one.sample_id, one.format) for one in made.questions] == [("s2", "sft")]
    assert (made.rows, made.rebuilt) == (1, 0)


def test_a_prompt_that_is_not_kept_is_rebuilt_and_says_so(reviewed: ExportSource) -> None:
    given = source(list(reviewed.items), list(reviewed.votes), prompts={})
    made = export(given, "dpo")
    assert made.rebuilt == made.rows == 4
    first = json.loads(made.data.splitlines()[0])
    assert first["meta"]["prompt_as_asked"] is False
    [turn] = first["prompt"]
    assert turn["role"] == "user"
    assert reviewed.items[0].documents[0] in turn["content"]
    assert turn["content"].endswith(reviewed.items[0].question)


@pytest.mark.parametrize("name", ["dpo", "kto", "sft"])
def test_trl_and_datasets_take_the_training_files(reviewed: ExportSource, name: str, tmp_path: Path) -> None:
    import datasets
    from trl.data_utils import is_conversational, maybe_apply_chat_template

    odd = item("odd", f"前 {ODD}", f"後 {ODD}", sides={"question": ODD})
    said = vote(
        "odd",
        "finetuned",
        correction=f"直し {ODD}",
        correctness={"baseline": "wrong"},
        tags={"baseline": (ODD,)},
    )
    given = source([*reviewed.items, odd], [*reviewed.votes, said], prompts={})
    path = tmp_path / "rows.jsonl"
    path.write_bytes(export(given, name).data)
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == export(given, name).rows
    wanted = {
        "dpo": {"prompt", "chosen", "rejected"},
        "kto": {"prompt", "completion", "label"},
        "sft": {"messages"},
    }
    assert wanted[name] <= set(loaded.column_names)
    for row in loaded:
        assert is_conversational(row)
        keys = {key: value for key, value in row.items() if key != "meta"}
        assert maybe_apply_chat_template(keys, _Template())
    if name == "kto":
        assert {row["label"] for row in loaded} == {True, False}


class _Template:
    """As much of a tokenizer as TRL needs to lay out a conversation."""

    chat_template = "plain"

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in messages)


def test_the_trainer_reads_the_corrected_answers(reviewed: ExportSource, tmp_path: Path) -> None:
    from workbench.training.rows import TrainingRow, iter_rows

    path = tmp_path / "rows.jsonl"
    path.write_bytes(export(reviewed, "sft").data)
    [row] = iter_rows(path)
    assert isinstance(row, TrainingRow)
    assert row.text.endswith("正しくは無料です。")


def test_the_workbook_is_read_back_with_its_looks(reviewed: ExportSource) -> None:
    book = openpyxl.load_workbook(io.BytesIO(export(reviewed, "xlsx").data))
    assert book.sheetnames == ["問題", "判定", "集計"]
    sheet = book["問題"]
    assert (sheet.max_row, sheet.freeze_panes) == (7, "D2")
    assert sheet.auto_filter.ref == "A1:Q7"
    head = [cell.value for cell in sheet[1]]
    assert head[:3] == ["問題 ID", "種類", "質問"]
    cells = dict(zip(head, sheet[2], strict=True))
    assert cells["判定"].value == "学習後が良い"
    assert cells["判定"].fill.fgColor.rgb == "00DDF2E3"
    assert cells["質問"].alignment.wrap_text
    assert cells["点数の変化"].value == pytest.approx(0.1)
    assert len(list(book["判定"].rows)) == 7


@pytest.mark.parametrize("start", [*FORMULAS, " =", "\u3000＝"])
def test_no_cell_is_a_formula(start: str) -> None:
    bad = f'{start}cmd|"/c calc"!A1'
    given = source(
        [item(bad, bad, f"{bad}2", sides={"question": bad})], [vote(bad, comment=bad, reviewer="=A1")]
    )
    read = list(csv.reader(io.StringIO(export(given, "csv").data.decode("utf-8-sig"))))
    cells = [cell for row in read[1:] for cell in row if "calc" in cell or "A1" in cell]
    assert len(cells) >= 5
    assert all(cell.startswith("'") for cell in cells)
    book = openpyxl.load_workbook(io.BytesIO(export(given, "xlsx").data))
    for sheet in book:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" for cell in row)
            assert all(cell.quotePrefix for cell in row if str(cell.value).startswith("=") and cell.row > 1)


def test_the_csv_file_opens_in_excel_in_japan(reviewed: ExportSource) -> None:
    data = export(reviewed, "csv").data
    assert data.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    # five votes, a repeat, and a question without a vote
    assert len(read) == 7
    assert read[0]["学習前の答えの理由" if "学習前の答えの理由" in read[0] else "学習前の理由"] == "事実誤り"
    assert [row["判定の種類"] for row in read].count("確認のくり返し") == 1


def test_votes_are_saved_whole(reviewed: ExportSource) -> None:
    made = [Vote.model_validate_json(line) for line in export(reviewed, "votes").data.splitlines()]
    assert made == list(reviewed.votes)
    with pytest.raises(StateError, match="no_votes"):
        export(source([item("s0")], []), "votes")


def test_llm_comparator_finds_the_keys_it_documents(reviewed: ExportSource) -> None:
    document = json.loads(export(reviewed, "llm-comparator").data)
    assert set(document) == {"metadata", "models", "examples"}
    assert set(document["metadata"]) == {"source_path", "custom_fields_schema"}
    assert document["models"] == [{"name": "tuned"}, {"name": "base"}]
    names = {field["name"] for field in document["metadata"]["custom_fields_schema"]}
    for example in document["examples"]:
        assert {
            "input_text",
            "tags",
            "output_text_a",
            "output_text_b",
            "score",
            "individual_rater_scores",
            "custom_fields",
        } <= set(example)
        assert set(example["custom_fields"]) == names
        assert example["score"] is None or -1.5 <= example["score"] <= 1.5
    first, second, *_, last = document["examples"]
    assert (first["score"], second["score"], last["score"]) == (1.5, -1.0, None)
    assert first["output_text_a"] == "300円です。"
    [rating] = first["individual_rater_scores"]
    assert rating["is_flipped"] is True
    assert "事実誤り" in rating["rationale"]


class _Strict(HTMLParser):
    """Collects every element with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", ["html", "report"])
def test_pages_run_and_load_nothing_whatever_they_say(name: str) -> None:
    one = item(
        PAYLOAD,
        f"前 {PAYLOAD}",
        f"後 {PAYLOAD} {ODD}",
        sides={"question": PAYLOAD, "documents": (PAYLOAD,), "target": PAYLOAD},
    )
    said = vote(
        PAYLOAD,
        reviewer=PAYLOAD[:80],
        comment=PAYLOAD,
        correction=PAYLOAD,
        tags={"baseline": (PAYLOAD,)},
        notes=(PinnedNote(side="baseline", start=0, end=9, text=PAYLOAD),),
        strength="clear",
    )
    given = source([one], [said], gate=GateNote("fail", (PAYLOAD,)))
    page = export(given, name).data.decode("utf-8")
    read = _Strict()
    read.feed(page)
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "img", "iframe", "link", "object", "form", "textarea", "a", "svg"}
    assert not [
        key for _, attributes in read.elements for key in attributes if key.startswith("on") or key == "src"
    ]
    assert "default-src 'none'" in page
    assert page.count("<style>") == 1
    assert "&lt;script&gt;" in page
    assert "\x00" not in page


def test_answers_of_a_hundred_megabytes_are_cut_and_say_so() -> None:
    huge = "あ" * 100_000_000
    given = source([item("s0", huge, "短い")], [vote("s0")])
    book = openpyxl.load_workbook(io.BytesIO(export(given, "xlsx").data))
    cell = book["問題"]["E2"].value
    assert CELL_LIMIT < len(cell) < 32_767
    assert "100,000,000" in cell
    assert len(export(given, "html").data) < 200_000
    assert len(export(given, "report").data) < 100_000


def test_the_report_tells_rate_interval_examples_and_gate(reviewed: ExportSource) -> None:
    items = [item(f"s{index}", delta=0.5) for index in range(40)]
    votes = [vote(f"s{index}", "finetuned" if index < 28 else "baseline") for index in range(40)]
    gate = GateNote("inconclusive", ("判定があと 12 件必要です。",))
    page = export(source(items, votes, gate=gate), "report").data.decode("utf-8")
    assert "判定保留" in page
    assert "判定があと 12 件必要です。" in page
    assert "40 問のうち、28 問（70 %）" in page
    assert "55 % から 82 %" in page
    assert "偶然では説明しにくい差です。学習後の答え" in page
    assert "20 % から 5 % に下がりました" in page
    assert page.count('class="example"') == 6


def test_the_report_tells_the_change_by_where_the_documents_come_from() -> None:
    items = [
        item(f"s{n}", delta=-0.2 if n else 0.4, sides={"source": "国税庁" if n else "厚労省"})
        for n in range(3)
    ]
    page = export(source(items, []), "report").data.decode("utf-8")
    assert "国税庁 −0.20（2 問）、厚労省 +0.40（1 問）" in page


def test_the_report_without_votes_says_that_nobody_judged() -> None:
    page = export(source([item("s0")], []), "report").data.decode("utf-8")
    assert "勝率は出せません" in page
    assert "人の判定なし" in page


def test_examples_prefer_clear_verdicts_with_reasons() -> None:
    items = [item(f"s{index}", delta=index / 10) for index in range(8)]
    votes = [
        vote("s1", "finetuned"),
        vote("s2", "finetuned", strength="clear"),
        vote("s3", "finetuned", strength="clear", comment="根拠が明確"),
        vote("s4", "baseline"),
        vote("s5", "tie"),
    ]
    given = source(items, votes)
    assert [one.item.id for one in choose_examples(given, "finetuned")] == ["s3", "s2", "s1"]
    assert [one.item.id for one in choose_examples(given, "baseline")] == ["s4"]


@pytest.fixture(scope="module")
def large() -> ExportSource:
    items = [item(f"s{index}") for index in range(10_000)]
    said: dict[str, Any] = {"correctness": {"baseline": "wrong"}, "correction": "直した答え"}
    votes = [vote(f"s{index}", "both_bad", **said) for index in range(0, 10_000, 10)]
    return source(items, votes)


@pytest.mark.parametrize("name", EXPORTS)
def test_ten_thousand_questions_are_saved(large: ExportSource, name: str) -> None:
    made = export(large, name)
    assert made.data
    if made.questions:
        assert len(made.questions) == 1000
