"""What a reward model says of an answer: named scores, in the forms in which servers send them. Pure.

NVIDIA's reward models answer a chat request that ends with the assistant's turn. NIM for LLMs writes
`helpfulness:1.6,correctness:…` into the message's content (NIM documentation, "Use Reward Models"); the hosted
Nemotron-4-340B-Reward sends a list in place of the message and repeats the scores in `logprobs.content`, where
`token` is the attribute and `logprob` its score; Llama-3.1-Nemotron-70B-Reward has one score, `reward:-12.3`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from workbench.inference.outcome import DETAIL_LIMIT, CallFailed, Failure
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint

SINGLE = "reward"
HELPSTEER = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
WEIGHTS = (0.3, 0.74, 0.46, 0.47, -0.33)
"""How the model card of Nemotron-4-340B-Reward makes one number of the five attributes."""
WEIGHTED = "weighted"
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_PAIR = re.compile(rf"\s*([A-Za-z][\w .-]{{0,60}}?)\s*[:=]\s*({_NUMBER})\s*")
_BARE = re.compile(rf"\s*({_NUMBER})\s*")


def parse_rewards(text: str) -> dict[str, float]:
    """Scores by name out of `name:score,name:score` or a bare number; empty where it is neither, in full."""
    bare = _BARE.fullmatch(text)
    if bare:
        return _keep_finite({SINGLE: float(bare.group(1))})
    scores: dict[str, float] = {}
    for part in text.strip().strip(",").split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            return {}
        scores[match.group(1).strip().lower()] = float(match.group(2))
    return _keep_finite(scores)


def add_weighted(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores, and where all five attributes of HelpSteer2 are there their weighted sum."""
    if any(name not in scores for name in HELPSTEER):
        return dict(scores)
    total = sum(weight * scores[name] for name, weight in zip(HELPSTEER, WEIGHTS, strict=True))
    return {**scores, WEIGHTED: total}


def choose_primary(names: Iterable[str]) -> str:
    """The score that counts: helpfulness, as the published tutorials filter by it, else the first."""
    given = list(names)
    return "helpfulness" if "helpfulness" in given else given[0] if given else SINGLE


def write_rewards(scores: Mapping[str, float]) -> str:
    """Scores as the text of a reply; `parse_rewards` reads them back unchanged."""
    return ",".join(f"{name}:{value!r}" for name, value in scores.items())


def build_reward_body(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    """Arguments of the call: nothing is generated, so there is nothing to sample and to think about."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        # plain strings: reward servers do not know contents made of parts
        "messages": [message.model_dump() for message in request.messages],
        "stream": False,
    }
    return body | {"extra_body": dict(endpoint.extra_body)} if endpoint.extra_body else body


def read_reward_completion(completion: Any) -> ChatReply:
    """A reply whose text holds the scores.

    `finish_reason` is `length` for every one of them and says nothing.

    Raises:
        CallFailed: There is no answer in it.
    """
    choices = getattr(completion, "choices", None)
    if not choices:
        raise CallFailed(Failure("request", "answer_not_chat", str(completion)[:DETAIL_LIMIT]))
    choice, usage = choices[0], getattr(completion, "usage", None)
    content = _read_content(getattr(choice, "message", None))
    scores = parse_rewards(content) or _read_logprobs(getattr(choice, "logprobs", None))
    return ChatReply(
        text=write_rewards(scores) if scores else content,
        state="ok" if scores or content.strip() else "empty",
        finish_reason=str(getattr(choice, "finish_reason", "") or ""),
        prompt_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        completion_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
    )


def _read_content(message: Any) -> str:
    if isinstance(message, Sequence) and not isinstance(message, str):
        parts = cast("Sequence[Any]", message)
        message = parts[0] if parts else None
    content = _get(message, "content")
    return content if isinstance(content, str) else "" if content is None else str(content)


def _read_logprobs(logprobs: Any) -> dict[str, float]:
    entries = _get(logprobs, "content")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return {}
    scores: dict[str, float] = {}
    for entry in cast("Sequence[Any]", entries):
        name, score = _get(entry, "token"), _get(entry, "logprob")
        # where a server sends real log probabilities, its tokens are pieces of words
        if not isinstance(name, str) or name.strip().lower() not in (*HELPSTEER, SINGLE):
            return {}
        if not isinstance(score, int | float):
            return {}
        scores[name.strip().lower()] = float(score)
    return _keep_finite(scores)


def _get(holder: Any, name: str) -> Any:
    if isinstance(holder, Mapping):
        return cast("Mapping[str, Any]", holder).get(name)
    return getattr(holder, name, None)


def _keep_finite(scores: dict[str, float]) -> dict[str, float]:
    return scores if all(math.isfinite(value) for value in scores.values()) else {}
