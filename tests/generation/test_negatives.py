"""Distractors."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from tests.generation.faqs import make_rows
from workbench.generation.negatives import NegativeSampler, Pool, is_top_of_own_set, share_out
from workbench.text.bm25 import BigramIndex

ROWS = make_rows(100)
MIX = {"bm25": 0.5, "same_group": 0.25, "random": 0.25}
NONE = np.empty(0, dtype=np.int64)


def sampler(ratio_max: float = 0.95, has_groups: bool = True) -> NegativeSampler:
    return NegativeSampler(
        index=BigramIndex([row[1] for row in ROWS]),
        clusters=np.arange(100) // 2,
        groups=np.arange(100) % 4,
        mix=MIX,
        ratio_max=ratio_max,
        has_groups=has_groups,
    )


def pool(docs: range | list[int], spare: range | list[int] = ()) -> Pool:
    return Pool(np.array(docs, dtype=np.int64), np.array(spare, dtype=np.int64))


@pytest.mark.parametrize("oracle", [0, 17, 58, 99])
def test_distractors_are_different_from_each_other_and_from_the_oracles_cluster(oracle: int):
    for seed in range(20):
        drawn = sampler().draw(ROWS[oracle][0], oracle, 4, pool(range(100)), Random(seed))
        assert drawn is not None
        assert len(set(drawn.docs)) == 4
        assert not {doc // 2 for doc in drawn.docs} & {oracle // 2}
        assert drawn.max_ratio is not None
        assert drawn.max_ratio < 0.95


def test_kinds_are_what_they_say():
    drawn = sampler().draw(ROWS[5][0], 5, 4, pool(range(100)), Random(1))
    assert drawn is not None
    assert Counter(drawn.kinds) == {"bm25": 2, "same_group": 1, "random": 1}
    assert all(
        doc % 4 == 1 for doc, kind in zip(drawn.docs, drawn.kinds, strict=True) if kind == "same_group"
    )


def test_without_groups_no_distractor_claims_to_be_of_the_same_one():
    drawn = sampler(has_groups=False).draw(ROWS[5][0], 5, 4, pool(range(100)), Random(1))
    assert drawn is not None
    assert Counter(drawn.kinds) == {"bm25": 2, "random": 2}


def test_close_distractors_are_closer_than_random_ones():
    made = sampler()
    scores = {"bm25": [], "random": []}
    for seed in range(30):
        drawn = made.draw(ROWS[5][0], 5, 4, pool(range(100)), Random(seed))
        assert drawn is not None
        values = made.index.scores(ROWS[5][0])
        for doc, kind in zip(drawn.docs, drawn.kinds, strict=True):
            if kind in scores:
                scores[kind].append(float(values[doc]))
    assert np.mean(scores["bm25"]) > 1.5 * np.mean(scores["random"])


def test_the_other_sides_documents_are_used_only_where_the_pool_is_too_small():
    asked = (ROWS[0][0], 0, 4)
    assert set(sampler().draw(*asked, pool(range(50), range(50, 100)), Random(0)).docs) <= set(range(50))
    assert set(sampler().draw(*asked, pool([0, 2, 4], range(50, 100)), Random(0)).docs) <= {
        2,
        4,
        *range(50, 100),
    }
    assert sampler().draw(*asked, pool([0, 1, 2, 4]), Random(0)) is None


def test_an_oracle_unlike_its_question_still_gets_a_full_row():
    drawn = sampler().draw(ROWS[30][0], 31, 4, pool(range(100)), Random(0))
    assert drawn is not None
    assert len(drawn.docs) == 4


def test_shares_add_up_and_hold_on_average():
    rng = Random(0)
    drawn = [share_out(5, MIX, rng) for _ in range(400)]
    assert all(sum(one.values()) == 5 for one in drawn)
    assert 2.3 < np.mean([one["bm25"] for one in drawn]) < 2.7
    assert share_out(4, {"bm25": 1.0}, rng) == {"bm25": 4, "same_group": 0, "random": 0}


def test_the_own_set_knows_whether_words_alone_find_the_oracle():
    documents = ["図書館の休館日は月曜日です。", "体育館の使用料は300円です。", "まったく関係のない話。"]
    assert is_top_of_own_set("図書館の休館日はいつですか", documents, 0)
    assert not is_top_of_own_set("図書館の休館日はいつですか", documents, 2)
