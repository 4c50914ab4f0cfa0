r"""How many words of an English text stand in capitals.

The published checker takes its words from NLTK's tokeniser in the tradition of the Penn Treebank
(MacIntyre's rules, https://www.nltk.org/api/nltk.tokenize.destructive.html), in which `DON'T` is DO and N'T and
`IT's` is IT and 's. What counts here is only the number of words in capitals, and so only those of its rules are
re-stated that change it: which signs divide words, and which endings and contractions are words of their own.
"""

from __future__ import annotations

import re

_DIVIDERS = re.compile(
    r"[«“‘„»”’`;@#$%&\u2012-\u2015?!*\[\](){}<>\"]|[:,](?!\d)|\.{2,}|--|''",
)
_OPENING_APOSTROPHE = re.compile(r"(?i)(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)")
_CONTRACTIONS = re.compile(
    r"(?i)\b(?:(can)(not)|(d)('ye)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n)|(wan)(na)(?='*\s))\b"
)
_IT_CONTRACTIONS = re.compile(r"(?i)(?<=\s)('t)(is|was)\b")
_SHORT_ENDING = re.compile(r"(?<=[^' ])(?:'[sSmMdD]|')$")
_LONG_ENDING = re.compile(r"(?<=[^' ])(?:'ll|'LL|'re|'RE|'ve|'VE|n't|N'T)$")
_FULL_STOP = re.compile(r"(?<=[^.])\.(?=[?!)\";}\]*:@'({\[\s]|$)")
_CLOSING_APOSTROPHE = re.compile(r"(?<=[^'])'(?=[\s?!;@#$%&\u2012-\u2015]|[,:](?!\d)|\.{2,})")


def count_capital_words(text: str) -> int:
    """Words of which every letter is a capital, at least one letter in each."""
    # the full stop of a sentence is off its last word before that word's ending is looked at
    plain = _CLOSING_APOSTROPHE.sub(" ", _FULL_STOP.sub(" ", _OPENING_APOSTROPHE.sub("' ", text)))
    plain = _DIVIDERS.sub(" ", plain) + " "
    plain = _IT_CONTRACTIONS.sub(_set_apart, _CONTRACTIONS.sub(_set_apart, plain))
    return sum(_count_in(word) for word in plain.split())


def _set_apart(found: re.Match[str]) -> str:
    first, second = (part for part in found.groups() if part)
    return f" {first} {second} "


def _count_in(word: str) -> int:
    """1 or 0 for a plain word, more for one with endings that are words of their own."""
    if "'" not in word:
        return word.isupper()
    pieces = _cut(word, _SHORT_ENDING)
    return sum(piece.isupper() for whole in pieces for piece in _cut(whole, _LONG_ENDING))


def _cut(word: str, ending: re.Pattern[str]) -> tuple[str, ...]:
    found = ending.search(word)
    return (word[: found.start()], found.group()) if found else (word,)
