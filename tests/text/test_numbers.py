from __future__ import annotations

from fractions import Fraction

import pytest

from workbench.text.numbers import (
    extract_boxed,
    extract_gsm8k_flexible,
    extract_gsm8k_strict,
    normalise_math,
    parse_number,
    same_math,
    same_number,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("She has 3 + 4 = 7.\n#### 7", "7"),
        ("#### 1,200", "1,200"),
        ("#### $18.00", "$18.00"),
        ("####-5", "-5"),
        ("#### **7**", "7"),
        ("#### 7\nQ: another one\n#### 9", "7"),
        ("#### Step one\nIt is 4", None),
        ("The answer is 7", None),
        ("", None),
    ],
)
def test_the_strict_answer_of_gsm8k_is_the_first_number_behind_the_mark(text: str, found: str | None) -> None:
    assert extract_gsm8k_strict(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so 10-3=7", "7"),
        ("In total: $1,234.50.", "$1,234.50"),
        ("答えは１８個です。", "18"),
        ("答えは3万5000円です", "35000"),
        ("約1.5万人", "15000"),
        ("It is 3/4 of it", "3/4"),
        ("about 1 1/2 cups", "1 1/2"),
        ("-5 degrees", "-5"),
        ("between 10-15", "15"),
        ("an area of 10 m²", "10"),
        ("3 kg of CO2 in 4 m^2", "4"),
        ("1,2,3", "3"),
        ("**18**", "18"),
        ("it rose by 50%", "50"),
        ("12\u202f000 people", "12000"),
        ("no number here", None),
    ],
)
def test_the_flexible_answer_is_the_last_number_of_the_text(text: str, found: str | None) -> None:
    assert extract_gsm8k_flexible(text) == found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("18", "18.00"),
        ("$1,200", "1200"),
        ("1/2", "0.5"),
        ("50%", "50"),
        ("１８", "18."),
        ("-5", "−5"),
        ("$-5", "-$5"),
    ],
)
def test_numbers_are_compared_as_numbers(first: str, second: str) -> None:
    assert same_number(first, second)


@pytest.mark.parametrize(
    ("first", "second"), [("18", "-18"), ("1/0", "1/0"), ("", ""), ("x", "x"), ("1.2.3", "1.2.3")]
)
def test_other_numbers_and_what_is_no_number_are_not_the_same(first: str, second: str) -> None:
    assert not same_number(first, second)


def test_numbers_are_exact() -> None:
    assert parse_number("0.1") == Fraction(1, 10)
    assert parse_number("2e3") == 2000
    assert not same_number("0.3333", "1/3")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"first \boxed{1}, then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ 1\right.}", r"\left\{ 1\right."),
        (r"$\boxed 5$", "5"),
        (r"\fbox{7}", "7"),
        (r"\boxed{1} and \boxed{2", None),
        ("nothing", None),
    ],
)
def test_the_last_box_counts_with_its_inner_braces(text: str, found: str | None) -> None:
    assert extract_boxed(text) == found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\frac12", "0.5"),
        (r"\dfrac{3}{4}", "3/4"),
        (r"-\frac{1}{2}", "-0.5"),
        (r"1\frac12", "1.5"),
        (r"$10\text{ cm}^2$", "10"),
        (r"5\mathrm{~cm}", "5"),
        (r"\text{east}", "east"),
        (r"\text{(A)}", "A"),
        (r"90^\circ", "90"),
        (r"50\%", "50"),
        ("x = 5", "5"),
        (r"x \in [1,2]", "[1, 2]"),
        (r"10{,}000", "10,000"),
        (r"2\sqrt3", r"2\sqrt{3}"),
        (r"(1, \frac{1}{2})", "(1,0.5)"),
        (r"\left(3,\frac{\pi}{2}\right)", r"(3, \frac{\pi}{2})"),
        ("1, -2", "-2,1"),
        (r"\{1,2\}", r"\{2,1\}"),
    ],
)
def test_formulas_that_mean_the_same_are_the_same(first: str, second: str) -> None:
    assert same_math(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("(1,2)", "(2,1)"), ("[1,2)", "[1,2]"), ("1,2", "1,2,3"), (r"\sqrt{2}", "2"), ("", ""), ("5", "")],
)
def test_formulas_that_mean_something_else_are_not(first: str, second: str) -> None:
    assert not same_math(first, second)


def test_line_breaks_of_a_matrix_stay() -> None:
    assert normalise_math(r"1 \\ 2") == r"1\\2"


@pytest.mark.parametrize("piece", ["1", "1,", "1万", r"\boxed{", "1/", "#### ", "(", r"\frac1", "1 1/"])
def test_a_huge_answer_is_read_and_is_no_number(piece: str) -> None:
    text = piece * 20_000
    extract_gsm8k_flexible(text)
    extract_boxed(text)
    assert parse_number(text) is None
    assert same_math(text, text + "x") is False
