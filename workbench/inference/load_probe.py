"""How an endpoint bears load: more and more requests at the same time, until time or sense runs out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from workbench.errors import EndpointError
from workbench.inference.clients import create_client
from workbench.inference.gather import complete_all
from workbench.inference.outcome import to_endpoint_error
from workbench.inference.protocol import ChatClient
from workbench.inference.retry import RetryPolicy
from workbench.schemas.base import parse
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling
from workbench.schemas.probing import LoadLevel, LoadProbeConfig, LoadReport

QUESTION = "1, 2, 3, ... 100"
KNEE_SHARE = 0.9
"""Of the best throughput: what lies beyond costs waiting and brings next to nothing."""
TOO_MANY_ERRORS = 0.5
"""Share of a level's requests; a server that turns away half is not asked with more."""
GRACE_SECONDS = 2.0


async def probe_load(
    config: LoadProbeConfig,
    *,
    environ: Mapping[str, str],
    on_level: Callable[[LoadLevel], None] = lambda level: None,
    should_stop: Callable[[], bool] = lambda: False,
    create: Callable[..., ChatClient] = create_client,
    clock: Callable[[], float] = time.monotonic,
) -> LoadReport:
    """Ask at each level in turn and say where more at once stops paying.

    Nothing is asked twice: a refusal for too many requests is a finding here, not something to wait for.

    Args:
        config: Whom and how.
        environ: Where the endpoint's key is looked up.
        on_level: Gets each level when it is done, for a chart that grows.
        should_stop: Asked several times a second; may raise.
        create: Makes the client.
        clock: A steady clock in seconds.

    Raises:
        EndpointError: The endpoint cannot be used at all: not even the first level had an answer.
    """
    until = clock() + config.budget_seconds
    levels: list[LoadLevel] = []
    ended = "done"
    for in_flight in sorted(set(config.levels)):
        level = await _measure(config, in_flight, environ, until, should_stop, create, clock)
        spent = clock() >= until
        # what the end of the budget cut off says nothing of the endpoint
        if not level.requests or (spent and not level.ok):
            ended = "budget" if spent else "stopped"
            break
        levels.append(level)
        on_level(level)
        if not level.ok and len(levels) == 1:
            raise to_endpoint_error(config.endpoint, level.error_code or "endpoint_unreachable")
        if not level.complete:
            ended = "budget" if spent else "stopped"
            break
        if level.errors > TOO_MANY_ERRORS * level.requests:
            ended = "errors"
            break
    return LoadReport.model_validate(
        {"endpoint": config.endpoint.name, "levels": levels, "knee": find_knee(levels), "ended": ended}
    )


def find_knee(levels: Sequence[LoadLevel]) -> int | None:
    """The smallest number in flight that reaches nine tenths of the best throughput among whole levels."""
    whole = [level for level in levels if level.ok and level.complete] or [one for one in levels if one.ok]
    best = max((level.tokens_per_second for level in whole), default=0.0)
    rates = {level.in_flight: level.tokens_per_second for level in whole}
    if not best:
        # a server that counts no tokens
        best = max((level.requests_per_second for level in whole), default=0.0)
        rates = {level.in_flight: level.requests_per_second for level in whole}
    return min((level for level, rate in rates.items() if rate >= KNEE_SHARE * best), default=None)


async def _measure(
    config: LoadProbeConfig,
    in_flight: int,
    environ: Mapping[str, str],
    until: float,
    should_stop: Callable[[], bool],
    create: Callable[..., ChatClient],
    clock: Callable[[], float],
) -> LoadLevel:
    """One level with a client of its own, so that no connection is warm from the level before."""
    wanted = min(in_flight * config.rounds, max(in_flight, config.max_requests))
    replies: list[ChatReply] = []
    fault = ""
    client = create(
        _bounded(config.endpoint, until - clock()),
        environ=environ,
        policy=RetryPolicy(tries=1, rate_limit_seconds=0),
    )
    started = clock()
    try:
        await complete_all(
            client,
            [(str(index), _request(config, index)) for index in range(wanted)],
            in_flight=in_flight,
            on_reply=lambda _, reply: replies.append(reply),
            should_stop=lambda: should_stop() or clock() >= until,
            grace_seconds=GRACE_SECONDS,
        )
    except EndpointError as exc:
        # turned away as a whole: at a high level that is what was to be found out
        fault = exc.code
    finally:
        await client.close()
    return summarise(in_flight, wanted, replies, clock() - started, fault)


def _bounded(endpoint: Endpoint, left: float) -> Endpoint:
    return endpoint.model_copy(update={"timeout_s": max(0.5, min(endpoint.timeout_s, left + GRACE_SECONDS))})


def summarise(
    in_flight: int, wanted: int, replies: Sequence[ChatReply], seconds: float, fault: str = ""
) -> LoadLevel:
    """The figures of a level.

    Args:
        in_flight: Requests at the same time.
        wanted: Requests that were to be sent.
        replies: Answers that came, errors included.
        seconds: How long it all took.
        fault: Code of what ended the level early.
    """
    good = [reply for reply in replies if reply.state != "error"]
    bad = [reply for reply in replies if reply.state == "error"]
    waits = sorted(reply.seconds for reply in good)
    lost = wanted - len(replies) if fault else 0
    span = max(seconds, 1e-9)
    return LoadLevel(
        in_flight=in_flight,
        requests=len(replies) + lost,
        ok=len(good),
        errors=len(bad) + lost,
        seconds=seconds,
        requests_per_second=len(good) / span,
        tokens_per_second=sum(reply.completion_tokens for reply in good) / span,
        p50_seconds=percentile(waits, 0.5) if waits else None,
        p95_seconds=percentile(waits, 0.95) if waits else None,
        complete=len(replies) + lost == wanted,
        error_code=fault or (bad[0].error_code if bad else ""),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed (nearest rank).

    Args:
        ordered: From low to high, at least one.
        share: From 0 to 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _request(config: LoadProbeConfig, index: int) -> ChatRequest:
    # numbered, so that no server answers from what it remembers of the last one
    text = f"{index}. {config.question or QUESTION}"
    return ChatRequest(
        messages=(ChatMessage(role="user", content=text),),
        sampling=parse(Sampling, {"max_tokens": config.max_tokens}),
    )
