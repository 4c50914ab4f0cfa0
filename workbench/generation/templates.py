"""The fixed wording of RAFT rows: prompt, target, refusals. Models read it, hence one language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.errors import ConfigError, Problem
from workbench.schemas.chat import ChatMessage
from workbench.schemas.generation import REFUSAL_SENTENCE
from workbench.text.refusals import classify

REFUSALS: tuple[str, ...] = (
    REFUSAL_SENTENCE,
    f"いずれの参考文書にも該当する記述がありません。{REFUSAL_SENTENCE}",
    f"参考文書には、この質問への答えが書かれていません。{REFUSAL_SENTENCE}",
    f"参考文書を確認しましたが、根拠となる記述は見つかりませんでした。{REFUSAL_SENTENCE}",
    f"質問された内容は、参考文書に含まれていません。{REFUSAL_SENTENCE}",
)

_HEAD = "以下の参考文書を基に質問に答えてください。"
_FINAL_STOP = re.compile(r"[。．\s]+$")


def build_user_prompt(documents: Sequence[str], question: str) -> str:
    """The user's turn: numbered documents, then the question."""
    blocks = [f"参考文書{number}:\n{document}" for number, document in enumerate(documents, start=1)]
    return "\n\n".join([_HEAD, *blocks, f"質問: {question}"])


def build_prompt(system_prompt: str, documents: Sequence[str], question: str) -> tuple[ChatMessage, ...]:
    """Everything before the assistant's turn; an empty system prompt leaves its turn out."""
    user = ChatMessage(role="user", content=build_user_prompt(documents, question))
    if not system_prompt:
        return (user,)
    return (ChatMessage(role="system", content=system_prompt), user)


def check_refusal(sentence: str) -> None:
    """Whether an evaluation would count this sentence as a refusal; an empty one stands for `REFUSALS`.

    Raises:
        ConfigError: `refusal_unclear`.
    """
    if sentence and classify(sentence) != "refused":
        raise ConfigError([Problem("RaftConfig.refusal", "refusal_unclear")])


def strip_stop(sentence: str) -> str:
    """A sentence without its final full stop, as it stands inside 「」."""
    return _FINAL_STOP.sub("", sentence)


def build_quote_target(number: int, quote: str) -> str:
    """The target of the extractive teacher: the quotation is the answer."""
    return f"参考文書{number}に「{strip_stop(quote)}」と記載されています。"


def build_reasoned_target(number: int, quote: str, reason: str, answer: str) -> str:
    """The target of a teacher model: quotation, reason, short answer."""
    because = f"{strip_stop(reason)}。" if reason.strip() else ""
    return f"{build_quote_target(number, quote)}{because}したがって、{strip_stop(answer)}。"
