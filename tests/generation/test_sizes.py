"""Suggested sizes fit the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generation.faqs import write_faq
from workbench.generation import load_faq, suggest_sizes
from workbench.generation.raft import build_raft
from workbench.schemas.generation import FaqSource, RaftConfig


@pytest.mark.parametrize(("rows", "group"), [(240, ""), (240, "市民課"), (60, "市民課"), (20, ""), (12, "")])
def test_what_is_suggested_can_be_made(tmp_path: Path, rows: int, group: str):
    source = FaqSource(path=str(write_faq(tmp_path / "faq.csv", rows, ["市民課", "税務課", "市民課"])))
    sizes = suggest_sizes(load_faq(source), group)
    made = build_raft(RaftConfig(source=source, group=group, **sizes.model_dump()), tmp_path / "out")
    assert made.listed == ()
    assert sizes.train > sizes.test > 0
    assert sizes.unanswerable > 0


def test_shares_are_the_usual_ones_and_bounded_by_the_usual_sizes(tmp_path: Path):
    source = FaqSource(path=str(write_faq(tmp_path / "faq.csv", 600)))
    sizes = suggest_sizes(load_faq(source))
    assert (sizes.test, sizes.unanswerable, sizes.unseen) == (90, 90, 0)
    assert 360 <= sizes.train <= 420
