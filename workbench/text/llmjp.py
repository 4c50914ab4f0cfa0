r"""How llm-jp-eval (v1.3 to v2.1.5) takes an answer out of a text and compares it.

Facts about its formats, re-stated here; see the records of a real run that the tests score again. `re.search`
with DOTALL, groups joined and stripped, NFKC on both sides, no lower-casing, no removal of punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from workbench.startup import later

if TYPE_CHECKING:
    from rapidfuzz import fuzz, utils
else:
    fuzz, utils = later("rapidfuzz.fuzz"), later("rapidfuzz.utils")

ANSWER_PATTERNS: dict[str, re.Pattern[str]] = {
    "choice_only_jp": re.compile(r"^(.*?)(?=\n|\Z)", re.DOTALL),
    "answer_tags_jp": re.compile(r"<answer>(.*?)</answer>", re.DOTALL),
    "custom": re.compile(r"^(.*?)(?=\n\n|\Z)", re.DOTALL),
}
"""By `answer_pattern_id`: the first line, what stands between the tags, the first paragraph."""


def extract_llmjp(text: str, pattern: str) -> str:
    """What the pattern takes out of an answer, in NFKC; empty where it fits nowhere.

    Raises:
        KeyError: There is no such pattern.
    """
    found = ANSWER_PATTERNS[pattern].search(text)
    return unicodedata.normalize("NFKC", "".join(found.groups()).strip()) if found else ""


def char_f1_llmjp(prediction: str, target: str) -> float:
    """What llm-jp-eval reports as `char_f1`: rapidfuzz' token_sort_ratio in whole percent. It is no F1.

    Both sides in NFKC. `default_process` lower-cases and turns punctuation into spaces; without it 18 of 80
    published records differ.
    """
    flat = [unicodedata.normalize("NFKC", text) for text in (prediction, target)]
    return round(fuzz.token_sort_ratio(*flat, processor=utils.default_process)) / 100
