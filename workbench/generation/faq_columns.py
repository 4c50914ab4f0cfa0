"""Guesses which column of a FAQ file holds the question, the answer and the group."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from workbench.errors import InputError
from workbench.schemas.base import StrictModel
from workbench.schemas.generation import FaqSource

Role = Literal["question", "answer", "group"]


class ColumnMap(StrictModel):
    """Names of the columns as they stand in the file; empty where there is none."""

    question: str = ""
    answer: str = ""
    group: str = ""


# For each role: names that match as a whole, best first, then parts of names.
def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NAMES: dict[Role, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "question": (
        _words("question 質問 ご質問 質問文 質問内容 よくある質問 問い 問 questions q faq")
        + _words("問い合わせ内容 お問い合わせ内容 設問 query prompt instruction input"),
        _words("質問 question 問い 問合"),
    ),
    "answer": (
        _words("answer 回答 ご回答 回答文 回答内容 答え 答 answers a 応答 解答 response completion output"),
        _words("回答 answer 答え 解答 応答"),
    ),
    "group": (
        _words("copyright 省庁 府省 府省庁 部署 部署名 担当部署 担当課 部門 所管 所管課 課 課名 group")
        + _words("department ministry section 分類 大分類 カテゴリ カテゴリー category ジャンル 種別 分野")
        + _words("グループ topic tag タグ"),
        _words("省庁 部署 担当 カテゴリ category 分類 グループ group"),
    ),
}
# "質問番号" and "回答日" hold no text
_NOT_TEXT = re.compile(r"番号|日付|日時|日$|数$|url|リンク|コード|(^|[^a-z])(no|id|date|code)([^a-z]|$)")


def guess_columns(columns: Sequence[str]) -> ColumnMap:
    """The best guess from the names alone; a role stays empty where no name fits."""
    plain = {name: _plain(name) for name in columns if name}
    chosen: dict[Role, str] = {}
    roles: tuple[Role, ...] = ("question", "answer", "group")
    for role in roles:
        free = {name: text for name, text in plain.items() if name not in chosen.values()}
        chosen[role] = _guess_role(role, free)
    return ColumnMap(**chosen)


def resolve_columns(columns: Sequence[str], source: FaqSource) -> ColumnMap:
    """The columns that a person named, and a guess for those left empty.

    Raises:
        InputError: `faq_column_missing` for a name that the file does not have, `faq_columns_unknown` where
            question or answer cannot be guessed, `faq_columns_same` where both are one column.
    """
    guess = guess_columns(columns)
    listed = _list_names(columns)
    for given in (source.question_column, source.answer_column, source.group_column):
        if given and given not in columns:
            raise InputError("faq_column_missing", column=given, columns=listed)
    chosen = ColumnMap(
        question=source.question_column or guess.question,
        answer=source.answer_column or guess.answer,
        group=source.group_column or (guess.group if source.guess_group else ""),
    )
    if not chosen.question or not chosen.answer:
        raise InputError("faq_columns_unknown", columns=listed)
    if chosen.question == chosen.answer:
        raise InputError("faq_columns_same", column=chosen.question)
    if chosen.group in (chosen.question, chosen.answer) and not source.group_column:
        return chosen.model_copy(update={"group": ""})
    return chosen


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().strip("*:＊").casefold()


def _guess_role(role: Role, names: dict[str, str]) -> str:
    exact, parts = _NAMES[role]
    for wanted in exact:
        for name, text in names.items():
            if text == wanted:
                return name
    for part in parts:
        for name, text in names.items():
            if part in text and not _NOT_TEXT.search(text):
                return name
    return ""


def _list_names(columns: Sequence[str], limit: int = 20) -> str:
    shown = [name[:40] for name in columns[:limit] if name]
    text = ", ".join(shown) + (" …" if len(columns) > limit else "")
    return text.encode("utf-8", "replace").decode("utf-8")  # a damaged name must not damage the message
