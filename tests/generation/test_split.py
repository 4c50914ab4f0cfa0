"""The split, before everything else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from workbench.generation.split import SplitRequest, share_rows, split_rows

SIZES = {"test": 10, "unanswerable": 8, "unseen": 12, "extra_unanswerable": 5, "train": 40, "valid": 2}


def request(rows: int = 150, target: str = "t", seed: int = 1, **sizes: int) -> SplitRequest:
    groups = ["t" if at % 3 else f"o{at % 4}" for at in range(rows)]
    clusters = np.array([at - at % 2 if at < 40 else at for at in range(rows)])
    return SplitRequest(groups, clusters, {**SIZES, **sizes}, target, seed)


@pytest.mark.parametrize("target", ["t", ""])
def test_sets_have_the_sizes_asked_for_and_share_no_row(target: str):
    sets = split_rows(request(target=target, unseen=12 if target else 0)).sets
    assert {name: len(rows) for name, rows in sets.items()} == {**SIZES, "unseen": 12 if target else 0}
    members = [row for rows in sets.values() for row in rows]
    assert len(members) == len(set(members))


@pytest.mark.parametrize("seed", range(5))
def test_no_cluster_has_rows_on_both_sides(seed: int):
    asked = request(seed=seed)
    split = split_rows(asked)
    train, test = ({int(asked.clusters[row]) for row in pool} for pool in (split.train_pool, split.test_pool))
    assert not train & test
    for name, rows in split.sets.items():
        side = split.train_pool if name in ("train", "valid", "extra_unanswerable") else split.test_pool
        assert set(rows) <= set(side)


def test_a_test_set_takes_one_row_of_a_cluster():
    asked = request(test=30)
    rows = split_rows(asked).sets["test"]
    assert max(Counter(int(asked.clusters[row]) for row in rows).values()) == 1


def test_unseen_rows_come_from_the_other_groups_in_proportion():
    asked = request(rows=600, unseen=40)
    rows = split_rows(asked).sets["unseen"]
    counts = Counter(asked.groups[row] for row in rows)
    assert "t" not in counts
    assert all(8 <= count <= 12 for count in counts.values())


def test_all_documents_of_other_groups_stand_on_the_test_side():
    asked = request()
    pool = set(split_rows(asked).test_pool)
    assert {row for row in range(150) if asked.groups[row] != "t" and row >= 40} <= pool


def test_training_rows_are_what_runs_out_first():
    sets = split_rows(request(train=500, valid=25)).sets
    assert [len(sets[name]) for name in ("test", "unanswerable", "unseen")] == [10, 8, 12]
    assert 40 < len(sets["train"]) < 100
    assert len(sets["valid"]) >= 2


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    assert split_rows(request(seed=3)) == split_rows(request(seed=3))
    assert split_rows(request(seed=3)).sets["train"] != split_rows(request(seed=4)).sets["train"]


@pytest.mark.parametrize(
    ("available", "expected"),
    [(200, (100, 10)), (104, (100, 4)), (100, (100, 0)), (55, (50, 5)), (0, (0, 0))],
)
def test_training_comes_before_validation_and_both_shrink_alike(available: int, expected: tuple[int, int]):
    assert share_rows(available, 100, 10) == expected
