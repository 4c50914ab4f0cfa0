"""When to ask again, how long to wait, and when to stop asking. Pure: time and randomness are arguments."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from random import Random

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RESET_HEADERS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a client is. Times in seconds."""

    tries: int = 6
    """Attempts per request that may fail; waiting for a rate limit uses none of them."""
    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    jitter: float = 0.5
    """Share by which a wait may be shorter or longer, so that many requests do not return at the same
    moment."""
    rate_limit_seconds: float = 900.0
    """Longest time one request waits for rate limits before the job pauses."""

    def delay(self, failures: int, rng: Random) -> float:
        """Seconds to wait after so many failures (1 or more): 0.5, 1, 2, ... with jitter, capped."""
        plain = self.base_seconds * 2 ** min(failures - 1, 30)
        return min(self.cap_seconds, plain * rng.uniform(1 - self.jitter, 1 + self.jitter))


def read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks us to wait, or None where it does not say.

    Args:
        headers: Header names in lower case.
        now: Seconds since the epoch, for servers that name a date.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000
    stated = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", stated):
        return float(stated)
    if stated:
        return _seconds_until(stated, now)
    resets = [_read_duration(headers[name]) for name in _RESET_HEADERS if name in headers]
    return max((reset for reset in resets if reset is not None), default=None)


def _seconds_until(date: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now)
    except ValueError:
        return None


def _read_duration(text: str) -> float | None:
    parts = _DURATION.findall(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None


@dataclass
class CircuitBreaker:
    """Opens when more than half of the last attempts failed, and have done so for a while.

    The while keeps a server that is restarting from stopping a job: twenty refused connections take half a
    second.
    """

    window: int = 20
    share: float = 0.5
    patience_seconds: float = 15.0
    _failed: deque[bool] = field(default_factory=deque[bool])
    _bad_since: float | None = None

    def record(self, *, failed: bool, now: float) -> None:
        """Note how an attempt ended at the time `now` (any steady clock, in seconds)."""
        self._failed.append(failed)
        if len(self._failed) > self.window:
            self._failed.popleft()
        if self.failures <= self.window * self.share:
            self._bad_since = None
        elif self._bad_since is None:
            self._bad_since = now

    @property
    def failures(self) -> int:
        """Failed attempts among the last ones."""
        return sum(self._failed)

    def is_open(self, now: float) -> bool:
        """Whether to stop asking."""
        return self._bad_since is not None and now - self._bad_since >= self.patience_seconds
