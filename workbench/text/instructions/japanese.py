"""Checks for Japanese texts, in the spirit of IFEval and by rules of our own.

Lengths are characters without white space, sentences are those of `workbench.text.sentences`, keywords are
plain texts compared after NFKC and without regard to case.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from workbench.text.instructions.base import Relation, holds
from workbench.text.sentences import split_sentences

_BULLET = re.compile(r"[ \t\u3000]*(?:[・●○■□◆◇▪•‣]|[-*+][ \t\u3000])")
_ITEM = re.compile(r"[ \t\u3000]*(?:[(（]?[0-9０-９]{1,3}[)）.．、:：]|[①-⑳])")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t\u3000]+\S|[ \t\u3000]*[■◆●][ \u3000]?\S")
_ENDED = re.compile(r"[。！？!?]+[」』）)\]]*$")
_SENTENCE_TAIL = "。．.！？!?」』）)]】〕…―　 ♪☆"
_POLITE = re.compile(
    r"(?:です|でした|でしょう|ます|ました|ましょう|ません|ませんでした|ください|下さい|くださいませ|なさい"
    r"|お願いします|ございます|いたします)(?:か|ね|よ|よね|な|わ|が|けど|けれど|けれども|から|ので|のに|とも|し|の)?$"
)
_LONG_VOWELS = frozenset("ーｰ")
_TOUTEN = frozenset("、，,､")


def count_characters(text: str) -> int:
    """Characters without white space; a letter with its combining marks counts as one after NFC."""
    return sum(1 for char in unicodedata.normalize("NFC", text) if not char.isspace())


def counts_characters(text: str, *, num_characters: int, relation: Relation) -> bool:
    """So many characters or fewer, as the relation says."""
    return holds(count_characters(text), relation, num_characters)


def counts_sentences(text: str, *, num_sentences: int, relation: Relation) -> bool:
    """Sentences are many or few enough."""
    return holds(len(split_sentences(text)), relation, num_sentences)


def keeps_sentences_short(text: str, *, max_characters: int) -> bool:
    """No sentence is longer."""
    return all(count_characters(sentence.text) <= max_characters for sentence in split_sentences(text))


def counts_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """Exactly so many paragraphs, divided by at least one empty line."""
    lines = [line.strip() for line in text.splitlines()]
    starts = [bool(line) and not (index and lines[index - 1]) for index, line in enumerate(lines)]
    return sum(starts) == num_paragraphs


def has_keywords(text: str, *, keywords: tuple[str, ...]) -> bool:
    """Every keyword occurs."""
    plain = _fold(text)
    return all(_fold(keyword) in plain for keyword in keywords)


def counts_keyword(text: str, *, keyword: str, frequency: int, relation: Relation) -> bool:
    """A keyword occurs often enough or seldom enough."""
    return holds(_fold(text).count(_fold(keyword)), relation, frequency)


def avoids_words(text: str, *, forbidden_words: tuple[str, ...]) -> bool:
    """None of the words occurs, within longer words neither: Japanese sets no spaces between words."""
    plain = _fold(text)
    return not any(_fold(word) in plain for word in forbidden_words)


def counts_bullets(text: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin with ・ or another bullet."""
    return sum(1 for line in text.splitlines() if _BULLET.match(line)) == num_bullets


def counts_items(text: str, *, num_items: int) -> bool:
    """Exactly so many lines that begin with a number, as 1. or ① or （1）."""
    return sum(1 for line in text.splitlines() if _ITEM.match(line)) == num_items


def counts_headings(text: str, *, num_headings: int) -> bool:
    """At least so many headings: `# …` or a line that begins with ■."""
    return sum(1 for line in text.splitlines() if _HEADING.match(line)) >= num_headings


def has_title(text: str, *, brackets: str) -> bool:
    """The first line that is not empty is a title in these brackets."""
    first = next((line.strip().strip("#* \u3000") for line in text.splitlines() if line.strip()), "")
    opened, closed = brackets
    return first.startswith(opened) and first.endswith(closed) and bool(first[1:-1].strip())


def starts_with(text: str, *, start_phrase: str) -> bool:
    """The text begins with a phrase."""
    return _fold(text.strip()).startswith(_fold(start_phrase.strip()))


def ends_with(text: str, *, end_phrase: str) -> bool:
    """The text ends with a phrase, its full stop included where the phrase has one."""
    return _fold(text.strip()).endswith(_fold(end_phrase.strip()))


def is_quoted(text: str) -> bool:
    """The whole text stands in 「」."""
    plain = text.strip()
    return len(plain) > 2 and plain[0] == "「" and plain[-1] == "」"


def has_no_touten(text: str) -> bool:
    """No 、 and no comma of another kind."""
    return not _TOUTEN.intersection(text)


def is_hiragana(text: str) -> bool:
    """Of the letters only hiragana; figures and punctuation are free."""
    return _has_scripts_only(text, {"HIRAGANA"})


def is_katakana(text: str) -> bool:
    """Of the letters only katakana; figures and punctuation are free."""
    return _has_scripts_only(text, {"KATAKANA"})


def has_no_kanji(text: str) -> bool:
    """No kanji, 々 included."""
    return not any(_script(char) == "CJK" for char in text)


def has_no_katakana(text: str) -> bool:
    """No katakana, half-width ones neither; the long vowel mark alone is none."""
    return not any(_script(char) == "KATAKANA" for char in text)


def has_no_latin(text: str) -> bool:
    """No letter A to Z, full-width neither."""
    return not any(_script(char) == "LATIN" for char in text)


def is_polite(text: str) -> bool:
    """Every sentence that ends with 。, ！ or ？ ends in です, ます or the like; there is at least one.

    Headings, items of lists and other lines without such an end do not count.
    """
    ended = _endings(text)
    return bool(ended) and all(_POLITE.search(ending) for ending in ended)


def is_plain(text: str) -> bool:
    """No sentence that ends with 。, ！ or ？ ends in です, ます or the like; there is at least one."""
    ended = _endings(text)
    return bool(ended) and not any(_POLITE.search(ending) for ending in ended)


def _endings(text: str) -> list[str]:
    """The last characters of each sentence that has an end mark, without it."""
    sentences = [sentence.text for sentence in split_sentences(text)]
    return [one[-60:].rstrip(_SENTENCE_TAIL)[-30:] for one in sentences if _ENDED.search(one[-60:])]


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _has_scripts_only(text: str, allowed: set[str]) -> bool:
    found = {_script(char) for char in text} - {""}
    return bool(found) and found <= allowed


@lru_cache(maxsize=65_536)
def _script(char: str) -> str:
    """HIRAGANA, KATAKANA, CJK, LATIN, …, the first word of a letter's name; empty for what is no letter."""
    if not char.isalpha() or char in _LONG_VOWELS:
        return ""
    first = unicodedata.name(unicodedata.normalize("NFKC", char)[0], "").partition(" ")[0]
    return "CJK" if first == "IDEOGRAPHIC" else first
