"""The sentence that answers best."""

from __future__ import annotations

import pytest

from workbench.generation.extractive import QUOTE_MIN, pick_sentence
from workbench.text.bm25 import BigramIndex

CORPUS = BigramIndex(
    ["手続きについてはこちらです。", "お知らせします。", "申告が必要です。", "税金の控除です。"] * 3
)


def pick(question: str, document: str) -> str:
    chosen = pick_sentence(
        question, document, BigramIndex([document, "別の文書です。", "もう一つの文書です。"]).idf
    )
    assert chosen is not None
    assert chosen.quote in document
    assert not chosen.quote.endswith("。")
    return chosen.quote


@pytest.mark.parametrize(
    ("question", "document", "expected"),
    [
        (
            "年調ソフトの利用に費用はかかりますか。",
            "年調ソフトは国税庁が無償で提供します。なお、通信料はご利用になる方のご負担となります。",
            "年調ソフトは国税庁が無償で提供します",
        ),
        (
            "農地の譲渡は対象となりますか。",
            "照会の場合は対象として差し支えありません。\n【関係法令通達】 農地法第3条、農地の譲渡通達33-14",
            "照会の場合は対象として差し支えありません",
        ),
        (
            "事務所の登録で留意すべきことはありますか。",
            "【解説】\n税理士は会則を守る義務があります。"
            "したがって、事務所の登録では設置場所に留意する必要があります。\n"
            "【参考法令等】\n　法第39条\n　会則第66条",
            "したがって、事務所の登録では設置場所に留意する必要があります",
        ),
        (
            "窓口はどこですか。",
            "お問い合わせありがとうございます。窓口は市役所の2階です。",
            "窓口は市役所の2階です",
        ),
        (
            "商品券は課税ですか。",
            "1　商品券の発行は課税の対象となりません。",
            "商品券の発行は課税の対象となりません",
        ),
        (
            "履歴は確認できますか。",
            "登録年月日を確認できます。\n※住所の履歴はデータに含まれません。",
            "登録年月日を確認できます",
        ),
        ("できますか。", "はい。利用できます。", "はい。利用できます"),
    ],
)
def test_the_statement_is_quoted_word_for_word(question: str, document: str, expected: str):
    assert pick(question, document) == expected


def test_sources_are_quoted_only_where_nothing_else_is_there():
    assert pick("根拠は何ですか。", "【関係法令通達】\n所得税法第37条、所得税基本通達36-31の5").startswith(
        "所得税法第37条"
    )


@pytest.mark.parametrize("document", ["はい。", "「" + "あ" * 30, ""])
def test_where_nothing_can_be_quoted_there_is_no_pick(document: str):
    assert pick_sentence("何ですか。", document, CORPUS.idf) is None


def test_equal_sentences_go_to_the_first():
    text = "これは同じ長さの文です。"
    chosen = pick_sentence("質問", text + text, CORPUS.idf)
    assert chosen is not None
    assert len(chosen.quote) >= QUOTE_MIN
