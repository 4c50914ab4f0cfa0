"""A diff of two Japanese answers that needs no dictionary.

Japanese has no spaces, so words are runs of one kind of character (kanji, kana, Latin); numbers, dates,
articles and amounts of money stay whole with their units. Changes in which one character turns the meaning
are marked `important`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from workbench.text.sentences import split_sentences
from workbench.text.specifics import Specific, find_specifics

DiffMode = Literal["word", "char", "sentence"]
DiffOp = Literal["equal", "insert", "delete", "replace"]

_TINY = 2
"""Equal text shorter than this between two changes is drawn into them: such islands only confuse."""
_ALIKE = 50.0
"""Similarity in percent from which two sentences are shown as one changed sentence."""
_RUNS = re.compile(
    r"[一-鿿々〆ヵヶ]+|[ぁ-ゖゝゞ]+|[ァ-ヺー-ヿｦ-ﾟ]+|[A-Za-zＡ-Ｚａ-ｚÀ-ɏ]+|[0-9０-９]+|\s+|.", re.DOTALL
)


class DiffSegment(NamedTuple):
    """A piece of both texts: joined in order, the `text_a` give the first text, the `text_b` the second."""

    op: DiffOp
    text_a: str
    text_b: str
    important: bool = False
    """Numbers, dates, articles, money or negation differ."""


class _Block(NamedTuple):
    same: bool
    start_a: int
    end_a: int
    start_b: int
    end_b: int


def diff(text_a: str, text_b: str, mode: DiffMode = "word") -> list[DiffSegment]:
    """The two texts as segments, equal and changed ones in turn."""
    blocks = MODES[mode](text_a, text_b)
    merged = _merge(blocks)
    found_a, found_b = find_specifics(text_a), find_specifics(text_b)
    return [_segment(block, text_a, text_b, found_a, found_b) for block in merged]


def important_differences(text_a: str, text_b: str) -> list[DiffSegment]:
    """Only the changes of numbers, dates, articles, money and negation."""
    return [segment for segment in diff(text_a, text_b) if segment.important]


def tokenize(text: str) -> list[str]:
    """Runs of one kind of character; expressions with numbers whole. Joined, they give the text."""
    tokens: list[str] = []
    position = 0
    for item in find_specifics(text):
        if item.kind == "negation":
            continue
        tokens.extend(_RUNS.findall(text[position : item.start]))
        tokens.append(text[item.start : item.end])
        position = item.end
    tokens.extend(_RUNS.findall(text[position:]))
    return tokens


def _word_blocks(text_a: str, text_b: str) -> Iterator[_Block]:
    return _match(tokenize(text_a), tokenize(text_b))


def _char_blocks(text_a: str, text_b: str) -> Iterator[_Block]:
    for same, group in groupby(Levenshtein.opcodes(text_a, text_b), key=lambda code: code.tag == "equal"):
        codes = list(group)
        first, last = codes[0], codes[-1]
        yield _Block(same, first.src_start, last.src_end, first.dest_start, last.dest_end)


def _sentence_blocks(text_a: str, text_b: str) -> Iterator[_Block]:
    return _match(_sentences(text_a), _sentences(text_b), pair=True)


MODES: dict[DiffMode, Callable[[str, str], Iterator[_Block]]] = {
    "word": _word_blocks,
    "char": _char_blocks,
    "sentence": _sentence_blocks,
}


def _match(tokens_a: Sequence[str], tokens_b: Sequence[str], *, pair: bool = False) -> Iterator[_Block]:
    """Blocks of two token lists as character offsets; `pair` aligns similar tokens inside a change."""
    edges_a, edges_b = _edges(tokens_a), _edges(tokens_b)
    for tag, a, b, c, d in SequenceMatcher(None, tokens_a, tokens_b, autojunk=False).get_opcodes():
        cuts = _pair(tokens_a[a:b], tokens_b[c:d]) if pair and tag == "replace" else []
        for next_a, next_b in [*((a + i, c + j) for i, j in cuts), (b, d)]:
            if next_a > a or next_b > c:
                yield _Block(tag == "equal", edges_a[a], edges_a[next_a], edges_b[c], edges_b[next_b])
            a, c = next_a, next_b


def _pair(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Cuts before and after each pair of similar sentences, in order."""
    cuts: list[tuple[int, int]] = []
    floor = 0
    for i, sentence in enumerate(left):
        scored = [(fuzz.ratio(sentence, right[j]), -j) for j in range(floor, len(right))]
        best, negative = max(scored, default=(0.0, 0))
        if best >= _ALIKE:
            cuts += [(i, -negative), (i + 1, -negative + 1)]
            floor = -negative + 1
    return cuts


def _sentences(text: str) -> list[str]:
    """Sentences with the white space behind them, so that joined they give the text."""
    starts = [sentence.start for sentence in split_sentences(text)]
    edges = [0, *starts[1:], len(text)]
    return [text[edges[i] : edges[i + 1]] for i in range(len(edges) - 1) if edges[i] < edges[i + 1]]


def _edges(tokens: Sequence[str]) -> list[int]:
    edges = [0]
    for token in tokens:
        edges.append(edges[-1] + len(token))
    return edges


def _merge(blocks: Iterator[_Block]) -> list[_Block]:
    """Islands between changes drawn in. Sentence pairs are two changes side by side and stay apart."""
    listed = list(blocks)
    merged: list[_Block] = []
    joining = False
    for index, block in enumerate(listed):
        island = block.same and block.end_a - block.start_a < _TINY and 0 < index < len(listed) - 1
        if merged and (joining or (island and not merged[-1].same)):
            last = merged[-1]
            merged[-1] = _Block(False, last.start_a, block.end_a, last.start_b, block.end_b)
        else:
            merged.append(block)
        joining = island and not merged[-1].same
    return merged


def _segment(
    block: _Block, text_a: str, text_b: str, found_a: Sequence[Specific], found_b: Sequence[Specific]
) -> DiffSegment:
    piece_a, piece_b = text_a[block.start_a : block.end_a], text_b[block.start_b : block.end_b]
    if block.same:
        return DiffSegment("equal", piece_a, piece_b)
    op: DiffOp = "insert" if not piece_a else "delete" if not piece_b else "replace"
    said_a = _touched(found_a, block.start_a, block.end_a)
    said_b = _touched(found_b, block.start_b, block.end_b)
    if op == "replace":
        return DiffSegment(op, piece_a, piece_b, said_a != said_b)
    # what only moved to another place of the answer is no difference in content
    elsewhere = {item.value for item in (found_b if op == "delete" else found_a) if item.kind != "negation"}
    new = [value for value in (said_a or said_b) if value not in elsewhere]
    return DiffSegment(op, piece_a, piece_b, bool(new))


def _touched(found: Sequence[Specific], start: int, end: int) -> list[str]:
    return sorted(item.value for item in found if item.start < end and start < item.end)
