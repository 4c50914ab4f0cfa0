from __future__ import annotations

import pytest

from workbench.evaluation.protocols import PROTOCOLS, Given

SOLUTION = "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\n#### 18"


@pytest.mark.parametrize(
    ("said", "correct", "strict"),
    [
        ("So she makes $18.", 1.0, 0.0),
        ("9 * 2 = 18\n#### 18", 1.0, 1.0),
        ("18.00 dollars", 1.0, 0.0),
        ("It is 19.", 0.0, 0.0),
        ("I do not know.", 0.0, 0.0),
    ],
)
def test_the_last_number_counts_and_the_strict_form_stands_beside_it(
    said: str, correct: float, strict: float
) -> None:
    for expected in (SOLUTION, "18"):
        scores = PROTOCOLS["gsm8k"].measure(Given(said, expected)).scores
        assert (scores["correct"], scores["strict"]) == (correct, strict)


def test_an_answer_without_a_number_is_unparsed() -> None:
    verdict = PROTOCOLS["gsm8k"].measure(Given("none", "18"))
    assert (verdict.scores["parsed"], verdict.rule) == (0.0, "unparsed")


def test_a_boxed_formula_is_compared_by_its_value() -> None:
    verdict = PROTOCOLS["math"].measure(Given(r"Thus $\boxed{\dfrac{1}{2}}$.", r"\boxed{\frac12}"))
    assert verdict.scores == {"correct": 1.0, "boxed": 1.0, "parsed": 1.0}
    assert PROTOCOLS["math"].measure(Given("So it is 0.5", "1/2")).rule == "last_number"
