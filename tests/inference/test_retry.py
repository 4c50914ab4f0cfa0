from __future__ import annotations

from random import Random

import pytest

from workbench.inference.retry import CircuitBreaker, RetryPolicy, read_retry_after


def test_waits_double_and_stay_under_the_cap() -> None:
    policy = RetryPolicy(jitter=0.0)
    assert [policy.delay(failures, Random(0)) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_jitter_keeps_waits_within_half_and_one_and_a_half() -> None:
    waits = [RetryPolicy().delay(2, Random(seed)) for seed in range(200)]
    assert 0.5 <= min(waits) < 0.6
    assert 1.4 < max(waits) <= 1.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({}, None),
    ],
)
def test_the_time_that_a_server_asks_for_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_retry_after(headers, now=10.0) == seconds


def test_the_breaker_opens_when_more_than_half_of_twenty_failed_for_a_while() -> None:
    breaker = CircuitBreaker()
    for second in range(11):
        breaker.record(failed=True, now=second)
    assert not breaker.is_open(now=10.0)
    assert breaker.is_open(now=25.0)


def test_the_breaker_stays_closed_while_half_of_the_calls_succeed() -> None:
    breaker = CircuitBreaker(patience_seconds=0)
    for second in range(100):
        breaker.record(failed=second % 2 == 0, now=second)
    assert not breaker.is_open(now=1000)


def test_a_server_that_comes_back_closes_the_breaker_again() -> None:
    breaker = CircuitBreaker()
    for _ in range(12):
        breaker.record(failed=True, now=0)
    for _ in range(10):
        breaker.record(failed=False, now=5)
    assert not breaker.is_open(now=100)
