"""The instructions by their ids. Those without `ja:` are IFEval's; those with it are this project's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.text.instructions import forms, keywords, lengths, whole
from workbench.text.instructions.base import (
    Instruction,
    read_choice,
    read_count,
    read_letter,
    read_pattern,
    read_patterns,
    read_position,
    read_relation,
    read_text,
)
from workbench.text.instructions.japanese_registry import JAPANESE
from workbench.text.instructions.language import CODES


def _read_section_word(value: Any) -> str:
    forms.compile_heading(read_text(value))
    return value


def _fits_paragraphs(values: Mapping[str, Any]) -> str:
    return "nth_paragraph" if values["nth_paragraph"] > values["num_paragraphs"] else ""


PUBLISHED: dict[str, Instruction] = {
    "keywords:existence": Instruction(keywords.has_keywords, {"keywords": read_patterns}),
    "keywords:frequency": Instruction(
        keywords.counts_keyword,
        {"keyword": read_pattern, "frequency": read_count, "relation": read_relation},
    ),
    "keywords:forbidden_words": Instruction(keywords.avoids_words, {"forbidden_words": read_patterns}),
    "keywords:letter_frequency": Instruction(
        keywords.counts_letter,
        {"letter": read_letter, "let_frequency": read_count, "let_relation": read_relation},
    ),
    "language:response_language": Instruction(
        whole.is_in_language, {"language": read_choice(*CODES)}, detects_language=True
    ),
    "length_constraints:number_sentences": Instruction(
        lengths.counts_sentences, {"num_sentences": read_count, "relation": read_relation}, exact=False
    ),
    "length_constraints:number_paragraphs": Instruction(
        lengths.counts_divided_paragraphs, {"num_paragraphs": read_count}
    ),
    "length_constraints:number_words": Instruction(
        lengths.counts_words, {"num_words": read_count, "relation": read_relation}
    ),
    "length_constraints:nth_paragraph_first_word": Instruction(
        lengths.starts_paragraph,
        {"num_paragraphs": read_count, "nth_paragraph": read_position, "first_word": read_text},
        fits=_fits_paragraphs,
    ),
    "detectable_content:number_placeholders": Instruction(
        forms.counts_placeholders, {"num_placeholders": read_count}
    ),
    "detectable_content:postscript": Instruction(forms.has_postscript, {"postscript_marker": read_pattern}),
    "detectable_format:number_bullet_lists": Instruction(forms.counts_bullets, {"num_bullets": read_count}),
    "detectable_format:constrained_response": Instruction(forms.chooses_answer),
    "detectable_format:number_highlighted_sections": Instruction(
        forms.counts_highlights, {"num_highlights": read_count}
    ),
    "detectable_format:multiple_sections": Instruction(
        forms.counts_sections, {"section_spliter": _read_section_word, "num_sections": read_count}
    ),
    "detectable_format:json_format": Instruction(forms.is_json),
    "detectable_format:title": Instruction(forms.has_title),
    "combination:two_responses": Instruction(whole.gives_two_answers),
    "combination:repeat_prompt": Instruction(whole.repeats_prompt, {"prompt_to_repeat": read_text}),
    "startend:end_checker": Instruction(whole.ends_with, {"end_phrase": read_text}),
    "startend:quotation": Instruction(whole.is_quoted),
    "change_case:capital_word_frequency": Instruction(
        whole.counts_capital_words,
        {"capital_frequency": read_count, "capital_relation": read_relation},
    ),
    "change_case:english_capital": Instruction(whole.is_upper_english, detects_language=True),
    "change_case:english_lowercase": Instruction(whole.is_lower_english, detects_language=True),
    "punctuation:no_comma": Instruction(whole.has_no_comma),
}
"""IFEval's 25 types under their published ids."""

INSTRUCTIONS: dict[str, Instruction] = PUBLISHED | JAPANESE
