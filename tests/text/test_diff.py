from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.text.diff import MODES, DiffMode, DiffSegment, diff, important_differences, tokenize

TEXT = st.text(alphabet="手数料は0123円です。ません、ア五一条第 \n", max_size=60)


def changed(segments: list[DiffSegment]) -> list[tuple[str, str]]:
    return [(segment.text_a, segment.text_b) for segment in segments if segment.op != "equal"]


def test_words_are_runs_of_one_kind_and_numbers_keep_their_units() -> None:
    assert tokenize("手数料は1,300円でアプリからPDF可。") == [
        "手数料", "は", "1,300円", "で", "アプリ", "から", "PDF", "可", "。",
    ]  # fmt: skip


def test_a_changed_amount_is_shown_whole_and_important() -> None:
    found = diff("手数料は300円です。", "手数料は500円です。")
    assert [segment.op for segment in found] == ["equal", "replace", "equal"]
    assert found[1] == DiffSegment("replace", "300円", "500円", True)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize(
    ("text_a", "text_b"),
    [
        ("控除の対象になります。", "控除の対象になりません。"),
        ("第五種事業に該当します。", "第一種事業に該当します。"),
        ("令和6年4月1日から使えます。", "令和6年5月1日から使えます。"),
        ("所得税法第73条によります。", "所得税法第73条の2によります。"),
        ("受付は9時からです。", "受付は10時からです。"),
        ("届け出が必要です。", "届け出が必要です。ただし3日以内です。"),
        ("お支払いは必要です。", "お支払いは不要です。"),
    ],
)
def test_one_character_that_turns_the_meaning_is_important_in_every_mode(
    mode: DiffMode, text_a: str, text_b: str
) -> None:
    assert any(segment.important for segment in diff(text_a, text_b, mode))


@pytest.mark.parametrize(
    ("text_a", "text_b"),
    [
        ("手数料は３００円です。", "手数料は、300円になります。"),
        ("第五種に当たります。", "第5種に該当します。"),
        ("申し込みは窓口でできます。", "お申し込みは、窓口で可能です。"),
        ("対象にはなりません。", "対象とはならない。"),
        ("三か月以内です。", "3ヶ月以内です。"),
    ],
)
def test_other_words_for_the_same_thing_are_not_important(text_a: str, text_b: str) -> None:
    assert important_differences(text_a, text_b) == []
    assert changed(diff(text_a, text_b)) != []


def test_a_figure_that_only_moved_is_not_important() -> None:
    text_a = "手数料は300円です。受付は平日の午前中に限ります。"
    text_b = "受付は平日の午前中に限ります。なお、手数料は300円です。"
    assert important_differences(text_a, text_b) == []


def test_islands_of_one_character_are_drawn_into_the_change() -> None:
    found = diff("窓口は東館です。", "受付は西館です。")
    assert changed(found)[0] == ("窓口は東館", "受付は西館")


def test_sentences_are_aligned_by_similarity() -> None:
    found = diff(
        "手数料は300円です。受付は平日です。駐車場があります。",
        "受付は平日の午前です。図書館は別館にあります。",
        "sentence",
    )
    assert ("受付は平日です。", "受付は平日の午前です。") in changed(found)


@given(TEXT, TEXT, st.sampled_from(list(MODES)))
def test_the_pieces_always_give_both_texts(text_a: str, text_b: str, mode: DiffMode) -> None:
    found = diff(text_a, text_b, mode)
    assert "".join(segment.text_a for segment in found) == text_a
    assert "".join(segment.text_b for segment in found) == text_b
    assert all(segment.text_a == segment.text_b for segment in found if segment.op == "equal")
    assert all(segment.op != "equal" or segment.text_a for segment in found)


@given(TEXT, st.sampled_from(list(MODES)))
def test_a_text_does_not_differ_from_itself(text: str, mode: DiffMode) -> None:
    assert changed(diff(text, text, mode)) == []
