from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.paths import assets_dir
from workbench.text.instructions import INSTRUCTIONS, check_instructions, prepare_instructions

TRUE_FALSE: list[tuple[str, dict[str, Any], str, str]] = [
    ("length:characters", {"num_characters": 5, "relation": "at least"}, "あい うえお", "あい　うえ"),
    ("length:sentences", {"num_sentences": 2, "relation": "at least"}, "晴れた。出かけた。", "晴れたので出かけた。"),
    ("length:sentence_characters", {"max_characters": 6}, "晴れた。出かけた。", "晴れたので出かけた。"),
    ("length:paragraphs", {"num_paragraphs": 2}, "一つ目\n続き\n\n\n二つ目", "一つ目\n二つ目"),
    ("keywords:existence", {"keywords": ["AI", "猫"]}, "ａｉと猫", "AIと犬"),
    ("keywords:frequency", {"keyword": "猫", "frequency": 2, "relation": "less than"}, "猫", "猫と猫"),
    ("keywords:forbidden_words", {"forbidden_words": ["犬"]}, "猫です", "子犬です"),
    ("format:bullets", {"num_bullets": 2}, "次のとおり\n・一\n- 二", "・一\n-二つ目ではない"),
    ("format:numbered_items", {"num_items": 2}, "1. 一\n２．二", "① 一\n第2 二"),
    ("format:headings", {"num_headings": 1}, "## 見出し\n本文", "#見出しではない"),
    ("format:json", {}, '```json\n{"a": 1}\n```', "a: 1"),
    ("format:title", {"brackets": "『』"}, "\n『題名』\n本文", "本文に『題名』"),
    ("format:title", {"brackets": "【】"}, "# 【題名】", "【 】"),
    ("startend:starts_with", {"start_phrase": "まず"}, " まず、始めます", "はじめに、まず"),
    ("startend:ends_with", {"end_phrase": "以上です。"}, "これで以上です。\n", "以上です"),
    ("startend:quotation", {}, "「はい」", "「はい」と言った"),
    ("punctuation:no_touten", {}, "雨でも行く。", "雨でも、行く。"),
    ("script:hiragana_only", {}, "そらーは 3かい、あおい！", "空はあおい"),
    ("script:katakana_only", {}, "ロボットー。ｶﾅ", "ロボットです"),
    ("script:no_kanji", {}, "ひらがなとカタカナ、。", "人々"),
    ("script:no_katakana", {}, "球を蹴る。らーめん", "ﾎﾞｰﾙを蹴る"),
    ("script:no_latin", {}, "漢字と１２３", "漢字とＡ"),
    ("style:polite", {}, "# 見出し\n晴れです。行きますか？「はい」と答えました。\n・項目", "晴れです。行く。"),
    ("style:plain", {}, "晴れた。行くのである。", "晴れた。行きます。"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "good", "bad"), TRUE_FALSE)
def test_each_japanese_instruction_is_followed_or_not(
    name: str, kwargs: dict[str, Any], good: str, bad: str
) -> None:
    assert check_instructions([f"ja:{name}"], [kwargs], good).strict == (True,)
    assert check_instructions([f"ja:{name}"], [kwargs], bad).strict == (False,)


def test_every_japanese_instruction_is_tested_and_labelled_as_ours() -> None:
    own = {name for name in INSTRUCTIONS if name.startswith("ja:")}
    assert own == {f"ja:{name}" for name, *_ in TRUE_FALSE}
    assert not any(INSTRUCTIONS[name].exact for name in own)


def test_the_japanese_prompts_can_all_be_checked_and_use_every_instruction() -> None:
    lines = (assets_dir() / "tasks" / "data" / "ifeval_ja.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        prepare_instructions(row["instruction_id_list"], row["kwargs"])
    used = {name for row in rows for name in row["instruction_id_list"]}
    assert used == {name for name in INSTRUCTIONS if name.startswith("ja:")}
    assert len({row["key"] for row in rows}) == len(rows) == 26
