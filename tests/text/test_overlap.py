from __future__ import annotations

import pytest

from workbench.text.overlap import chance_level, char_bigram_f1, char_f1, char_set_f1_seed001, rouge_l_char


def test_f1_counts_characters_as_often_as_they_occur() -> None:
    # 4 characters said, 2 wanted, 2 in common
    assert char_f1("ああいう", "ああ") == pytest.approx(2 * 2 / (4 + 2))
    assert char_f1("あいう", "あい") == pytest.approx(0.8)
    assert char_f1("ああああ", "あ") == pytest.approx(0.4)


def test_width_case_and_punctuation_do_not_matter() -> None:
    assert char_f1("ＡＢＣ１２、３。", "abc123") == 1.0


def test_empty_texts_have_a_score() -> None:
    assert char_f1("", "") == 1.0
    assert char_f1("", "あ") == 0.0
    assert char_f1("。", "あ") == 0.0


def test_the_articles_score_ignores_how_often_a_character_occurs() -> None:
    assert char_set_f1_seed001("ああああ", "あ") == 1.0
    assert char_set_f1_seed001("あいう。", "あい") == pytest.approx(0.8)


def test_chance_never_pairs_an_answer_with_its_own_reference() -> None:
    texts = [chr(0x3042 + index) for index in range(20)]
    assert chance_level(texts, texts, seed=3) == 0.0


def test_chance_of_equal_texts_is_their_own_score() -> None:
    assert chance_level(["あい"] * 5, ["あい"] * 5, seed=0) == 1.0


def test_there_is_no_chance_level_of_one_question() -> None:
    assert chance_level(["あ"], ["あ"], seed=0) is None
    assert chance_level([], [], seed=0) is None


def test_bigrams_know_the_order_of_characters() -> None:
    assert char_f1("あいう", "ういあ") == 1.0
    assert char_bigram_f1("あいう", "ういあ") == 0.0
    assert char_bigram_f1("あいう", "あいえ") == pytest.approx(0.5)


def test_a_single_character_is_compared_as_it_is() -> None:
    assert char_bigram_f1("あ", "あ。") == 1.0
    assert char_bigram_f1("あ", "い") == 0.0
    assert char_bigram_f1("", "") == 1.0


def test_rouge_l_counts_the_longest_common_subsequence() -> None:
    # あ, う and お in this order: 2 * 3 / (5 + 4)
    assert rouge_l_char("あいうえお", "あうかお") == pytest.approx(6 / 9)
    assert rouge_l_char("", "") == 1.0
    assert rouge_l_char("", "あ") == 0.0


def test_invisible_characters_change_no_score() -> None:
    hidden = "手\u200b数\u202e料は\ufeff300円"
    assert char_f1(hidden, "手数料は300円") == 1.0
    assert rouge_l_char(hidden, "手数料は300円") == 1.0
