"""What a server's refusal means: ask again, wait, give this request up, or the endpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from workbench.inference.outcome import DETAIL_LIMIT, Failure
from workbench.inference.retry import read_retry_after

_CONTEXT_WORDS = ("context length", "context window", "maximum context", "context size", "too many tokens")


# compared by identity, as exceptions are: by value it could not be hashed
@dataclass(eq=False)
class HttpRefusal(Exception):
    """A server answered with another status than 200."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    message: str
    """What the server said, technical."""
    code: str = ""
    """The server's own name for it, where it has one."""


def read_refusal(status: int, headers: Mapping[str, str], text: str, body: object) -> HttpRefusal:
    """A refusal from what came with it.

    Args:
        status: Of HTTP.
        headers: Of the answer.
        text: What stands for the server's words where it has no message of its own.
        body: The JSON that came, None where none did; OpenAI's shape is read, with and without its `error` around.
    """
    found = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    inner: Any = found.get("error", found)
    said = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    message = str(said.get("message") or text)[:DETAIL_LIMIT]
    lowered = {name.lower(): value for name, value in headers.items()}
    return HttpRefusal(status, lowered, message, str(said.get("code") or ""))


def sort_refusal(refusal: HttpRefusal) -> Failure:
    """What a refusal means for the request and for the endpoint."""
    status, detail = refusal.status, refusal.message
    waits = read_retry_after(refusal.headers, time.time())
    if status == 429:
        return _sort_rate_limit(refusal, waits)
    if status in (401, 403):
        return Failure("endpoint", "endpoint_unauthorised")
    if status == 404:
        return Failure("endpoint", "endpoint_model_missing", detail)
    if status in (408, 409) or status >= 500:
        return Failure("retry", "answer_server_error", f"HTTP {status}: {detail}"[:DETAIL_LIMIT], waits)
    if status < 400:
        return Failure("endpoint", "endpoint_redirects")
    if _is_too_long(refusal):
        return Failure("request", "context_too_long", detail)
    return Failure("request", "request_refused", f"HTTP {status}: {detail}"[:DETAIL_LIMIT])


def _sort_rate_limit(refusal: HttpRefusal, waits: float | None) -> Failure:
    # some services answer 429 for an empty account too: no waiting mends that
    if refusal.code == "insufficient_quota":
        return Failure("endpoint", "endpoint_quota")
    return Failure("wait", "endpoint_rate_limited", retry_after=waits)


def _is_too_long(refusal: HttpRefusal) -> bool:
    words = refusal.message.lower()
    return refusal.code == "context_length_exceeded" or any(word in words for word in _CONTEXT_WORDS)
