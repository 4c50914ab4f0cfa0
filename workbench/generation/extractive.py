"""Picks the sentence of a document that answers a question best, without a model.

A sentence is good when it shares rare character bigrams with the question, stands early (answers of a FAQ
begin with their conclusion) and is a statement. Headings, lists of law references, pointers to other pages
and questions are taken only where nothing else is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from workbench.generation.templates import strip_stop
from workbench.text.bm25 import bigrams
from workbench.text.sentences import is_balanced, split_sentences

QUOTE_MIN = 8
"""Shortest quotation in characters."""
_LONG = 160

Weights = Callable[[str], dict[str, float]]

# 【関係法令通達】, 【参考】, ＜根拠条文＞ ...: what follows names sources and answers nothing
_SOURCES = re.compile(
    r"^[【\[＜<《〔（(■◆●○]*\s*(関係|参考|根拠|参照|関連|適用|出典)[^。]{0,14}[】\]＞>》〕）)：:]?\s*$"
)
_HEADING_START = re.compile(r"^【[^】]{1,20}】\s*")
_HEADING = re.compile(r"^(?:【[^】]*】|＜[^＞]*＞|《[^》]*》|■[^。]{0,20})$")
_SOURCES_START = re.compile(r"^[【〔［](関係|参考|根拠|参照|関連|適用|出典)[^】〕］]{0,14}[】〕］]")
_BULLET = re.compile(
    r"^(?:[・･●○◯◎■□◆◇▼▽★☆※➢✓→⇒\-*•－]|[(（]?[0-9０-９]{1,2}[)）.．、:：]|[0-9０-９]{1,2}[ \u3000]+"
    r"|[(（][ア-ンa-zA-Zⅰ-ⅻⅠ-Ⅻ一二三四五六七八九十][)）]|[①-⑳]|[A-ZＡ-Ｚ][.．:：]|【[^】]{0,12}】|答え?[:：])\s*"
)
_LAW = re.compile(
    r"第[0-9０-９一二三四五六七八九十百]+(?:条|項|号|章|節)(?:の[0-9０-９一二三四五六七八九十]+)?"
    r"|[一-龠々ァ-ヶー（）()の]*(?:法施行令|法施行規則|法|施行令|施行規則|規則|基本通達|関係通達|通達|規程|条約|政令|省令)"
    r"|[0-9０-９]+[−\-－の共〜~][0-9０-９−\-－の共〜~]*"
)
_STATEMENT = re.compile(
    r"(?:です|ます|ません|でした|ました|ください|下さい|ない|なる|ある|する|できる|いる|う|る|た|だ|い)[。．]?[)）」]?$"
)
_POLITE = re.compile(r"(?:です|ます|ません|でした|ました|ください|下さい)[。．]?[)）」]?$")
_QUESTION = re.compile(r"(?:か|でしょうか)[。．]?$|[？?]$")
_POINTER = re.compile(
    r"(?:こちら|リンク|ホームページ|ページ|ウェブサイト|サイト|URL|以下|次の|別添|別紙|下記|タックスアンサー)[^。]{0,40}(?:ご?覧|参照|ご確認|ご参考|おたずね|お問い?合わせ|記載の|とおり|通り)"
)
_INTRODUCES = re.compile(r"(?:以下|次|下記)の(?:とおり|通り)です[。．]?$")
_GREETING = re.compile(r"^(?:お問い?合わせ|ご質問|いつも|お知らせ|ご案内|次のとおり|以下のとおり|市からの)")
_ASIDE = re.compile(
    r"^(?:なお|ただし|但し|また、|例えば|たとえば|さらに|一方|※|注|おって|この他|その他|[(（])"
)
_CONCLUSION = re.compile(r"^(?:したがって|従って|よって|そのため|以上のことから|以上から|このため)")


class Pick(NamedTuple):
    """The chosen sentence."""

    sentence: str
    """As it stands in the document, with its final stop."""
    quote: str
    """What stands inside 「」: a part of the document, word for word."""


class _Candidate(NamedTuple):
    text: str
    place: int
    """0 for the first sentence that could be quoted."""
    in_sources: bool
    is_aside: bool


def pick_sentence(question: str, document: str, weights: Weights) -> Pick | None:
    """The best sentence, or None where no sentence is long enough.

    Args:
        question: What is asked.
        document: The document that answers.
        weights: Gives every bigram of a text its weight (`BigramIndex.idf`).
    """
    candidates = _list_candidates(document)
    if not candidates:
        return None
    wanted = weights(question)
    # ties go to the earlier sentence
    best = max(candidates, key=lambda one: (_rate(one, wanted), -one.place))
    return Pick(best.text, strip_stop(best.text))


def _list_candidates(document: str) -> list[_Candidate]:
    found: list[_Candidate] = []
    in_sources = False
    for sentence in split_sentences(document):
        text = sentence.text
        if _SOURCES.match(text) or _SOURCES_START.match(text):
            in_sources = True
        elif _HEADING_START.match(text):
            in_sources = False
        if _HEADING.match(text):
            continue
        is_aside = _ASIDE.match(text) is not None
        text = _strip_bullets(text)
        if len(strip_stop(text)) >= QUOTE_MIN and is_balanced(text):
            found.append(_Candidate(text, len(found), in_sources, is_aside))
    return found or [
        # sentences of a few characters each, such as はい。できます。: a whole line then
        _Candidate(line.strip(), place, False, False)
        for place, line in enumerate(document.splitlines())
        if len(strip_stop(line.strip())) >= QUOTE_MIN and is_balanced(line)
    ]


def _strip_bullets(text: str) -> str:
    while True:
        shorter = _BULLET.sub("", text, count=1).lstrip()
        if shorter == text or not shorter:
            return text
        text = shorter


def _rate(candidate: _Candidate, wanted: dict[str, float]) -> float:
    """Share of the question's weight that the sentence covers, 0 to 1, plus what its form says."""
    text = candidate.text
    total = sum(wanted.values()) or 1.0
    covered = sum(wanted.get(bigram, 0.0) for bigram in bigrams(text)) / total
    # a long sentence covers more without saying more
    covered /= max(1.0, (len(text) / _LONG) ** 0.5)
    form = 0.15 if _POLITE.search(text) else 0.05 if _STATEMENT.search(text) else -0.3
    place = 0.12 / (1 + candidate.place)
    penalty = (
        2.0 * candidate.in_sources
        + 1.0 * (_law_share(text) > 0.6)
        + 0.3 * bool(_QUESTION.search(text))
        + 0.25 * bool(_POINTER.search(text))
        + 0.3 * bool(_INTRODUCES.search(text))
        + 0.25 * bool(_GREETING.match(text))
        + 0.15 * candidate.is_aside
    )
    return covered + form + place + 0.08 * bool(_CONCLUSION.match(text)) - penalty


def _law_share(text: str) -> float:
    """Share of the characters that belong to references such as 所得税法第37条."""
    return sum(len(match.group()) for match in _LAW.finditer(text)) / len(text)
