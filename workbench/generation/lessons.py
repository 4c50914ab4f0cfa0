"""Reads what a teacher model wrote and checks it against the document it must come from."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Literal, NamedTuple, cast

from workbench.generation.extractive import QUOTE_MIN
from workbench.generation.teaching import Lesson, TeacherTask
from workbench.generation.templates import build_reasoned_target, strip_stop
from workbench.text.normalise import map_norm_spaceless, norm_spaceless
from workbench.text.sentences import is_balanced

Fault = Literal[
    "answer_not_json",
    "answer_incomplete",
    "document_wrong",
    "quote_too_short",
    "quote_not_found",
    "quote_brackets",
    "number_unsupported",
    "teacher_refused",
]

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_REFUSED = re.compile(r"回答できません|答えられません|情報が(?:含まれて|記載されて)いません")
_DOC_NUMBER = re.compile(r"\d+")


class Judged(NamedTuple):
    """A checked answer: a lesson, or what is wrong with it."""

    lesson: Lesson | None
    fault: Fault | None


class _Fields(NamedTuple):
    quote: str
    doc_no: int
    reason: str
    short_answer: str


def judge_answer(text: str, task: TeacherTask) -> Judged:
    """Accept an answer only where everything it claims stands in the oracle."""
    value = _find_object(text)
    if value is None:
        return Judged(None, "answer_not_json")
    fields = _read_fields(value)
    if fields is None:
        return Judged(None, "answer_incomplete")
    fault = _find_fault(fields, task)
    if fault is not None:
        return Judged(None, fault)
    quote = _locate(fields.quote, task.oracle)
    if quote is None:
        return Judged(None, "quote_not_found")
    if not is_balanced(quote):
        return Judged(None, "quote_brackets")
    target = build_reasoned_target(task.oracle_position, quote, fields.reason, fields.short_answer)
    return Judged(Lesson(target, quote, fields.short_answer), None)


def _find_object(text: str) -> dict[str, Any] | None:
    """The JSON object in an answer, also within a code fence or between sentences."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        value = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _read_fields(value: dict[str, Any]) -> _Fields | None:
    number = _DOC_NUMBER.search(unicodedata.normalize("NFKC", str(value.get("doc_no", ""))))
    texts = {name: value.get(name) for name in ("quote", "short_answer", "reason")}
    quote, short, reason = (text.strip() if isinstance(text, str) else "" for text in texts.values())
    if number is None or not quote or not short:
        return None
    return _Fields(strip_stop(_unwrap(quote)), int(number.group()), reason, short)


def _unwrap(quote: str) -> str:
    """A quotation that came with its own marks around it."""
    inner = quote[1:-1]
    return inner if quote.startswith("「") and quote.endswith("」") and is_balanced(inner) else quote


def _find_fault(fields: _Fields, task: TeacherTask) -> Fault | None:
    if _REFUSED.search(fields.short_answer):
        return "teacher_refused"
    if fields.doc_no != task.oracle_position:
        return "document_wrong"
    if len(norm_spaceless(fields.quote)) < QUOTE_MIN:
        return "quote_too_short"
    if not _numbers(fields.short_answer) <= _numbers(task.oracle):
        return "number_unsupported"
    return None


def _numbers(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKC", text)
    return {number.replace(",", "") for number in _NUMBER.findall(plain)}


def _locate(quote: str, document: str) -> str | None:
    """The passage as it stands in the document, where the quotation differs at most in width and spaces."""
    mapped = map_norm_spaceless(document)
    wanted = norm_spaceless(quote)
    at = mapped.text.find(wanted)
    if at < 0:
        return None
    last = at + len(wanted)
    end = mapped.offsets[last] if last < len(mapped.offsets) else len(document)
    return document[mapped.offsets[at] : end].rstrip()
