"""Tells refusals from answers, in three states.

A flag for "one of five phrases occurs anywhere" (the rule of the seed article, kept here by name) counts
cited, reasoned answers with a caveat as refusals. Here an answer is split into sentences first:

    refused    a sentence declines, and the other sentences claim nothing
    partial    a sentence declines, and others quote, name figures or go on at length: a person should look
    answered   no sentence declines

Phrases inside quotations and sentences that stand in a document are reports of what is written, and decline
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from workbench.text.normalise import norm_ja, norm_light
from workbench.text.sentences import split_sentences
from workbench.text.specifics import find_specifics

RefusalState = Literal["refused", "partial", "answered"]

SEED001_PHRASES = (
    "回答できません",
    "情報が含まれていません",
    "情報は見つかりません",
    "該当する記述は見つかりません",
    "回答するための十分な情報",
)
"""The article's list, word for word."""

_QUOTED = re.compile(r"「([^「」]*)」")
_QUOTE_MIN = 8
_ENDS = "。.!！*「」 "
_TALK_ABOUT_SOURCES = re.compile(r"文書|情報|記載|質問|資料|記述|お問い合わせ|申し訳")
_LONG = 40
"""Characters of plain prose beside a refusal above which a person should look."""


@dataclass(frozen=True)
class RefusalRules:
    """The phrases by which a project recognises refusals; compared after `norm_ja`."""

    anywhere: tuple[str, ...]
    """A sentence that contains one of these declines."""
    whole: tuple[str, ...] = ()
    """A sentence that consists of one of these declines: inside others they are too common."""

    def extended(self, phrases: Sequence[str]) -> RefusalRules:
        """These rules and a project's own phrases."""
        return RefusalRules((*self.anywhere, *phrases), self.whole)


DEFAULT_RULES = RefusalRules(
    anywhere=(
        "情報からは回答できません",
        "情報からはお答えできません",
        "情報では回答できません",
        "情報だけでは回答できません",
        "文書からは回答できません",
        "文書からはお答えできません",
        "資料からは回答できません",
        "内容からは回答できません",
        "質問には回答できません",
        "質問にはお答えできません",
        "質問に回答することはできません",
        "質問に答えることはできません",
        "回答することができません",
        "情報が含まれていません",
        "情報は含まれていません",
        "情報は見つかりません",
        "情報が見つかりません",
        "情報は見つかりませんでした",
        "情報がありません",
        "情報が不足しています",
        "記述は見つかりません",
        "記述が見つかりません",
        "回答するための十分な情報",
        "文書には記載されていません",
        "文書には記載がありません",
        "文書に記載がありません",
        "文書に記載されていません",
        "規定が記載されていません",
        "記載は見つかりません",
        "記載が見当たりません",
        "答えは文書にありません",
        "文書に答えがありません",
        "文書に答えが見つかりません",
        "cannot answer",
        "can't answer",
        "unable to answer",
        "does not contain the answer",
        "not enough information",
    ),
    whole=(
        "回答できません",
        "お答えできません",
        "答えられません",
        "お答えすることはできません",
        "わかりません",
        "分かりません",
        "不明です",
        "I don't know",
    ),
)


def classify(answer: str, documents: Sequence[str] = (), rules: RefusalRules = DEFAULT_RULES) -> RefusalState:
    """Whether an answer refuses, answers, or does both.

    Args:
        answer: The answer without its thinking part; not empty.
        documents: What the model was given. A sentence copied from them is no refusal.
        rules: Phrases that decline.
    """
    rest: list[str] = []
    declined = False
    sentences = [sentence.text for sentence in split_sentences(_unwrap(answer))]
    if not _may_decline(sentences, rules):
        return "answered"
    for sentence in sentences:
        if _declines(sentence, documents, rules):
            declined = True
        else:
            rest.append(sentence)
    if not declined:
        return "answered"
    return "partial" if _claims_something(rest) else "refused"


def classify_seed001(
    answer: str, documents: Sequence[str] = (), rules: RefusalRules | None = None
) -> RefusalState:
    """The article's rule: one of five phrases anywhere is a refusal. The other arguments do not matter."""
    del documents, rules
    return "refused" if any(phrase in answer for phrase in SEED001_PHRASES) else "answered"


REFUSAL_RULES: dict[str, Callable[..., RefusalState]] = {
    "three_way": classify,
    "seed001": classify_seed001,
}


def _unwrap(answer: str) -> str:
    """The system prompt names the refusal in brackets, and some models repeat it with them."""
    text = answer.strip()
    whole = _QUOTED.fullmatch(text.rstrip("。"))
    return whole.group(1) if whole else text


def _may_decline(sentences: Sequence[str], rules: RefusalRules) -> bool:
    """Whether any of them can decline: all are looked through at once, because few answers do."""
    anywhere, whole = _plain_phrases(rules)
    own_words = norm_ja("\n".join(_QUOTED.sub("", sentence) for sentence in sentences))
    if any(map(own_words.__contains__, anywhere)):
        return True
    return any(map(norm_ja("\n".join(sentences)).__contains__, whole))


def _declines(sentence: str, documents: Sequence[str], rules: RefusalRules) -> bool:
    own_words = norm_ja(_QUOTED.sub("", sentence))
    # compared with its punctuation: 「回答：できません。」 gives an answer
    whole = norm_light(sentence).strip(_ENDS) in rules.whole
    if not whole and not any(map(own_words.__contains__, _plain_phrases(rules)[0])):
        return False
    # last, because few sentences decline and documents are long
    plain = norm_ja(sentence)
    return len(plain) < _QUOTE_MIN or not any(plain in norm_ja(document) for document in documents)


@lru_cache(maxsize=16)
def _plain_phrases(rules: RefusalRules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The phrases of both kinds after `norm_ja`."""
    anywhere, whole = (tuple(map(norm_ja, phrases)) for phrases in (rules.anywhere, rules.whole))
    return tuple(filter(None, anywhere)), whole


def _claims_something(sentences: Sequence[str]) -> bool:
    prose = 0
    for sentence in sentences:
        if any(len(norm_ja(quote)) >= _QUOTE_MIN for quote in _QUOTED.findall(sentence)):
            return True
        if any(item.kind != "negation" for item in find_specifics(sentence)):
            return True
        if not _TALK_ABOUT_SOURCES.search(sentence):
            prose += len(norm_ja(sentence))
    return prose >= _LONG
