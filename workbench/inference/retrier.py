"""Asks until there is an answer, or a reason not to ask on. Knows no library and no server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from workbench.errors import EndpointError
from workbench.inference.outcome import CallFailed, Failure
from workbench.inference.retry import CircuitBreaker, RetryPolicy

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Sleep = Callable[[float], Awaitable[None]]

UNSTATED_WAITS = 8
"""After so many rate limits without a stated time the wait no longer grows."""


class Retrier:
    """Retries of one endpoint, shared by all its requests.

    Args:
        name: The endpoint's name, for messages.
        policy: How patient to be.
        breaker: When to stop asking.
        sleep: Waits for that many seconds.
        clock: A steady clock in seconds.
        rng: Source of the jitter.
    """

    def __init__(
        self,
        name: str,
        *,
        policy: RetryPolicy | None = None,
        breaker: CircuitBreaker | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._name = name
        self._policy = policy or RetryPolicy()
        self._breaker = breaker or CircuitBreaker()
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or Random()
        self._not_before = clock()

    async def run(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of the first call that succeeds.

        Args:
            send: Makes one call; raises CallFailed.

        Raises:
            CallFailed: Asking again is of no use, or all tries are used up.
            EndpointError: `endpoint_unstable` (the breaker opened) or `endpoint_rate_limited` (waited too
                long).
        """
        failures, limits, waited = 0, 0, 0.0
        while True:
            await self._wait_for_turn()
            try:
                answer = await send()
            except CallFailed as exc:
                failure = exc.failure
                self._breaker.record(failed=failure.kind == "retry", now=self._clock())
                if failure.kind in ("request", "endpoint"):
                    raise
                failures += failure.kind == "retry"
                if failures >= self._policy.tries:
                    raise
            else:
                self._breaker.record(failed=False, now=self._clock())
                return answer
            if failure.kind == "wait":
                limits += 1
                waited += self._hold_back(failure, limits, waited)
            else:
                logger.info("%s: %s, try %d of %d", self._name, failure.code, failures, self._policy.tries)
                await self._sleep(max(failure.retry_after or 0.0, self._policy.delay(failures, self._rng)))

    async def _wait_for_turn(self) -> None:
        now = self._clock()
        if self._breaker.is_open(now):
            raise EndpointError(
                "endpoint_unstable",
                endpoint=self._name,
                failed=self._breaker.failures,
                calls=self._breaker.window,
            )
        if self._not_before > now:
            await self._sleep(self._not_before - now)

    def _hold_back(self, failure: Failure, limits: int, waited: float) -> float:
        """Keep every request of this endpoint back for as long as the server asked; returns the seconds."""
        stated = failure.retry_after
        pause = self._policy.delay(min(limits, UNSTATED_WAITS), self._rng) if stated is None else stated
        if waited + pause > self._policy.rate_limit_seconds:
            raise EndpointError(
                "endpoint_rate_limited", retry_after=pause, endpoint=self._name, seconds=round(pause)
            )
        self._not_before = max(self._not_before, self._clock() + pause)
        return pause
