from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from workbench.errors import EndpointError
from workbench.inference.outcome import CallFailed, Failure
from workbench.inference.retrier import Retrier
from workbench.inference.retry import CircuitBreaker, RetryPolicy

DOWN = Failure("retry", "answer_unreachable")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def make(time: Time, policy: RetryPolicy | None = None, breaker: CircuitBreaker | None = None) -> Retrier:
    return Retrier(
        "srv",
        policy=policy or RetryPolicy(jitter=0),
        breaker=breaker,
        sleep=time.sleep,
        clock=time.clock,
        rng=Random(0),
    )


def failing(*failures: Failure) -> tuple[Callable[[], object], list[int]]:
    """A call that fails in these ways and then succeeds, and the count of its calls."""
    calls: list[int] = []

    async def send() -> str:
        calls.append(1)
        if len(calls) <= len(failures):
            raise CallFailed(failures[len(calls) - 1])
        return "answer"

    return send, calls


async def test_a_server_that_recovers_gives_its_answer_after_growing_waits() -> None:
    time = Time()
    send, calls = failing(*[DOWN] * 5)
    assert await make(time).run(send) == "answer"
    assert len(calls) == 6
    assert time.slept == [0.5, 1, 2, 4, 8]


async def test_the_sixth_failure_ends_the_request() -> None:
    send, calls = failing(*[DOWN] * 9)
    with pytest.raises(CallFailed) as caught:
        await make(Time()).run(send)
    assert caught.value.failure.code == "answer_unreachable"
    assert len(calls) == 6


async def test_rate_limits_wait_as_long_as_asked_and_use_up_no_tries() -> None:
    time = Time()
    send, calls = failing(*[Failure("wait", "endpoint_rate_limited", retry_after=3.0)] * 20)
    assert await make(time).run(send) == "answer"
    assert len(calls) == 21
    assert sum(time.slept) == pytest.approx(60)


async def test_a_rate_limit_holds_the_other_requests_back_too() -> None:
    time = Time()
    retrier = make(time)
    send, _ = failing(Failure("wait", "endpoint_rate_limited", retry_after=3.0))
    await retrier.run(send)
    time.now = 1.0
    other, _ = failing()
    await retrier.run(other)
    assert time.now == pytest.approx(3.0)


async def test_waiting_for_rate_limits_ends_with_a_sentence() -> None:
    send, _ = failing(*[Failure("wait", "endpoint_rate_limited", retry_after=400.0)] * 9)
    with pytest.raises(EndpointError) as caught:
        await make(Time()).run(send)
    assert caught.value.code == "endpoint_rate_limited"
    assert caught.value.retry_after == 400.0


@pytest.mark.parametrize("kind", ["request", "endpoint"])
async def test_what_asking_again_cannot_mend_is_not_asked_again(kind: str) -> None:
    send, calls = failing(*[Failure(kind, "request_refused")] * 9)  # type: ignore[arg-type]
    with pytest.raises(CallFailed):
        await make(Time()).run(send)
    assert len(calls) == 1


async def test_a_server_that_stays_away_opens_the_breaker() -> None:
    time = Time()
    retrier = make(time)
    for _ in range(6):
        send, _ = failing(*[DOWN] * 9)
        with pytest.raises((CallFailed, EndpointError)) as caught:
            await retrier.run(send)
    assert isinstance(caught.value, EndpointError)
    assert caught.value.code == "endpoint_unstable"
    assert caught.value.params["failed"] > 10


async def test_requests_that_a_server_refuses_do_not_open_the_breaker() -> None:
    retrier = make(Time(), breaker=CircuitBreaker(patience_seconds=0))
    for _ in range(50):
        send, _ = failing(Failure("request", "context_too_long"))
        with pytest.raises(CallFailed):
            await retrier.run(send)
