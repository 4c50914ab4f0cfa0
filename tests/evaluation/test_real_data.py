"""The published results of the seed article (National Tax Agency FAQ), scored again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.evaluation.compare import Side, compare
from workbench.evaluation.items import filter_items
from workbench.evaluation.samples import load_file
from workbench.evaluation.score import score
from workbench.evaluation.summary import summarise
from workbench.schemas.chat import Sample
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.inference import ChatReply
from workbench.text.choices import extract_choice
from workbench.text.overlap import chance_level, char_f1, char_set_f1_seed001
from workbench.text.refusals import classify_seed001
from workbench.text.stats import mcnemar_exact

pytestmark = pytest.mark.data

CUT = 200
"""Published answers are cut at this many characters; the published F1 was computed on the whole."""


@pytest.fixture(scope="module")
def nta(shared_data: Path) -> Path:
    return shared_data / "nta_raft_ja"


@pytest.fixture(scope="module")
def samples(nta: Path) -> list[Sample]:
    return load_file(nta / "test.jsonl", "answerable")


@pytest.fixture(scope="module")
def published(nta: Path) -> dict[str, list[dict[str, Any]]]:
    loaded = json.loads((nta / "answers_first60.json").read_text(encoding="utf-8"))
    return {side: loaded[side]["results"] for side in ("baseline", "raft")}


@pytest.fixture(scope="module")
def scored(
    samples: list[Sample], published: dict[str, list[dict[str, Any]]]
) -> dict[str, list[ScoredAnswer]]:
    return {
        side: [
            score(sample, ChatReply(text=row["prediction"].strip()))
            for sample, row in zip(samples[:60], rows, strict=True)
        ]
        for side, rows in published.items()
    }


def test_the_articles_test_file_is_read_whole(samples: list[Sample]) -> None:
    assert len(samples) == 200
    assert {len(sample.documents) for sample in samples} == {5}
    assert len({sample.id for sample in samples}) == 200
    # one question occurs twice: ids come from the whole prompt
    assert len({sample.question for sample in samples}) == 199
    for sample in samples:
        assert sample.oracle_position is not None
        assert sample.documents[sample.oracle_position - 1].strip() == sample.target.strip()


@pytest.mark.parametrize(("side", "uncut"), [("baseline", 18), ("raft", 11)])
def test_the_articles_f1_is_reproduced_on_every_uncut_answer(
    samples: list[Sample], published: dict[str, list[dict[str, Any]]], side: str, uncut: int
) -> None:
    whole = [
        (sample, row)
        for sample, row in zip(samples, published[side], strict=False)
        if len(row["prediction"]) < CUT
    ]
    assert len(whole) == uncut
    for sample, row in whole:
        answer = score(sample, ChatReply(text=row["prediction"]))
        assert answer.scores["char_set_f1_seed001"] == pytest.approx(row["f1"], abs=1e-12)


def test_the_articles_refusals_are_reproduced_where_the_text_was_published(
    published: dict[str, list[dict[str, Any]]],
) -> None:
    for side, flagged in (("baseline", 14), ("raft", 1)):
        rows = published[side]
        assert sum(row["pred_unanswerable"] for row in rows) == flagged
        for row in rows:
            found = classify_seed001(row["prediction"]) == "refused"
            # what the rule finds in the cut text was found in the whole; uncut texts agree both ways
            assert row["pred_unanswerable"] or not found
            assert found == row["pred_unanswerable"] or len(row["prediction"]) >= CUT


def test_three_of_the_articles_refusals_have_content(scored: dict[str, list[ScoredAnswer]]) -> None:
    states = {side: [answer.state for answer in answers] for side, answers in scored.items()}
    assert (states["baseline"].count("refused"), states["baseline"].count("partial")) == (11, 3)
    assert (states["raft"].count("refused"), states["raft"].count("partial")) == (1, 0)


def test_most_closed_quotes_stand_in_the_documents(scored: dict[str, list[ScoredAnswer]]) -> None:
    for answers, least in ((scored["baseline"], 25), (scored["raft"], 55)):
        closed = [quote for answer in answers for quote in answer.quotes if quote.state != "unclosed"]
        right = [quote for quote in closed if quote.state in ("verbatim", "elided")]
        assert len(right) >= least
        assert len(right) / len(closed) > 0.85


def test_spans_point_at_the_quoted_words(scored: dict[str, list[ScoredAnswer]]) -> None:
    for answer in scored["raft"]:
        for quote in answer.quotes:
            if quote.state == "verbatim" and quote.span and quote.found_in:
                found = answer.documents[quote.found_in - 1][slice(*quote.span)]
                assert char_f1(found, quote.text) == 1.0


def test_unrelated_answers_score_a_third(samples: list[Sample]) -> None:
    targets = [sample.target for sample in samples]
    by_sets = chance_level(targets, targets, 0, char_set_f1_seed001)
    by_counts = chance_level(targets, targets, 0)
    assert by_sets == pytest.approx(0.386, abs=0.02)
    assert by_counts == pytest.approx(0.290, abs=0.02)


def test_fine_tuning_rescues_refusals_and_quotes_more(scored: dict[str, list[ScoredAnswer]]) -> None:
    found = compare(Side("a", scored["baseline"]), Side("b", scored["raft"]), draws=1000)
    changes = {change.metric: change for change in found.summary.changes}
    assert changes["over_refusal_rate"].verdict == "improved"
    assert changes["verbatim_quote_rate"].verdict == "improved"
    parts = found.summary.decomposition
    assert parts.total.value == sum(part.contribution for part in parts.parts)
    assert len(filter_items(found.items, "rescued")) == 10
    assert summarise(scored["raft"]).answered_f1_chance is not None


@pytest.mark.parametrize("side", ["baseline", "raft"])
def test_general_answers_are_read_as_the_article_read_them_or_not_at_all(nta: Path, side: str) -> None:
    rows = json.loads((nta / "jcq_first300.json").read_text(encoding="utf-8"))[side]
    read = [extract_choice(row["response"], [""] * 5).label for row in rows]
    differing = [
        (row["response"], label)
        for row, label in zip(rows, read, strict=True)
        if label is not None and label != str(row["pred"])
    ]
    assert differing == []
    unparsed = sum(label is None for label in read)
    assert unparsed <= 5


def test_the_published_totals_have_the_published_certainty() -> None:
    assert mcnemar_exact(44, 0) < 1e-12
    assert mcnemar_exact(19, 24) > 0.5
