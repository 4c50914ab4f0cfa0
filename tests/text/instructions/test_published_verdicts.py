"""Our own responses with the verdicts that IFEval's published checker gave on them (langdetect seeded with 0)."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from workbench.text.instructions import INSTRUCTIONS, check_instructions
from workbench.text.instructions.registry import PUBLISHED

CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]


def test_the_cases_hold_both_verdicts_of_all_25_types() -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for case in CASES:
        seen[case["id"]] |= {case["strict"], case["loose"]}
    assert seen.keys() == PUBLISHED.keys()
    assert len(seen) == 25
    assert all(verdicts == {True, False} for verdicts in seen.values())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_verdicts_are_the_published_ones(name: str) -> None:
    for case in CASES:
        if case["id"] == name:
            found = check_instructions([name], [case["kwargs"]], case["response"])
            assert (found.strict, found.loose) == ((case["strict"],), (case["loose"],)), case


def test_only_sentences_are_marked_as_not_exact() -> None:
    assert [name for name in PUBLISHED if not INSTRUCTIONS[name].exact] == [
        "length_constraints:number_sentences"
    ]
