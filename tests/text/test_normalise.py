"""Normalisation and thinking parts."""

from __future__ import annotations

import unicodedata

import pytest

from workbench.text.normalise import (
    map_norm_ja,
    map_norm_spaceless,
    norm_ja,
    norm_light,
    norm_spaceless,
    strip_think,
)


def test_light_normalisation_folds_width_and_spaces_only():
    assert norm_light("　ＡＢＣ　 です。\n次 ") == "ABC です。 次"


def test_japanese_normalisation_drops_punctuation_and_keeps_digits_and_the_long_vowel_mark():
    assert norm_ja("「データー」は、１０％ です！ Ａ-b🙂") == "データーは10ですab"


@pytest.mark.parametrize(
    "text", ["ｶﾞｷﾞ", "か\u3099", "㈱①Å", "ΑΣ ΟΔΟΣ", "각", "𠮷野家。", "", "\ud800あ", "①②\u200b"]
)
def test_the_fast_look_up_gives_what_unicode_gives(text: str):
    plain = unicodedata.normalize("NFKC", text).lower()
    kept = [c for c in plain if not c.isspace() and unicodedata.category(c)[0] not in "PSZC"]
    assert norm_ja(text) == "".join(kept)
    # long texts are looked up in another way
    assert norm_ja(text + "。" * 200) == "".join(kept)


def test_offsets_lead_back_to_the_source():
    source = "ｶﾞｽ 「代」"
    mapped = map_norm_ja(source)
    assert mapped.text == "ガス代"
    assert [source[at] for at in mapped.offsets] == ["ｶ", "ｽ", "代"]


@pytest.mark.parametrize("source", ["「Ａ」と b。", "𠮷野家 Ａ", "\ud800あ", "㎡ Ａ", ""])
def test_offsets_are_the_same_whether_or_not_a_look_up_is_enough(source: str):
    mapped = map_norm_ja(source)
    assert mapped.text == norm_ja(source)
    assert "".join(norm_ja(source[at]) for at in dict.fromkeys(mapped.offsets)) == mapped.text


def test_spaceless_normalisation_keeps_punctuation():
    assert norm_spaceless("Ａ 、\nＢ。") == map_norm_spaceless("Ａ 、\nＢ。").text == "A、B。"


@pytest.mark.parametrize(
    ("given", "text", "reasoning", "truncated"),
    [
        ("<think>考え</think>答え", "答え", "考え", False),
        ("<THINK>a</THINK>b<think>c</think>d", "bd", "a\nc", False),
        ("考え</think>途中</think> 答え", "答え", "考え</think>途中", False),
        ("<think>終わらない", "", "終わらない", True),
        ("答え<think>また", "", "また", True),
        ("ただの答え ", "ただの答え", "", False),
    ],
)
def test_thinking_is_taken_out(given: str, text: str, reasoning: str, truncated: bool):
    assert strip_think(given) == (text, reasoning, truncated)
