"""The Japanese instructions by their ids: this project's own, not part of the published benchmark."""

from __future__ import annotations

from collections.abc import Callable

from workbench.text.instructions import forms, japanese
from workbench.text.instructions.base import (
    Instruction,
    Reader,
    read_choice,
    read_count,
    read_relation,
    read_text,
    read_texts,
)


def _own(check: Callable[..., bool], **arguments: Reader) -> Instruction:
    return Instruction(check, arguments, exact=False)


JAPANESE: dict[str, Instruction] = {
    "ja:length:characters": _own(
        japanese.counts_characters, num_characters=read_count, relation=read_relation
    ),
    "ja:length:sentences": _own(japanese.counts_sentences, num_sentences=read_count, relation=read_relation),
    "ja:length:sentence_characters": _own(japanese.keeps_sentences_short, max_characters=read_count),
    "ja:length:paragraphs": _own(japanese.counts_paragraphs, num_paragraphs=read_count),
    "ja:keywords:existence": _own(japanese.has_keywords, keywords=read_texts),
    "ja:keywords:frequency": _own(
        japanese.counts_keyword, keyword=read_text, frequency=read_count, relation=read_relation
    ),
    "ja:keywords:forbidden_words": _own(japanese.avoids_words, forbidden_words=read_texts),
    "ja:format:bullets": _own(japanese.counts_bullets, num_bullets=read_count),
    "ja:format:numbered_items": _own(japanese.counts_items, num_items=read_count),
    "ja:format:headings": _own(japanese.counts_headings, num_headings=read_count),
    "ja:format:json": _own(forms.is_json),
    "ja:format:title": _own(japanese.has_title, brackets=read_choice("『』", "【】", "「」", "《》")),
    "ja:startend:starts_with": _own(japanese.starts_with, start_phrase=read_text),
    "ja:startend:ends_with": _own(japanese.ends_with, end_phrase=read_text),
    "ja:startend:quotation": _own(japanese.is_quoted),
    "ja:punctuation:no_touten": _own(japanese.has_no_touten),
    "ja:script:hiragana_only": _own(japanese.is_hiragana),
    "ja:script:katakana_only": _own(japanese.is_katakana),
    "ja:script:no_kanji": _own(japanese.has_no_kanji),
    "ja:script:no_katakana": _own(japanese.has_no_katakana),
    "ja:script:no_latin": _own(japanese.has_no_latin),
    "ja:style:polite": _own(japanese.is_polite),
    "ja:style:plain": _own(japanese.is_plain),
}
