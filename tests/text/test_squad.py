from __future__ import annotations

import pytest

from workbench.text.squad import norm_squad, squad_em, squad_f1


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("The Normans", "normans"),
        ("a  10th, and 11th centuries!", "10th and 11th centuries"),
        ("U.S.A.", "usa"),
        ("", ""),
        ("the", ""),
    ],
)
def test_case_punctuation_articles_and_spaces_do_not_count(said: str, wanted: str) -> None:
    assert squad_em(said, wanted) == 1.0
    assert squad_f1(said, wanted) == 1.0


def test_articles_go_only_as_whole_words() -> None:
    assert norm_squad("The theatre of an ant") == "theatre of ant"


def test_f1_counts_words_as_often_as_they_occur() -> None:
    # two of three words said, two of four wanted
    assert squad_f1("in the France Paris", "France Paris and Rome") == pytest.approx(2 * 2 / (3 + 4))
    assert squad_f1("no no no", "no") == pytest.approx(0.5)


def test_an_empty_side_scores_nothing() -> None:
    assert squad_f1("", "France") == 0.0
    assert squad_f1("France", "") == 0.0
