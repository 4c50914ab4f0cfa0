"""Finds the quotations 「…」 of an answer and checks each against the documents.

A quotation counts from eight characters (after `norm_ja`) on: shorter brackets are mostly emphasis and names
of forms. Where the answer names a document right before the bracket (参考文書3に「1,300円」と…), the bracket
is a quotation by its own claim, and four characters suffice.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.schemas.evaluation import Quote, QuoteState
from workbench.startup import later
from workbench.text.normalise import MappedText, map_norm_ja, norm_ja
from workbench.text.specifics import find_specifics

if TYPE_CHECKING:
    from rapidfuzz import fuzz
else:
    fuzz = later("rapidfuzz.fuzz")

MIN_CHARS = 8
MIN_CHARS_CITED = 4
NEAR = 90.0
"""Similarity in percent (rapidfuzz `partial_ratio_alignment`) from which a quotation is nearly right."""
_NEAR_MARGIN = 6
"""Characters beside a near match that are searched too: the alignment may cut a figure at its ends."""

_CITATION = re.compile(r"(?:参考文書|資料|文書)\s*([0-9０-９]+)")
_DIRECTLY_BEFORE = re.compile(r"(?:参考文書|資料|文書)\s*[0-9０-９]+[^「」。\n]{0,12}$")
_DIRECTLY_AFTER = re.compile(r"\s*[（(\[［]\s*(?:参考文書|資料|文書)\s*([0-9０-９]+)")
_ELISION = re.compile(
    r"…+|‥+|・{2,}|\.{3,}|(?:〔[^〕]*〕)|[（(〔\[［]\s*(?:中略|省略|略)\s*[）)〕\]］]|[\[［]\s*(?:…|\.{3})\s*[\]］]"
)
_ELIDED_PART_MIN = 3
_KANA = re.compile(r"[ぁ-ゖ]+")
_FIGURE = re.compile(r"[0-9]+(?:[.,][0-9]+)*")


class FoundQuote(NamedTuple):
    """A quotation as it stands in the answer: `answer[start:end]` is its text, without the brackets."""

    text: str
    start: int
    end: int
    cited: int | None
    closed: bool


class _Place(NamedTuple):
    document: int
    """1-based number."""
    start: int
    end: int


def find_quotes(answer: str) -> list[FoundQuote]:
    """The outermost balanced 「…」 that are long enough, and openers that are never closed.

    An opener without a closer runs to the next opener or the end of the answer, so that one missing bracket
    does not swallow the quotations behind it.
    """
    found: list[FoundQuote] = []
    position = answer.find("「")
    while position >= 0:
        start = position + 1
        end = _closing(answer, position)
        closed = end is not None
        if end is None:
            following = answer.find("「", start)
            end = following if following >= 0 else len(answer)
        quote = FoundQuote(answer[start:end], start, end, _cited(answer, position, end), closed)
        if len(norm_ja(quote.text)) >= _required(answer[:position]):
            found.append(quote)
        position = answer.find("「", end)
    return found


def check_quotes(answer: str, documents: Sequence[str], question: str = "") -> list[Quote]:
    """Every quotation of an answer with what became of it.

    `verbatim`: stands in the cited document (in any, where none is cited). `misattributed`: stands in another
    one than cited. `elided`: its parts around … or （中略） stand there in order. `from_question`:
    repeats the question. `near`: differs in a few characters, none of them a number or a negation.
    `unsupported`: in no document. `unclosed`: never ends, so that nothing can be said.
    Punctuation and white space never count; figures do.

    Args:
        answer: The answer without its thinking part.
        documents: In the order of their numbers, as they were shown to the model.
        question: The question; models repeat it in brackets, which is no error.

    Returns:
        In order of the answer; `span` holds offsets in the document as given.
    """
    quotes = find_quotes(answer)
    if not quotes:
        return []
    checker = _Checker(documents, norm_ja(question))
    return [checker.check(quote) for quote in quotes]


class _Checker:
    """The documents in normalised form, each made when it is first looked into."""

    def __init__(self, documents: Sequence[str], question: str) -> None:
        self._documents = documents
        self._mapped: dict[int, MappedText] = {}
        self._question = question

    def _map(self, number: int) -> MappedText:
        if number not in self._mapped:
            self._mapped[number] = map_norm_ja(self._documents[number - 1])
        return self._mapped[number]

    def check(self, quote: FoundQuote) -> Quote:
        if not quote.closed:
            return _as_quote(quote, "unclosed", None)
        order = self._search_order(quote.cited)
        wanted, parts = norm_ja(quote.text), _split_elided(quote.text)
        exact = self._first(order, lambda number: self._find_exact(quote.text, wanted, number))
        elided = None
        if exact is None and parts:
            elided = self._first(order, lambda number: self._find_elided(parts, number))
        place = exact or elided
        if place is not None:
            state: QuoteState = "verbatim" if exact else "elided"
            wrong = quote.cited is not None and place.document != quote.cited
            return _as_quote(quote, "misattributed" if wrong else state, place)
        if self._is_from_question(wanted):
            return _as_quote(quote, "from_question", None)
        near = self._first(order, lambda number: self._find_near(quote.text, wanted, number))
        return _as_quote(quote, "near" if near else "unsupported", near)

    def _is_from_question(self, text: str) -> bool:
        if len(text) > len(self._question):
            return False
        return text in self._question or fuzz.partial_ratio(text, self._question) >= NEAR

    def _search_order(self, cited: int | None) -> list[int]:
        numbers = list(range(1, len(self._documents) + 1))
        return sorted(numbers, key=lambda number: number != cited)

    @staticmethod
    def _first(order: Iterable[int], find: Callable[[int], _Place | None]) -> _Place | None:
        return next((place for place in map(find, order) if place is not None), None)

    def _find_exact(self, text: str, wanted: str, number: int) -> _Place | None:
        mapped = self._map(number)
        position = mapped.text.find(wanted)
        while position >= 0:
            place = self._place(number, position, position + len(wanted))
            # punctuation is ignored everywhere but inside figures: 1.5 % must not pass for 15 %
            if _figures(text) == _figures(self._text_of(place)):
                return place
            position = mapped.text.find(wanted, position + 1)
        return None

    def _find_elided(self, parts: Sequence[str], number: int) -> _Place | None:
        haystack = self._map(number).text
        first, position = -1, 0
        for part in parts:
            position = haystack.find(part, position)
            if position < 0:
                return None
            first = position if first < 0 else first
            position += len(part)
        return self._place(number, first, position)

    def _find_near(self, text: str, wanted: str, number: int) -> _Place | None:
        haystack = self._map(number).text
        if len(wanted) > len(haystack):
            return None
        aligned = fuzz.partial_ratio_alignment(wanted, haystack, score_cutoff=NEAR)
        if aligned is None or aligned.dest_end <= aligned.dest_start:
            return None
        place = self._place(number, aligned.dest_start, aligned.dest_end)
        document = self._documents[number - 1]
        wide = document[max(0, place.start - _NEAR_MARGIN) : place.end + _NEAR_MARGIN]
        # the alignment is as long as the quotation and may end in the middle of a verb, before its negation
        ending = _KANA.match(document, place.end)
        whole = document[place.start : ending.end() if ending else place.end]
        return place if _same_meaning(text, whole, wide) else None

    def _place(self, number: int, start: int, end: int) -> _Place:
        offsets = self._map(number).offsets
        return _Place(number, offsets[start], _cluster_end(self._documents[number - 1], offsets[end - 1]))

    def _text_of(self, place: _Place) -> str:
        return self._documents[place.document - 1][place.start : place.end]


def _split_elided(text: str) -> list[str]:
    """What stands around the elisions of a quotation; empty where it has none, or a part says too little."""
    if not _ELISION.search(text):
        return []
    parts = [part for part in map(norm_ja, _ELISION.split(text)) if part]
    return [] if len(parts) < 2 or min(map(len, parts)) < _ELIDED_PART_MIN else parts


def _as_quote(quote: FoundQuote, state: QuoteState, place: _Place | None) -> Quote:
    return Quote(
        text=quote.text,
        state=state,
        start=quote.start,
        end=quote.end,
        cited=quote.cited,
        found_in=place.document if place else None,
        span=(place.start, place.end) if place else None,
    )


def _closing(text: str, opener: int) -> int | None:
    depth = 0
    for index in range(opener, len(text)):
        if text[index] == "「":
            depth += 1
        elif text[index] == "」":
            depth -= 1
            if depth == 0:
                return index
    return None


def _cited(answer: str, opener: int, end: int) -> int | None:
    """The document named right before, else right behind in brackets, else the nearest one before."""
    before = [match.group(1) for match in _CITATION.finditer(answer[:opener])]
    behind = _DIRECTLY_AFTER.match(answer, end + 1)
    if behind and not _DIRECTLY_BEFORE.search(answer[:opener]):
        return _number(behind.group(1))
    return _number(before[-1]) if before else None


def _required(before: str) -> int:
    return MIN_CHARS_CITED if _DIRECTLY_BEFORE.search(before) else MIN_CHARS


def _number(text: str) -> int:
    return int(unicodedata.normalize("NFKC", text))


def _cluster_end(text: str, start: int) -> int:
    """The end of the character at an offset, with the voicing marks that belong to it."""
    end = start + 1
    while end < len(text) and unicodedata.combining(unicodedata.normalize("NFKC", text[end])[0]):
        end += 1
    return end


def _figures(text: str) -> Counter[str]:
    """Numbers of a text with their points, without the commas that group thousands."""
    flat = unicodedata.normalize("NFKC", text)
    return Counter(figure.replace(",", "") for figure in _FIGURE.findall(flat))


def _same_meaning(quote: str, found: str, wide: str) -> bool:
    if _figures(quote) - _figures(wide):
        return False
    return _negations(quote) == _negations(found)


def _negations(text: str) -> int:
    return sum(item.kind == "negation" for item in find_specifics(text))
