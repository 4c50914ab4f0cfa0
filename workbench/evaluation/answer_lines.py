"""From a record of a file of answers to a question and a reply, as if the workbench had asked itself.

    {"id", "question", "expected", "prediction", "documents"?, "references"?, "genre"?, "source"?,
     "state"? | "finish_reason"? | "error"?, "published"?, ... what the protocol needs}

`expected` may be a list of accepted answers. `target`, as the workbench's own answers name it, is read as well.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, cast

from workbench.evaluation.answer_records import Record
from workbench.evaluation.protocols import Protocol
from workbench.evaluation.protocols.free import read_facts
from workbench.evaluation.protocols.raft import raft_kind
from workbench.schemas.chat import Sample
from workbench.schemas.inference import AnswerState, ChatReply
from workbench.text.key_facts import UnboundedPatternError, check_fact
from workbench.text.normalise import is_blank, strip_think

MAX_ANSWER = 200_000
"""Characters of an answer. More than any model is asked for, and checks of quotations would take minutes."""
UNREADABLE = ("prediction_missing", "prediction_not_text", "answer_too_long")
"""Error codes of lines whose prediction is no answer."""
_STATES: dict[str, AnswerState] = {
    "empty": "empty",
    "truncated": "truncated",
    "thinking_truncated": "thinking_truncated",
    "error": "error",
}
_KNOWN_STATES = frozenset({*_STATES, "ok", "answered", "refused", "partial"})
_READ = frozenset(
    {
        "id",
        "question",
        "expected",
        "target",
        "references",
        "prediction",
        "documents",
        "genre",
        "source",
        "kind",
        "state",
        "answer_state",
        "finish_reason",
        "error",
        "error_code",
        "published",
        "cut",
    }
)


class AnswerLine(NamedTuple):
    """One line, ready to be scored."""

    sample: Sample
    reply: ChatReply
    named: bool
    """The line has an id of its own; otherwise it is made from what the line says."""
    final: bool
    """The line itself says that nothing was answered."""
    published: dict[str, float]
    """Scores that were published with the answer, by name."""


def read_line(record: Record, protocol: Protocol, task: str) -> AnswerLine:
    """A question with its reply.

    Raises:
        InputError: `answers_no_expected`, `answers_expected_unreadable`, `answers_field_missing`,
            `answers_field_bad`.
    """
    values = record.values
    question, documents = _text(values.get("question")), _documents(record)
    expected, references = _accepted(record)
    meta = {key: value for key, value in values.items() if key not in _READ}
    name = _text(values.get("id")).strip()
    position = meta.pop("oracle_position", None)
    sample = Sample(
        id=name or _hash(question, expected, *documents),
        kind=raft_kind(values.get("kind"), expected) if protocol.name == "raft" else "task",
        task="" if protocol.name == "raft" else task,
        genre=_text(values.get("genre")),
        source=_text(values.get("source")),
        messages=(),
        question=question,
        documents=documents,
        target=expected,
        references=references,
        oracle_position=position if isinstance(position, int) else None,
        meta=meta,
    )
    _check(record, sample, protocol)
    reply, final = _reply(record)
    return AnswerLine(sample, reply, bool(name), final, _published(record))


def _check(record: Record, sample: Sample, protocol: Protocol) -> None:
    if protocol.needs_expected and not sample.target.strip():
        raise record.fault("answers_no_expected", protocol=protocol.name)
    if sample.target.strip() and not protocol.reads_expected(sample.target):
        raise record.fault("answers_expected_unreadable", value=sample.target[:60], protocol=protocol.name)
    for name in protocol.needs:
        if not sample.meta.get(name):
            raise record.fault("answers_field_missing", field=name, protocol=protocol.name)
    for fact in read_facts(sample.meta):
        try:
            check_fact(fact)
        except UnboundedPatternError as exc:
            raise record.fault("answers_fact_bad", value=str(exc)[:60]) from exc


def _reply(record: Record) -> tuple[ChatReply, bool]:
    """What was answered, and whether the line itself says that it is no answer."""
    values = record.values
    if values.get("error") or values.get("error_code"):
        return ChatReply(text="", state="error", error_code=_error_code(values)), True
    # the workbench's own answers say both: there `state` is what became of the answer
    said = values.get("state") or values.get("answer_state")
    if said is not None and said not in _KNOWN_STATES:
        raise record.fault("answers_field_bad", field="state")
    prediction = values.get("prediction")
    if isinstance(prediction, list | dict) or prediction is None:
        code = "prediction_missing" if prediction is None else "prediction_not_text"
        state = _STATES.get(str(said), "error")
        return ChatReply(text="", state=state, error_code=code if state == "error" else ""), True
    text = _text(prediction)
    if len(text) > MAX_ANSWER:
        return ChatReply(text="", state="error", error_code="answer_too_long"), True
    return _read_text(text, _STATES.get(str(said)), str(values.get("finish_reason") or ""))


def _read_text(text: str, said: AnswerState | None, finish_reason: str) -> tuple[ChatReply, bool]:
    # without thinking a text stays as it is: where its first line ends is part of some protocols
    stripped = strip_think(text) if "think>" in text.lower() else None
    kept = text if stripped is None else stripped.text
    state: AnswerState = said or "ok"
    if said is None and stripped is not None and stripped.truncated:
        state = "thinking_truncated"
    elif said is None and finish_reason == "length":
        state = "truncated"
    elif said is None and is_blank(kept):
        state = "empty"
    reasoning = stripped.reasoning if stripped else ""
    return ChatReply(
        text=kept, reasoning=reasoning, state=state, finish_reason=finish_reason
    ), said is not None


def _error_code(values: dict[str, object]) -> str:
    told = values.get("error_code") or values.get("error")
    if isinstance(told, dict):
        details = cast("dict[str, object]", told)
        told = details.get("code") or details.get("message") or "error"
    return _text(told)[:200]


def _accepted(record: Record) -> tuple[str, tuple[str, ...]]:
    values = record.values
    raw = values["expected"] if "expected" in values else values.get("target")
    if isinstance(raw, dict):
        raise record.fault("answers_field_bad", field="expected")
    listed = [_text(item) for item in cast("list[object]", raw)] if isinstance(raw, list) else [_text(raw)]
    further: object = values.get("references") or []
    if not isinstance(further, list):
        raise record.fault("answers_field_bad", field="references")
    references = [*listed[1:], *(_text(item) for item in cast("list[object]", further))]
    return (listed[0] if listed else ""), tuple(references)


def _documents(record: Record) -> tuple[str, ...]:
    raw: object = record.values.get("documents") or []
    if not isinstance(raw, str | list):
        raise record.fault("answers_field_bad", field="documents")
    texts: list[str] = []
    for item in [raw] if isinstance(raw, str) else cast("list[object]", raw):
        value = cast("dict[str, object]", item).get("text") if isinstance(item, dict) else item
        if not isinstance(value, str):
            raise record.fault("answers_field_bad", field="documents")
        texts.append(_text(value))
    return tuple(texts)


def _published(record: Record) -> dict[str, float]:
    raw: object = record.values.get("published") or {}
    if not isinstance(raw, dict):
        raise record.fault("answers_field_bad", field="published")
    found: dict[str, float] = {}
    for name, value in cast("dict[str, object]", raw).items():
        if not isinstance(value, int | float):
            raise record.fault("answers_field_bad", field="published")
        found[f"published_{name}"] = float(value)
    cut = record.values.get("cut")
    return found if cut is None else found | {"cut": float(bool(cut))}


def _text(value: object) -> str:
    """A value as text that UTF-8 can hold; half a surrogate pair becomes U+FFFD."""
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _hash(*parts: str) -> str:
    return "h" + hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()[:16]
