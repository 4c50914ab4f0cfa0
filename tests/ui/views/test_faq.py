import json
from pathlib import Path

from workbench.generation import load_faq, preview_faq
from workbench.schemas.generation import FaqSource
from workbench.schemas.inference import Endpoint
from workbench.ui.views.faq import (
    read_samples,
    render_preview,
    render_result,
    render_samples,
    render_teacher,
)

USER = (
    "以下の参考文書を基に質問に答えてください。\n\n参考文書1:\n窓口は<b>9時</b>に開きます。\n\n"
    "参考文書2:\n別の話です。\n\n質問: 窓口は何時に開きますか。"
)


def faq_file(folder: Path) -> Path:
    path = folder / "faq.csv"
    rows = [f"質問{i}ですか。,これは{i}番目の答えの文章です。" for i in range(12)]
    rows += [
        "<script>alert(1)</script>ですか。,<img src=x onerror=alert(1)>という答えです。",
        "答えのない質問,",
    ]
    path.write_text("\n".join(["質問,回答", *rows]), encoding="utf-8")
    return path


def made_file(folder: Path) -> Path:
    path = folder / "train.jsonl"
    row = {
        "messages": [
            {"role": "user", "content": USER},
            {"role": "assistant", "content": "参考文書1に「窓口は<b>9時</b>に開きます」と記載されています。"},
        ],
        "metadata": {
            "question": "窓口は何時に開きますか。",
            "oracle_position": 1,
            "quote": "窓口は<b>9時</b>に開きます",
        },
    }
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def test_a_file_with_markup_is_shown_as_text(tmp_path: Path) -> None:
    path = faq_file(tmp_path)
    table = load_faq(FaqSource(path=str(path)))
    preview = preview_faq(path, first=20)
    html = render_preview(preview, table, "ja")
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_rows_that_cannot_be_used_are_listed_with_number_and_reason(tmp_path: Path) -> None:
    path = faq_file(tmp_path)
    html = render_preview(preview_faq(path), load_faq(FaqSource(path=str(path))), "ja")
    assert "14 行目" in html
    assert "14 行のうち 13 行が使えます" in html


def test_only_the_first_fifty_problems_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    rows = [f"質問{i}ですか。,これは{i}番目の答えの文章です。" for i in range(12)] + [
        f"空{i}," for i in range(80)
    ]
    path.write_text("\n".join(["質問,回答", *rows]), encoding="utf-8")
    html = render_preview(preview_faq(path), load_faq(FaqSource(path=str(path))), "ja")
    assert html.count("<li>") == 50
    assert "80" in html


def test_a_made_row_is_taken_apart_and_its_quote_is_marked_in_the_answering_document(tmp_path: Path) -> None:
    sample = read_samples(made_file(tmp_path))[0]
    assert sample.documents == ("窓口は<b>9時</b>に開きます。", "別の話です。")
    html = render_samples([sample], "ja")
    assert html.count("<mark") == 2
    assert "<b>9時</b>" not in html


def test_a_missing_file_gives_no_samples(tmp_path: Path) -> None:
    assert read_samples(tmp_path / "gone.jsonl") == []


def test_the_result_says_how_many_rows_were_made_and_why_others_were_not() -> None:
    result = {
        "requested": 100,
        "kept": 99,
        "listed": [{"row": 7, "reason": "quote_not_found", "set": "train"}],
        "difficulty": 0.97,
        "refusal_share": 0.4,
    }
    html = render_result(result, {"train": 60}, "ja")
    assert "100 件のうち 99 件できました" in html
    assert "易しめです" in html
    assert "7 行目" in html
    assert "40.0 %" in html
    assert "wb-warn" in html


def test_a_result_without_a_measured_difficulty_says_so() -> None:
    html = render_result({"requested": 1, "kept": 1}, {}, "ja")
    assert "測れませんでした" in html


def test_the_teacher_without_a_model_is_named_as_what_it_is() -> None:
    html = render_teacher(None, "ja")
    assert "抜き出し" in html
    assert "社内のみ" in html


def test_a_teacher_in_the_cloud_says_where_the_text_goes() -> None:
    endpoint = Endpoint(name="c", base_url="https://api.example.com/v1", model="m", locality="cloud")
    html = render_teacher(endpoint, "ja")
    assert "社外送信" in html
    assert "api.example.com" in html


def test_a_teacher_of_this_machine_sends_nothing_out() -> None:
    html = render_teacher(Endpoint(name="c", base_url="http://127.0.0.1:1/v1", model="m"), "ja")
    assert "社外送信あり" not in html
