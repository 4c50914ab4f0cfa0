from __future__ import annotations

from workbench.text.matching import best_of, exact_match_ja, exact_match_nfkc
from workbench.text.overlap import char_f1


def test_the_best_reference_counts() -> None:
    assert best_of(char_f1, "雨季", ["梅雨", "雨季", "夏"]) == 1.0
    assert best_of(char_f1, "雨季", []) == 0.0


def test_width_case_and_punctuation_do_not_keep_answers_apart() -> None:
    assert exact_match_ja("ＮＨＫ（日本）。", "nhk 日本") == 1.0
    assert exact_match_ja("日本", "日本国") == 0.0


def test_nfkc_alone_keeps_case_and_punctuation() -> None:
    assert exact_match_nfkc("１２３", "123") == 1.0
    assert exact_match_nfkc("NHK", "nhk") == 0.0
    assert exact_match_nfkc("はい。", "はい") == 0.0
