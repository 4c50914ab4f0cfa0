"""Clusters of nearly equal texts."""

from __future__ import annotations

from random import Random

import numpy as np

from workbench.generation.neardup import cluster_texts, merge_clusters, similarity


def long_text(seed: int, length: int = 300) -> str:
    rng = Random(seed)
    return "".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(length))


def test_texts_that_differ_in_a_number_are_one_cluster_and_others_are_alone():
    base = long_text(1)
    clusters = cluster_texts([base, long_text(2), base[:150] + "７" + base[151:], long_text(3)])
    assert clusters.tolist() == [0, 1, 0, 3]


def test_width_and_punctuation_make_no_difference():
    assert cluster_texts(["ＡＢＣ、です。", "abcです"]).tolist() == [0, 0]


def test_every_pair_above_the_threshold_is_found_among_many():
    texts = [long_text(seed) for seed in range(400)]
    copies = [text[:-20] + long_text(1000 + at, 20) for at, text in enumerate(texts[:100])]
    clusters = cluster_texts([*texts, *copies])
    assert all(similarity(texts[at], copies[at]) > 0.7 for at in range(100))
    missed = [at for at in range(100) if clusters[400 + at] != clusters[at]]
    assert missed == []
    assert len(set(clusters.tolist())) == 400


def test_pairs_below_the_threshold_stay_apart():
    text = long_text(1)
    other = text[:200] + long_text(2, 100)
    assert similarity(text, other) < 0.7
    assert cluster_texts([text, other]).tolist() == [0, 1]


def test_similarity_reaches_through_a_chain():
    first = long_text(1, 400)
    second = first[:-40] + long_text(2, 40)
    third = long_text(3, 40) + second[40:]
    assert similarity(first, third) < 0.7
    assert cluster_texts([first, second, third]).tolist() == [0, 0, 0]


def test_empty_input_gives_no_clusters_and_short_texts_are_compared_whole():
    assert cluster_texts([]).tolist() == []
    assert cluster_texts(["あ", "い", "あ"]).tolist() == [0, 1, 0]


def test_merged_clusters_hold_what_either_held():
    assert merge_clusters(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist() == [0, 0, 0, 3]
