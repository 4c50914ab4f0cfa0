"""Groups texts that are nearly the same, so that no such pair ends up on both sides of a split.

MinHash over character 5-grams proposes pairs, the exact Jaccard similarity of their 5-gram sets decides, and
pairs that share a text are joined into one cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray

from workbench.text.normalise import norm_ja

NEAR_DUPLICATE = 0.7
"""Jaccard similarity from which two documents count as nearly the same."""
_GRAM = 5
_BANDS = 16
_ROWS = 4
# 16 bands of 4 rows: a pair of similarity 0.7 is proposed with 98.8 %, one of 0.8 with 99.98 %
_CHUNK = 2048
_MARGIN = 0.2
# the estimate of 64 signatures deviates by 0.057 at 0.7: three and a half of that below need no exact look
_COMPARED = 24
"""Members of one bucket that a further member is compared with; bounds the work on masses of boilerplate."""
_SEED = 20_230_411


def cluster_texts(texts: Sequence[str], threshold: float = NEAR_DUPLICATE) -> NDArray[np.int64]:
    """Cluster number of each text; equal numbers mean nearly the same text, directly or through others.

    Numbers are the index of the cluster's first text, so that a text alone has its own index. Deterministic.
    """
    plain = [norm_ja(text) for text in texts]
    parents = list(range(len(plain)))
    _join_equal(plain, parents)
    leaders = [index for index in range(len(plain)) if parents[index] == index]
    texts = [plain[index] for index in leaders]

    @cache
    def grams(place: int) -> NDArray[np.uint32]:
        return np.unique(_hash_grams(texts[place]))

    for left, right in _propose(_sign(texts), threshold):
        if _find(parents, leaders[left]) == _find(parents, leaders[right]):
            continue
        if _jaccard(grams(left), grams(right)) >= threshold:
            _join(parents, leaders[left], leaders[right])
    return np.array([_find(parents, index) for index in range(len(plain))], dtype=np.int64)


def merge_clusters(*clusterings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Clusters of texts that are together in at least one of the clusterings, directly or through others."""
    size = len(clusterings[0]) if clusterings else 0
    parents = list(range(size))
    for clusters in clusterings:
        for index, cluster in enumerate(clusters):
            _join(parents, index, int(cluster))
    return np.array([_find(parents, index) for index in range(size)], dtype=np.int64)


def similarity(left: str, right: str) -> float:
    """Jaccard similarity of two texts' character 5-grams after `norm_ja`."""
    return _jaccard(*(np.unique(_hash_grams(norm_ja(text))) for text in (left, right)))


def _join_equal(plain: Sequence[str], parents: list[int]) -> None:
    first: dict[str, int] = {}
    for index, text in enumerate(plain):
        _join(parents, first.setdefault(text, index), index)


def _hash_grams(plain: str) -> NDArray[np.uint32]:
    """Hash of the 5-gram at each place of a text; a shorter text is filled up with spaces."""
    points = np.frombuffer(plain.ljust(_GRAM).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    value = np.zeros(len(points) - _GRAM + 1, dtype=np.uint64)
    for offset in range(_GRAM):
        value = value * np.uint64(0x9E37_79B9_7F4A_7C15) + points[offset : offset + len(value)]
    value ^= value >> np.uint64(29)
    value *= np.uint64(0xBF58_476D_1CE4_E5B9)
    return (value >> np.uint64(32)).astype(np.uint32)


def _sign(texts: Sequence[str]) -> NDArray[np.uint32]:
    """MinHash signatures, shape `(texts, bands * rows)`."""
    rng = Random(_SEED)
    count = _BANDS * _ROWS
    factors = np.array([rng.getrandbits(32) | 1 for _ in range(count)], dtype=np.uint32)
    offsets = np.array([rng.getrandbits(32) for _ in range(count)], dtype=np.uint32)
    signatures = np.empty((len(texts), count), dtype=np.uint32)
    for start in range(0, len(texts), _CHUNK):
        part = [text.ljust(_GRAM) for text in texts[start : start + _CHUNK]]
        lengths = np.array([len(text) for text in part], dtype=np.int64)
        # all texts at once, without the four grams that reach into the next text
        inside = np.arange(int(lengths.sum())) < np.repeat(np.cumsum(lengths) - _GRAM + 1, lengths)
        joined = _hash_grams("".join(part))[inside[: 1 - _GRAM]]
        starts = np.concatenate([[0], np.cumsum(lengths - _GRAM + 1)[:-1]])
        for column in range(count):
            mixed = joined * factors[column] + offsets[column]
            mixed ^= mixed >> np.uint32(15)
            signatures[start : start + len(part), column] = np.minimum.reduceat(mixed, starts)
    return signatures


def _propose(signatures: NDArray[np.uint32], threshold: float) -> list[tuple[int, int]]:
    """Pairs of texts worth an exact look, each once, in order."""
    size = len(signatures)
    found = [np.empty(0, dtype=np.int64)]
    for band in range(_BANDS):
        for left, right in _band_pairs(signatures[:, band * _ROWS : (band + 1) * _ROWS]):
            near = _estimate(signatures, left, right) >= threshold - _MARGIN
            first, second = np.minimum(left, right)[near], np.maximum(left, right)[near]
            found.append(first * size + second)
    keys = np.unique(np.concatenate(found))
    return [(int(key) // size, int(key) % size) for key in keys]


def _band_pairs(band: NDArray[np.uint32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Texts whose signatures agree in a whole band: left and right members of pairs."""
    keys = np.ascontiguousarray(band)
    rows = keys.view([("", keys.dtype)] * _ROWS).reshape(-1)
    order = np.argsort(rows, kind="stable").astype(np.int64)
    changes = np.append(True, rows[order][1:] != rows[order][:-1])
    buckets = np.cumsum(changes)
    for distance in range(1, min(_COMPARED, len(order) - 1) + 1):
        together = np.flatnonzero(buckets[:-distance] == buckets[distance:])
        if not len(together):
            return
        yield order[together], order[together + distance]


def _estimate(
    signatures: NDArray[np.uint32], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Similarity of each pair as the share of equal signatures."""
    agreeing = [
        np.count_nonzero(
            signatures[left[start : start + _CHUNK]] == signatures[right[start : start + _CHUNK]], axis=1
        )
        for start in range(0, len(left), _CHUNK)
    ]
    return np.concatenate(agreeing) / signatures.shape[1]


def _jaccard(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
    if not len(left) or not len(right):
        return 0.0
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def _find(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], left: int, right: int) -> None:
    """The smaller index leads, so that the result does not depend on the order of the pairs."""
    first, second = sorted((_find(parents, left), _find(parents, right)))
    parents[second] = first
