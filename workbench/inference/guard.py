"""Proves on a running server that the baseline is the base with every adapter off, and that a tuned side differs.

Where the server tells the probabilities of its tokens these are compared, else the tokens. The base is asked twice
in the same way first: what differs then is the engine's own noise, and no more than that is forgiven.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from workbench.inference.body import build_body
from workbench.inference.clients import create_client, read_key
from workbench.inference.outcome import CallFailed, Failure, to_endpoint_error
from workbench.inference.protocol import ChatClient
from workbench.inference.retry import RetryPolicy
from workbench.schemas.base import parse
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling
from workbench.schemas.serving import GuardResult

QUESTIONS = (
    "参考文書1: 窓口は平日の九時から十七時まで開いています。\n\n質問: 窓口は何時に閉まりますか。",
    "次の文を短くまとめてください。雨の日は道が混むので、早めに出発しましょう。",
    "日本の首都はどこですか。一言で答えてください。",
    "What is 17 + 25? Explain in one sentence.",
)
"""One of the kind that such models are tuned for, and others: an adapter must show in one of them."""
TOKENS = 24
TOP = 1
NOISE_FACTOR = 4.0
NOISE_FLOOR = 1e-4
"""Of a log-probability: printed figures are rounded, and batches are added up in another order."""
TRIES = 2


@dataclass(frozen=True)
class Said:
    """What one side said to one question."""

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...] = ()
    """Of the tokens that were chosen; empty where the server tells none."""


Sayings = tuple[Said, ...]


async def prove_sides(
    baseline: Endpoint,
    tuned: Mapping[str, Endpoint],
    off: Endpoint,
    *,
    environ: Mapping[str, str],
    questions: Sequence[str] = QUESTIONS,
    create: Callable[..., ChatClient] | None = None,
) -> GuardResult:
    """Ask the sides the same questions and compare.

    Args:
        baseline: What is going to be asked as the base.
        tuned: What is going to be asked as each adapter.
        off: The same server with every adapter explicitly off.
        environ: Where keys are looked up.
        questions: What to ask; questions of the person's own tests show the most.
        create: Makes a client; for tests.

    Raises:
        EndpointError: A side does not answer.
    """
    again = [await _ask_all(off, environ, questions, create) for _ in range(2)]
    noise = largest_difference(*again)
    base = await _ask_all(baseline, environ, questions, create)
    if _differs(base, again[0], noise):
        return _refused("baseline_is_not_base", base, again[0], baseline.name)
    differences: dict[str, float] = {}
    for name, endpoint in tuned.items():
        said = await _ask_all(endpoint, environ, questions, create)
        differences[name] = largest_difference(said, again[0]) if _differs(said, again[0], noise) else 0.0
    silent = [name for name, difference in differences.items() if not difference]
    return GuardResult(
        state="no_effect" if silent else "held",
        code="tuned_is_base" if silent else "held",
        params={"name": ", ".join(silent)} if silent else {"count": len(differences)},
        method=method_of(again[0]),
        asked=len(questions),
        differences=differences,
    )


def _refused(code: str, said: Sayings, off: Sayings, name: str) -> GuardResult:
    return GuardResult(
        state="refused",
        code=code,
        params={"name": name},
        method=method_of(said),
        asked=len(said),
        differences={name: largest_difference(said, off)},
    )


def method_of(said: Sayings) -> Any:
    """What can be compared: probabilities where every answer has them."""
    return "logprobs" if said and all(one.logprobs for one in said) else "tokens"


def largest_difference(one: Sayings, other: Sayings) -> float:
    """Largest difference of a token's log-probability up to the first token that is not the same.

    Where an answer takes another way, what each side's token is short of certainty at the fork counts too. Without
    probabilities the figure is the share of answers that are not the same.
    """
    pairs = list(zip(one, other, strict=True))
    if method_of(one) == "tokens" or method_of(other) == "tokens":
        return sum(a.tokens != b.tokens for a, b in pairs) / len(pairs)
    return max(_gap(a, b) for a, b in pairs)


def _gap(one: Said, other: Said) -> float:
    same = 0
    for mine, theirs in zip(one.tokens, other.tokens, strict=False):
        if mine != theirs:
            break
        same += 1
    together = zip(one.logprobs[:same], other.logprobs[:same], strict=True)
    gap = max((abs(a - b) for a, b in together), default=0.0)
    if one.tokens == other.tokens:
        return gap
    # at the fork each side chose its own token; between them lies at least what one of them is short of certainty
    at_fork = [side.logprobs[same] for side in (one, other) if same < len(side.logprobs)]
    return max(gap, *(abs(value) for value in at_fork), 0.0)


def _differs(said: Sayings, off: Sayings, noise: float) -> bool:
    """Whether a difference is more than the engine's own noise."""
    difference = largest_difference(said, off)
    if method_of(said) == "tokens" or method_of(off) == "tokens":
        return difference > noise
    return difference > max(NOISE_FLOOR, NOISE_FACTOR * noise)


