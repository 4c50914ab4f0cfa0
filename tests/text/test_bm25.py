"""BM25 over character bigrams."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from workbench.text.bm25 import BigramIndex, bigrams, rank
from workbench.text.normalise import norm_ja

DOCS = [
    "粗大ごみの手数料は400円です。",
    "図書館の休館日は月曜日です。",
    "ごみごみした部屋。",
    "",
    "手数料の減免について。",
]


def plain_bm25(query: str, docs: list[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """The formula, written as it stands in the textbook."""
    counted = [Counter(zip(norm_ja(d), norm_ja(d)[1:], strict=False)) for d in docs]
    lengths = [sum(c.values()) for c in counted]
    mean = sum(lengths) / len(docs)
    wanted = set(zip(norm_ja(query), norm_ja(query)[1:], strict=False))
    scores = []
    for counts, length in zip(counted, lengths, strict=True):
        score = 0.0
        for term in wanted & counts.keys():
            df = sum(term in c for c in counted)
            idf = math.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
            score += idf * counts[term] * (k1 + 1) / (counts[term] + k1 * (1 - b + b * length / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    "query", ["粗大ごみの手数料はいくらですか", "図書館", "ごみ", "ない文字列xyz", "あ", ""]
)
def test_scores_follow_the_formula(query: str):
    assert BigramIndex(DOCS).scores(query).tolist() == pytest.approx(plain_bm25(query, DOCS), rel=1e-5)


def test_the_best_document_comes_first():
    hits = BigramIndex(DOCS).top("ごみの手数料", 3)
    assert hits[0].doc == 0
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_documents_without_a_common_bigram_are_not_found():
    assert BigramIndex(DOCS).top("xyz", 5) == []


def test_ties_keep_the_order_of_the_documents():
    assert rank(np.array([1, 2, 0, 2, 1], dtype=np.float32), 3).tolist() == [1, 3, 0]


@pytest.mark.parametrize("docs", [[], [""], ["", ""], ["あ"]])
def test_an_index_over_nothing_answers_nothing(docs: list[str]):
    index = BigramIndex(docs)
    assert index.scores("何か").tolist() == [0.0] * len(docs)
    assert index.idf("何か") == {}


def test_no_bigram_crosses_from_one_document_into_the_next():
    assert BigramIndex(["あい", "うえ"]).scores("いう").tolist() == [0.0, 0.0]


def test_rare_bigrams_weigh_more():
    weights = BigramIndex(DOCS).idf("粗大ごみ")
    assert weights["粗大"] > weights["ごみ"]
    assert bigrams("粗 大、ご") == {"粗大", "大ご"}
