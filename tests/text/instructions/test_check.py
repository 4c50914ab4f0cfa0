from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, StateError
from workbench.i18n import render_error
from workbench.text.instructions import check, check_instructions, language, prepare_instructions
from workbench.text.instructions.english_sentences import count_sentences

NO_COMMA, WORDS = "punctuation:no_comma", "length_constraints:number_words"


def test_a_blank_response_follows_nothing() -> None:
    for blank in ("", " \n\t"):
        assert check_instructions([NO_COMMA], [{}], blank) == ((False,), (False,))


def test_the_loose_verdict_forgives_an_opening_line_a_closing_line_and_asterisks() -> None:
    for response in ("Sure, here:\nfine", "fine\nWell, bye", "Sure, here:\nfine\nWell, bye"):
        assert check_instructions([NO_COMMA], [{}], response) == ((False,), (True,))
    bold = check_instructions(["startend:quotation"], [{}], '**"x"**')
    assert bold == ((False,), (True,))
    assert check_instructions([NO_COMMA], [{}], "a\nb, c\nd").loose == (False,)


def test_each_instruction_of_a_prompt_gets_its_own_verdict() -> None:
    words = {"num_words": 3, "relation": "at least"}
    found = check_instructions([NO_COMMA, WORDS], [{}, words], "one, two three")
    assert found.strict == (False, True)


def test_arguments_that_are_null_are_as_good_as_absent() -> None:
    given = {"num_words": 2.0, "relation": "less than", "keywords": None}
    assert check_instructions([WORDS], [given], "one").strict == (True,)


@pytest.mark.parametrize(
    ("ids", "kwargs", "code"),
    [
        ([], [], "ifeval_no_instructions"),
        ([NO_COMMA], [], "ifeval_lists_differ"),
        (["punctuation:no_full_stop"], [{}], "ifeval_instruction_unknown"),
        ([WORDS], [{"num_words": 3}], "ifeval_argument_missing"),
        ([NO_COMMA], [{"num_words": 3}], "ifeval_argument_unknown"),
        ([WORDS], [{"num_words": -1, "relation": "at least"}], "ifeval_argument_bad"),
        ([WORDS], [{"num_words": float("inf"), "relation": "at least"}], "ifeval_argument_bad"),
        ([WORDS], [{"num_words": float("nan"), "relation": "at least"}], "ifeval_argument_bad"),
        ([WORDS], [{"num_words": True, "relation": "at least"}], "ifeval_argument_bad"),
        ([WORDS], [{"num_words": 3, "relation": "at most"}], "ifeval_argument_bad"),
        (["keywords:existence"], [{"keywords": "river"}], "ifeval_argument_bad"),
        (["keywords:existence"], [{"keywords": ["(open"]}], "ifeval_argument_bad"),
        (["keywords:existence"], [{"keywords": ["(a+)+b"]}], "ifeval_argument_bad"),
        (["keywords:forbidden_words"], [{"forbidden_words": [r"(\w*)*"]}], "ifeval_argument_bad"),
        (["language:response_language"], [{"language": "klingon"}], "ifeval_argument_bad"),
        (
            ["length_constraints:nth_paragraph_first_word"],
            [{"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"}],
            "ifeval_argument_bad",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused_with_a_sentence(
    ids: list[str], kwargs: list[Any], code: str
) -> None:
    with pytest.raises(InputError) as caught:
        prepare_instructions(ids, kwargs)
    assert caught.value.code == code
    for lang in ("ja", "en"):
        shown = render_error(caught.value, lang)
        assert shown.message
        assert shown.hint


def test_keywords_are_regular_expressions_as_in_the_published_checker() -> None:
    def follows(keyword: str, text: str) -> bool:
        return check_instructions(["keywords:existence"], [{"keywords": [keyword]}], text).strict == (True,)

    assert follows("U.S", "the UXS")
    assert follows("colou?r", "COLOR")
    assert follows("C++", "C")
    assert follows("C++ code", "cc code")
    assert not follows(r"C\+\+", "C")
    assert follows("[name]", "an")


def test_without_langdetect_instructions_on_language_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "can_detect", lambda: False)
    with pytest.raises(StateError) as caught:
        prepare_instructions(["language:response_language"], [{"language": "ja"}])
    assert caught.value.code == "ifeval_langdetect_missing"
    assert len(prepare_instructions([NO_COMMA], [{}])) == 1


def test_a_text_without_letters_has_no_language_and_follows() -> None:
    assert language.detect_language("12345 !!!") is None
    assert check_instructions(["language:response_language"], [{"language": "ko"}], "12345").strict == (True,)


def test_the_language_of_a_text_is_the_same_every_time() -> None:
    mixed = "ja oui да"
    assert len({language.detect_language(mixed) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One. Two! Three?", 3),
        ("Dr. Smith met Mr. Brown. They talked.", 2),
        ("It rose by 3.5 percent in the U.S. market.", 1),
        ("Wait... what?", 1),
        ("no end mark", 1),
        ("日本語です。二つ目です。", 2),
        ('She said "No." Then she left.', 2),
    ],
)
def test_sentences_of_english_are_counted_by_our_own_rule(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize(
    "piece",
    [
        "*",
        "[",
        "<<",
        "\n",
        " ",
        "p. ",
        "'",
        ".",
        "******",
        "***",
        "a",
        "[]",
        "\u200f\ud800",
        "<b>",
        "- ",
        "日",
        "[[",
        '"',
        "1.",
    ],
)
def test_a_long_hostile_response_gets_verdicts_from_every_instruction(piece: str) -> None:
    arguments: dict[str, Any] = {
        "keywords": ["a|b"], "keyword": "C++", "frequency": 2, "relation": "at least", "forbidden_words": ["x"],
        "letter": "a", "let_frequency": 1, "let_relation": "less than", "language": "en", "num_sentences": 2,
        "num_paragraphs": 2, "num_words": 5, "nth_paragraph": 1, "first_word": "a", "num_placeholders": 2,
        "postscript_marker": "P.S.", "num_bullets": 2, "num_highlights": 2, "section_spliter": "Day",
        "num_sections": 2, "prompt_to_repeat": "a", "end_phrase": "a", "capital_frequency": 1,
        "capital_relation": "at least", "num_characters": 3, "max_characters": 9, "num_items": 2,
        "num_headings": 1, "brackets": "『』", "start_phrase": "a",
    }  # fmt: skip
    names = list(check.INSTRUCTIONS)
    kwargs = [{key: arguments[key] for key in check.INSTRUCTIONS[name].arguments} for name in names]
    text = (piece * 20_000)[:20_000] + "x"
    found = check_instructions(names, kwargs, text)
    assert len(found.strict) == len(found.loose) == len(names)
    assert all(loose for strict, loose in zip(*found, strict=True) if strict)


def test_json_that_is_too_deep_is_not_followed() -> None:
    assert check_instructions(["detectable_format:json_format"], [{}], "[" * 100_000).strict == (False,)


@pytest.mark.data
def test_all_541_published_prompts_can_be_checked(shared_data: Path) -> None:
    lines = (shared_data / "ifeval" / "input_data.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    checks = [prepare_instructions(row["instruction_id_list"], row["kwargs"]) for row in rows]
    assert len(checks) == 541
    assert sum(map(len, checks)) == 834
