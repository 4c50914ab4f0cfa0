"""Expressions in which one character changes the meaning: numbers, dates, articles of law, money, negation.

Offsets are those of the text as given; values are normalised, so that 「第５種」 and 「第五種」 are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from workbench.text.normalise import norm_spaceless

SpecificKind = Literal["article", "date", "money", "number", "negation"]

# Quantifiers are possessive: a model that repeats a digit a thousand times must not make the search exponential.
_D = r"[0-9０-９]"
_NUM = rf"{_D}++(?:[,，]{_D}{{3}})*+(?:[.．]{_D}++)?+"
_KAN = r"[〇一二三四五六七八九十百千]++"
_ANY = rf"(?:{_NUM}|{_KAN})"
_S = r"[ 　]*+"
_ARTICLE = (
    rf"第{_S}{_ANY}{_S}[条項号種章節款](?:の{_S}{_ANY})*|(?:{_NUM}|{_KAN}){_S}[条項号種](?:の{_S}{_ANY})*"
)
_ERA = r"(?:明治|大正|昭和|平成|令和)"
_YEAR = rf"(?:{_ERA}{_S}(?:元|{_ANY})|{_D}{{4}}){_S}年(?!間)"
_MONTH_DAY = rf"{_ANY}{_S}月{_S}{_ANY}{_S}日|{_ANY}{_S}月(?![以間額])"
_CLOCK = rf"(?:午前|午後)?{_S}{_NUM}{_S}時(?!間)(?:{_S}{_NUM}{_S}分|半)?|{_D}{{1,2}}[:：]{_D}{{2}}"
_DATE = rf"{_YEAR}(?:{_S}(?:{_MONTH_DAY}))?|{_MONTH_DAY}|{_CLOCK}"
_MONEY = rf"(?:{_ANY}{_S}[兆億万千百]?{_S})+円|[¥￥$＄]{_S}{_NUM}"
_UNIT = (
    r"(?:パーセント|ポイント|キロメートル|キログラム|メートル|グラム|リットル|か月|ヶ月|カ月|ヵ月|箇月|週間|年間|日間|時間|分間"
    r"|年度|丁目|番地|世帯|平方メートル|km|kg|cm|mm|ml|GB|MB|m2|m|g|L|%|％|‰|℃|度|年|月|日|週|時|分|秒|歳|才|人|名|件|回|枚|個|本|台|冊|通"
    r"|点|割|分の|倍|階|番|号室|泊|品|袋|口|部|つ)"
)
# kanji numerals count only before units with which they are no part of another word (十分, 一部, 一時)
_KAN_UNIT = r"(?:年間?|か月|ヶ月|カ月|箇月|週間|日間?|人|名|件|回|枚|歳|倍|割|万|億)"
_NUMBER = rf"{_NUM}{_S}[兆億万千]?{_UNIT}?|{_KAN}{_KAN_UNIT}"
_MAYBE = r"かもしれ(?:ません|ない)|すみません|問わず|必ず|まず|少ない|危ない"
_MUST = r"(?:なければ|なくては|ないと)(?:なりません|ならない|いけません|いけない)"
_NEGATION = (
    r"ません(?!か)|なかった|ない(?!し)|なければ|なく(?=[、てな])|せず|できず|ず(?=[、に])"
    r"|不可|不要|禁止|対象外"
)
# what any of them can begin with: looked at first, because most characters begin none
_BEGIN = r"(?=[ 　0-9０-９〇一二三四五六七八九十百千第明大昭平令午¥￥$＄かす問必ま少危なせでず不禁対])"
_EXPRESSION = (
    rf"{_BEGIN}(?:(?P<skip>{_MAYBE})|(?P<must>{_MUST})|(?P<article>{_ARTICLE})|(?P<date>{_DATE})"
    rf"|(?P<money>{_MONEY})|(?P<number>{_NUMBER})|(?P<negation>{_NEGATION}))"
)
_DOCUMENT_NUMBER = re.compile(rf"文書{_S}{_D}+(?:{_S}[、,～~・-]{_S}{_D}+)*")
_DIGITS = frozenset("0123456789")
_NUMBER_PARTS = _DIGITS | {"."}
_KANJI_RUN = re.compile(_KAN)
_KANJI_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")}
_KANJI_POWERS = {"十": 10, "百": 100, "千": 1000}


_SHORT = 32
"""Characters up to which an expression is remembered."""


class Specific(NamedTuple):
    """One such expression; `text[start:end]` is where it stands."""

    kind: SpecificKind
    value: str
    """Normalised: equal values mean the same."""
    start: int
    end: int


@cache
def _pattern() -> re.Pattern[str]:
    # compiling takes longer than importing most modules, and many who import this one never search
    return re.compile(_EXPRESSION)


def find_specifics(text: str) -> list[Specific]:
    """All such expressions in order, without overlaps. Numbers of documents (参考文書3) are left out."""
    skipped = [match.span() for match in _DOCUMENT_NUMBER.finditer(text)]
    found: list[Specific] = []
    for match in _pattern().finditer(text):
        kind = match.lastgroup
        if kind is None or kind == "skip":
            continue
        if skipped and any(start <= match.start() < end for start, end in skipped):
            continue
        found.append(_specific(kind, match))
    return found


def find_unsupported(answer: str, sources: Sequence[str]) -> list[Specific]:
    """Numbers, dates, articles and money of an answer that none of the sources contains.

    Args:
        answer: Text to check; quotations in it are checked like the rest.
        sources: The documents and the question.
    """
    found = [item for item in find_specifics(answer) if item.kind != "negation"]
    # source by source, and what takes longer only for what is left: most figures stand in one of the first
    for source in sources:
        plain = _plain(source)
        found = [item for item in found if not _stands_alone(item.value, plain)]
        if not found:
            return []
    known = {item.value for source in sources for item in find_specifics(source)}
    return [item for item in found if item.value not in known]


def values(items: Sequence[Specific]) -> list[str]:
    """The normalised values, sorted: equal lists mean that the same things are said equally often."""
    return sorted(f"{item.kind}:{item.value}" for item in items)


def kanji_to_number(text: str) -> int:
    """The value of a kanji numeral below ten thousand (三十五 is 35; positional 二〇 is 20)."""
    if not any(char in _KANJI_POWERS for char in text):
        return int("".join(str(_KANJI_DIGITS[char]) for char in text))
    total, digit = 0, 0
    for char in text:
        power = _KANJI_POWERS.get(char)
        if power is None:
            digit = _KANJI_DIGITS[char]
        else:
            total += (digit or 1) * power
            digit = 0
    return total + digit


def _specific(kind: str, match: re.Match[str]) -> Specific:
    if kind == "must":
        return Specific("negation", "must", *match.span())
    if kind == "negation":
        return Specific("negation", "not", *match.span())
    names: dict[str, SpecificKind] = {
        "article": "article",
        "date": "date",
        "money": "money",
        "number": "number",
    }
    said = match.group()
    value = _plain_short(said) if len(said) <= _SHORT else _plain(said)
    return Specific(names[kind], value, *match.span())


@lru_cache(maxsize=4096)
def _plain_short(text: str) -> str:
    """`_plain` of one expression; the same few hundred fill the documents of an office."""
    return _plain(text)


def _plain(text: str) -> str:
    flat = norm_spaceless(text).replace(",", "")
    flat = _KANJI_RUN.sub(lambda run: str(kanji_to_number(run.group())), flat)
    for given, common in (
        ("ヶ月", "か月"),
        ("カ月", "か月"),
        ("ヵ月", "か月"),
        ("箇月", "か月"),
        ("パーセント", "%"),
    ):
        flat = flat.replace(given, common)
    return flat


def _stands_alone(value: str, source: str) -> bool:
    """Whether the value occurs in the source and is not the tail or head of a longer number."""
    position = source.find(value)
    while position >= 0:
        end = position + len(value)
        before, behind = source[position - 1 : position], source[end : end + 1]
        if before not in _NUMBER_PARTS and behind not in _DIGITS:
            return True
        position = source.find(value, position + 1)
    return False
