"""Small samples and answers for the tests of this room."""

from __future__ import annotations

from typing import Literal

from workbench.evaluation.score import score
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.inference import AnswerState, ChatReply

DOCUMENTS = (
    "住民票の写しの手数料は1通300円です。郵送もできます。",
    "図書館の開館時間は午前9時から午後8時までです。",
)
REFUSAL = "提供された情報からは回答できません。"
QUOTED = "参考文書1に「住民票の写しの手数料は1通300円です」と記載されています。"
PLAIN = "手数料は1通300円です。"


def sample(
    name: str = "s1", kind: Literal["answerable", "unseen", "unanswerable", "general"] = "answerable"
) -> Sample:
    if kind == "general":
        return Sample(
            id=name,
            kind=kind,
            messages=(ChatMessage(role="user", content="果物は？"),),
            question="果物は？",
            target="1",
            meta={"choices": ["犬", "りんご", "机", "車", "空"]},
        )
    answers = kind != "unanswerable"
    return Sample(
        id=name,
        kind=kind,
        messages=(ChatMessage(role="user", content=f"質問 {name}"),),
        question="住民票の手数料はいくらですか。",
        documents=DOCUMENTS,
        target="手数料は1通300円です。" if answers else "",
        oracle_position=1 if answers else None,
    )


def reply(text: str, state: AnswerState = "ok") -> ChatReply:
    return ChatReply(text=text, state=state, error_code="endpoint_timeout" if state == "error" else "")


def scored(
    text: str,
    name: str = "s1",
    kind: Literal["answerable", "unseen", "unanswerable", "general"] = "answerable",
    state: AnswerState = "ok",
) -> ScoredAnswer:
    return score(sample(name, kind), reply(text, state))
