"""BM25 over character bigrams: for Japanese as good as with a tokenizer, and it needs none.

Postings lie in compressed rows (one row per bigram) built with numpy sorts; only the queries that are asked
are scored. Memory is about 16 bytes per different (bigram, document) pair, and about 40 bytes per character
while building.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.startup import later
from workbench.text.normalise import norm_ja

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = later("numpy")

_SHIFT = 21  # a Unicode code point has at most 21 bits
_BREAK = 0x10_FFFF  # no character: stands between documents; `norm_ja` leaves none of it in a text
_DOC_BITS = 22
_MAX_DOCS = 1 << 22


class Hit(NamedTuple):
    """One document found."""

    doc: int
    score: float


class BigramIndex:
    """An index over documents, numbered in the order given.

    Args:
        texts: The documents; normalised here with `norm_ja`.
        k1: Saturation of repeated bigrams.
        b: Weight of the document length.
    """

    def __init__(self, texts: Sequence[str], *, k1: float = 1.5, b: float = 0.75) -> None:
        self.size = len(texts)
        keys, docs, counts, lengths = _count_bigrams(texts)
        self._terms, first = np.unique(keys, return_index=True)
        self._starts: NDArray[np.int64] = np.append(first, len(keys)).astype(np.int64)
        self._docs = docs
        frequency = np.diff(self._starts)
        self._idf: NDArray[np.float32] = np.log1p(
            (self.size - frequency + 0.5) / (frequency + 0.5),
        ).astype(np.float32)
        mean = float(lengths.mean()) if self.size and lengths.any() else 1.0
        norm = (k1 * (1 - b + b * lengths / mean)).astype(np.float32)
        saturated = counts * np.float32(k1 + 1) / (counts + norm[docs])
        self._weights: NDArray[np.float64] = (saturated * np.repeat(self._idf, frequency)).astype(np.float64)

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 score of every document, shape `(size,)`."""
        slices = [slice(self._starts[term], self._starts[term + 1]) for term in self._find(query)]
        if not slices:
            return np.zeros(self.size, dtype=np.float32)
        docs = np.concatenate([self._docs[part] for part in slices])
        weights = np.concatenate([self._weights[part] for part in slices])
        return np.bincount(docs, weights, minlength=self.size).astype(np.float32)

    def top(self, query: str, k: int) -> list[Hit]:
        """The `k` best documents with a score above 0, best first; equal scores in document order."""
        scores = self.scores(query)
        return [Hit(int(doc), float(scores[doc])) for doc in rank(scores, k)]

    def idf(self, text: str) -> dict[str, float]:
        """Weight of every different bigram of a text; bigrams that no document has are left out."""
        found: dict[str, float] = {}
        for bigram in bigrams(text):
            term = self._lookup(bigram)
            if term is not None:
                found[bigram] = float(self._idf[term])
        return found

    def _lookup(self, bigram: str) -> int | None:
        key = np.uint64((ord(bigram[0]) << 21) | ord(bigram[1]))
        position = int(np.searchsorted(self._terms, key))
        return position if position < len(self._terms) and self._terms[position] == key else None

    def _find(self, query: str) -> NDArray[np.int64]:
        """Numbers of the query's bigrams that the index knows."""
        points = _code_points(norm_ja(query))
        if len(points) < 2 or not len(self._terms):
            return np.empty(0, dtype=np.int64)
        wanted = np.unique((points[:-1] << _SHIFT) | points[1:])
        positions = np.minimum(np.searchsorted(self._terms, wanted), len(self._terms) - 1)
        return positions[self._terms[positions] == wanted].astype(np.int64)


def bigrams(text: str) -> set[str]:
    """Different character bigrams of a text after `norm_ja`."""
    plain = norm_ja(text)
    return {plain[index : index + 2] for index in range(len(plain) - 1)}


def rank(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Indices of the `k` highest scores above 0, best first, ties in order of the index."""
    candidates = np.flatnonzero(scores > 0)
    if len(candidates) > k:
        kth = np.partition(scores[candidates], len(candidates) - k)[len(candidates) - k]
        candidates = candidates[scores[candidates] >= kth]
    order = np.lexsort((candidates, -scores[candidates]))
    return candidates[order][:k].astype(np.int64)


class _Counts(NamedTuple):
    keys: NDArray[np.uint64]
    """Bigrams, sorted; one entry per (bigram, document)."""
    docs: NDArray[np.int64]
    counts: NDArray[np.float32]
    lengths: NDArray[np.int64]
    """Bigrams per document."""


def _count_bigrams(texts: Sequence[str]) -> _Counts:
    if len(texts) > _MAX_DOCS:
        raise ValueError(f"at most {_MAX_DOCS} documents")
    plain = [norm_ja(text) for text in texts]
    lengths = np.array([max(0, len(text) - 1) for text in plain], dtype=np.int64)
    if not lengths.any():
        return _Counts(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float32), lengths)
    points = _code_points(chr(_BREAK).join(plain))
    owners = np.repeat(np.arange(len(plain), dtype=np.uint64), [len(text) + 1 for text in plain])[:-2]
    whole = (points[:-1] != _BREAK) & (points[1:] != _BREAK)
    # two code points of 21 bits and the document in one number: one plain sort orders everything
    shift, doc_bits = np.uint64(_SHIFT + _DOC_BITS), np.uint64(_DOC_BITS)
    pairs = ((points[:-1] << shift) | (points[1:] << doc_bits))[whole]
    pairs |= owners[whole]
    pairs.sort()
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1]))
    counts = np.diff(np.append(first, len(pairs))).astype(np.float32)
    entries = pairs[first]
    docs = (entries & np.uint64(_MAX_DOCS - 1)).astype(np.int64)
    return _Counts(entries >> doc_bits, docs, counts, lengths)


def _code_points(text: str) -> NDArray[np.uint64]:
    # surrogatepass: a lone surrogate of a damaged file must not stop the index
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
