from __future__ import annotations

import pytest

from workbench.text.specifics import find_specifics, find_unsupported, kanji_to_number, values


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("第73条の2第1項", "article", "第73条の2"),
        ("第五種事業", "article", "第5種"),
        ("令和６年４月１日", "date", "令和6年4月1日"),
        ("2024年4月", "date", "2024年4月"),
        ("12月31日", "date", "12月31日"),
        ("午後5時30分", "date", "午後5時30分"),
        ("1億2,000万円", "money", "1億2000万円"),
        ("三万円", "money", "3万円"),
        ("三万五千円", "money", "3万5000円"),
        ("2.5％", "number", "2.5%"),
        ("三十五人", "number", "35人"),
        ("3か月", "number", "3か月"),
        ("3ヶ月", "number", "3か月"),
    ],
)
def test_an_expression_is_found_whole_and_normalised(text: str, kind: str, value: str) -> None:
    found = find_specifics(text)[0]
    assert (found.kind, found.value) == (kind, value)
    assert found.start == 0


@pytest.mark.parametrize(
    "text", ["十分な説明", "一部の方", "参考文書3によると", "必ずご確認ください", "少ないです"]
)
def test_parts_of_other_words_are_no_figures_and_no_negation(text: str) -> None:
    assert find_specifics(text) == []


def test_must_is_not_a_negation() -> None:
    assert values(find_specifics("届け出なければなりません。")) == ["negation:must"]
    assert values(find_specifics("届け出る必要はありません。")) == ["negation:not"]


def test_kanji_numerals_have_values() -> None:
    assert [kanji_to_number(text) for text in ("五", "十", "三十五", "千二百", "二〇二四")] == [
        5,
        10,
        35,
        1200,
        2024,
    ]


def test_figures_that_no_source_holds_are_unsupported() -> None:
    sources = ["手数料は300円で、第５種に当たる。", "何日かかりますか。"]
    found = find_unsupported("第五種なので300円ですが、30円の割引と3日の待ち時間があります。", sources)
    assert [item.value for item in found] == ["30円", "3日"]


def test_a_figure_inside_a_longer_one_is_not_supported_by_it() -> None:
    assert [item.value for item in find_unsupported("手数料は5%です。", ["手数料は1.5%です。"])] == ["5%"]
    assert find_unsupported("手数料は5%です。", ["1.5%のものと、5%のものがあります。"]) == []
    assert find_unsupported("手数料はかかりません。", []) == []


def test_a_time_may_begin_with_a_space() -> None:
    assert [item.value for item in find_specifics("朝　9時に")] == ["9時"]


def test_a_run_of_a_thousand_digits_is_one_number_and_does_not_hang() -> None:
    from workbench.text.specifics import find_specifics

    found = find_specifics("手数料は" + "8" * 1000 + " " * 300 + "8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8です")
    assert len(found[0].value) == 1000