async def _ask_all(
    endpoint: Endpoint,
    environ: Mapping[str, str],
    questions: Sequence[str],
    create: Callable[..., ChatClient] | None,
) -> Sayings:
    client = (create or create_guard_client)(endpoint, environ=environ)
    try:
        # one after the other: a batch of several may add up differently
        return tuple([await _ask(endpoint, client, question) for question in questions])
    finally:
        await client.close()


async def _ask(endpoint: Endpoint, client: ChatClient, question: str) -> Said:
    sampling = parse(Sampling, {"max_tokens": TOKENS, "temperature": 0.0})
    request = ChatRequest(messages=(ChatMessage(role="user", content=question),), sampling=sampling)
    reply = await client.complete(request)
    if reply.state == "error":
        raise to_endpoint_error(endpoint, reply.error_code, reply.error_detail)
    return read_said(reply)


def read_said(reply: ChatReply) -> Said:
    """What a guard client's reply holds; of another client's reply the text."""
    try:
        content: Any = json.loads(reply.text)
        tokens, logprobs = content["tokens"], content["logprobs"]
        return Said(tuple(str(one) for one in tokens), tuple(float(one) for one in logprobs))
    except (ValueError, KeyError, TypeError):
        return Said((reply.text, reply.reasoning))


def create_guard_client(endpoint: Endpoint, *, environ: Mapping[str, str]) -> ChatClient:
    """A client whose replies hold tokens and their log-probabilities, as JSON in the text."""
    if endpoint.dialect != "openai" or endpoint.engine in ("embedded", "openai"):
        # the embedded server proves its sides by logits while it loads, others need not know the field
        return create_client(endpoint, environ=environ, policy=RetryPolicy(tries=TRIES))
    from workbench.inference.openai_client import OpenAIClient
    from workbench.inference.retrier import Retrier

    return OpenAIClient(
        endpoint,
        read_key(endpoint, environ),
        retrier=Retrier(endpoint.name, policy=RetryPolicy(tries=TRIES)),
        build=_build,
        read=read_logprobs,
    )


def _build(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    return build_body(endpoint, request) | {"logprobs": True, "top_logprobs": TOP}


def read_logprobs(completion: Any) -> ChatReply:
    """A reply whose text is JSON: the tokens and their log-probabilities; the text alone where there are none.

    Raises:
        CallFailed: There is no answer in it.
    """
    choices: Any = getattr(completion, "choices", None) or [None]
    message: Any = getattr(choices[0], "message", None)
    if message is None:
        raise CallFailed(Failure("request", "answer_not_chat"))
    told: Any = getattr(getattr(choices[0], "logprobs", None), "content", None)
    finish = str(choices[0].finish_reason or "")
    if not told:
        text = f"{message.content or ''}{message.reasoning_content or ''}"
        return ChatReply(text=text, finish_reason=finish)
    pairs = [(str(one.token), float(one.logprob)) for one in cast("list[Any]", told)]
    body = {"tokens": [token for token, _ in pairs], "logprobs": [value for _, value in pairs]}
    return ChatReply(text=json.dumps(body, ensure_ascii=False), finish_reason=finish)
