"""What a judge is asked. Pure.

Questions, documents and answers are data: each stands between tags of its own, and whatever in them looks like
one of the tags, or like a score, is made harmless first. An answer that says `[[5]]`, or that closes its tag
and gives orders, reaches the judge as text that can do neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from workbench.evaluation.judging.rubrics import Frame, LoadedRubric
from workbench.schemas.chat import ChatMessage
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.judging import Criterion, Rubric

MAX_CHARS = 200_000
"""Longer texts are not sent: no judge reads them whole."""
_TAG = re.compile(r"[<＜](?=\s*[/／]?\s*(?:question|documents?|reference|answer(?:_[ab])?)\b)", re.IGNORECASE)
_BRACKETS = re.compile(r"([\[［])(?=\s*[\[［])")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Controls but for tab and line feed, zero-width and direction characters, lone surrogates, tag characters."""


def absolute_messages(loaded: LoadedRubric, answer: ScoredAnswer) -> tuple[ChatMessage, ...]:
    """The request for the scores of one answer."""
    rubric, frame = loaded.rubric, loaded.frame
    blocks = [
        *_common(rubric, frame, answer),
        _block(frame.answer, "answer", answer.prediction),
        *_guidance(rubric, frame, answer),
        f"## {frame.order}\n{_absolute_order(rubric, frame)}",
    ]
    return _messages(rubric, frame, blocks)


def pairwise_messages(
    loaded: LoadedRubric, first: ScoredAnswer, second: ScoredAnswer
) -> tuple[ChatMessage, ...]:
    """The request for a verdict; the first answer is shown as A."""
    rubric, frame = loaded.rubric, loaded.frame
    blocks = [
        *_common(rubric, frame, first),
        _block(frame.answer_a, "answer_a", first.prediction),
        _block(frame.answer_b, "answer_b", second.prediction),
        *_guidance(rubric, frame, first),
        f"## {frame.order}\n{frame.pairwise}",
    ]
    return _messages(rubric, frame, blocks)


def reward_messages(frame: Frame, answer: ScoredAnswer) -> tuple[ChatMessage, ...]:
    """A conversation for a reward model: the prompt as it was asked, then the answer.

    Where the prompt is not known (answers from a file), the documents stand before the question.
    """
    said = ChatMessage(role="assistant", content=answer.prediction)
    if answer.messages:
        return (*answer.messages, said)
    documents = [
        f"{frame.document.format(number=number)}:\n{text}"
        for number, text in enumerate(answer.documents, start=1)
    ]
    return (
        ChatMessage(role="user", content="\n\n".join([*documents, answer.question])),
        said,
    )


def is_too_long(*answers: ScoredAnswer) -> bool:
    """Whether question, documents and answers together are longer than any judge reads."""
    texts = [answers[0].question, *answers[0].documents, answers[0].target, *answers[0].references]
    return sum(map(len, texts)) + sum(len(answer.prediction) for answer in answers) > MAX_CHARS


def defuse(text: str) -> str:
    """Data that can neither close its tag nor pass for a score.

    Invisible characters are taken out first: they could hide either from a reader, or from this function.
    """
    return _BRACKETS.sub(r"\1 ", _TAG.sub("‹", _HIDDEN.sub("", text)))


def _messages(rubric: Rubric, frame: Frame, blocks: Sequence[str]) -> tuple[ChatMessage, ...]:
    return (
        ChatMessage(role="system", content=f"{rubric.role.strip()}\n\n{frame.notice.strip()}"),
        ChatMessage(role="user", content="\n\n".join(blocks)),
    )


def _common(rubric: Rubric, frame: Frame, answer: ScoredAnswer) -> Iterator[str]:
    yield f"## {frame.criteria}\n" + "\n".join(_say_criterion(one) for one in rubric.criteria)
    yield _block(frame.question, "question", answer.question)
    if rubric.show_documents and answer.documents:
        documents = [
            _tagged("document", text, number=str(number))
            for number, text in enumerate(answer.documents, start=1)
        ]
        yield f"## {frame.documents}\n<documents>\n" + "\n".join(documents) + "\n</documents>"
    references = [text for text in (answer.target, *answer.references) if text.strip()]
    if rubric.show_reference and references:
        yield _block(frame.reference, "reference", "\n".join(dict.fromkeys(references)))


def _guidance(rubric: Rubric, frame: Frame, answer: ScoredAnswer) -> Iterator[str]:
    if answer.kind in rubric.notes:
        yield f"## {frame.note}\n{rubric.notes[answer.kind].strip()}"
    if answer.id in rubric.cases:
        yield f"## {frame.case}\n{rubric.cases[answer.id].strip()}"


def _say_criterion(criterion: Criterion) -> str:
    levels = [f"    {level}: {criterion.levels[level]}" for level in sorted(criterion.levels, reverse=True)]
    return "\n".join([f"- {criterion.title}: {criterion.ask}", *levels])


def _absolute_order(rubric: Rubric, frame: Frame) -> str:
    values: Mapping[str, int] = {"count": len(rubric.criteria), "low": rubric.low, "high": rubric.high}
    lines = [frame.score.format(title=criterion.title) for criterion in rubric.criteria]
    return "\n".join([frame.absolute.format(**values), *lines])


def _block(heading: str, tag: str, text: str) -> str:
    return f"## {heading}\n{_tagged(tag, text)}"


def _tagged(tag: str, text: str, **attributes: str) -> str:
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{written}>\n{defuse(text)}\n</{tag}>"
