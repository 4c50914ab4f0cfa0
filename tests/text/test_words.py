from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from workbench.text import words
from workbench.text.words import load_tokenizer, token_f1_ja


def test_words_are_counted_without_punctuation() -> None:
    def split(text: str) -> list[str]:
        return text.split(" ")

    # 手数料, は, 300 and 円 of five against four
    assert token_f1_ja("手数料 は 300 円 です 。", "手数料 は ３００ 円", split) == pytest.approx(8 / 9)
    assert token_f1_ja("。", "", split) == 1.0
    assert token_f1_ja("円", "", split) == 0.0


def test_without_the_extra_there_is_no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "find_spec", lambda name: None)
    assert load_tokenizer.__wrapped__() is None


def test_a_tokenizer_without_its_dictionary_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "find_spec", lambda name: name in ("sudachipy", "fugashi") or None)
    assert load_tokenizer.__wrapped__() is None


def test_fugashi_stands_in_for_sudachi(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("fugashi")
    library.Tagger = lambda: lambda text: [SimpleNamespace(surface=char) for char in text]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fugashi", library)
    monkeypatch.setattr(words, "find_spec", lambda name: name in ("fugashi", "unidic_lite") or None)
    tokenize = load_tokenizer.__wrapped__()
    assert tokenize is not None
    assert tokenize("手数") == ["手", "数"]
