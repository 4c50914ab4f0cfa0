"""Reads which label an answer to a multiple-choice question names, without guessing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

from workbench.text.normalise import norm_ja

ChoiceRule = Literal["whole", "stated", "only_label", "choice_text", "unparsed"]

_WRAPPING = re.compile(r"^[\s\"'「『（(\[【*]+|[\s\"'」』）)\]】*。．.、,:：]+$")
_LABEL_WORDS = re.compile(r"^(?:選択肢|番号)?\s*([0-9]+)\s*(?:番目?|です|番です)?$")
_STATED = re.compile(
    r"\\boxed\{\s*([0-9]+)\s*\}|(?:答え|正解|解答|回答)\s*(?:は|:|=)?\s*(?:選択肢|番号)?\s*[「『（(*]*\s*([0-9]+)(?![0-9.])"
)
_LONE_DIGITS = re.compile(r"(?<![0-9.])[0-9]+(?![0-9.]|択|つ|個|人|年|月|日|%|円)")
_SHORT = 40
"""Characters up to which the only label in an answer is taken for the answer."""


class ChoiceAnswer(NamedTuple):
    """The label that was read, and by which rule."""

    label: str | None
    rule: ChoiceRule


def extract_choice(answer: str, choices: Sequence[str]) -> ChoiceAnswer:
    r"""The label (`0`, `1`, …) that an answer names.

    Rules in order: the whole answer is one label; the last `\boxed{n}`, 答え：n or 正解は n; a short answer
    with one label and no other; the text of exactly one choice occurs. The first digit of a long text is
    never taken.

    Args:
        answer: The answer without its thinking part.
        choices: Texts of the choices; the label of each is its position.
    """
    labels = {str(index) for index in range(len(choices))}
    flat = unicodedata.normalize("NFKC", answer).strip()
    whole = _LABEL_WORDS.match(_unwrap(flat))
    if whole and whole.group(1) in labels:
        return ChoiceAnswer(whole.group(1), "whole")
    stated = [match.group(1) or match.group(2) for match in _STATED.finditer(flat)]
    if stated:
        return _accept(stated[-1], labels, "stated")
    seen = {digits for digits in _LONE_DIGITS.findall(flat) if digits in labels}
    if len(seen) == 1 and len(flat) <= _SHORT:
        return ChoiceAnswer(seen.pop(), "only_label")
    if not seen:
        return _by_text(flat, choices)
    return ChoiceAnswer(None, "unparsed")


def _accept(label: str, labels: set[str], rule: ChoiceRule) -> ChoiceAnswer:
    return ChoiceAnswer(label, rule) if label in labels else ChoiceAnswer(None, "unparsed")


def _unwrap(text: str) -> str:
    previous = ""
    while text != previous:
        previous, text = text, _WRAPPING.sub("", text)
    return text


def _by_text(answer: str, choices: Sequence[str]) -> ChoiceAnswer:
    plain = norm_ja(answer)
    named = [index for index, choice in enumerate(choices) if norm_ja(choice) and norm_ja(choice) in plain]
    # 「県」 inside 「千葉県」 names no choice of its own
    named = [
        index
        for index in named
        if not any(other != index and norm_ja(choices[index]) in norm_ja(choices[other]) for other in named)
    ]
    return ChoiceAnswer(str(named[0]), "choice_text") if len(named) == 1 else ChoiceAnswer(None, "unparsed")
