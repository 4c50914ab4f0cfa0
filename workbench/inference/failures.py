"""What an exception of the openai library means: ask again, wait, give this request up, or the endpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import openai

from workbench.inference.outcome import DETAIL_LIMIT, Failure
from workbench.inference.retry import read_retry_after

_CONTEXT_WORDS = ("context length", "context window", "maximum context", "context size", "too many tokens")


def sort_failure(error: openai.OpenAIError) -> Failure:
    """Sort an exception of the openai library."""
    if isinstance(error, openai.APIConnectionError):
        refused = _find_refusal(error)
        if isinstance(error, openai.APITimeoutError) and refused is None:
            return Failure("retry", "answer_timeout")
        return Failure("retry", "answer_unreachable", str(refused or error.__cause__ or error)[:DETAIL_LIMIT])
    if isinstance(error, openai.APIStatusError):
        return _sort_status(error)
    if type(error) is openai.APIError:
        # how the library reports an error inside a stream
        return Failure("retry", "answer_server_error", str(error.message)[:DETAIL_LIMIT])
    return Failure("request", "answer_not_chat", str(error)[:DETAIL_LIMIT])


def _find_refusal(error: BaseException) -> aiohttp.ClientConnectionError | None:
    """The connection error behind it: the transport calls a refused connection a timeout."""
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, TimeoutError):
            return cause
        cause = cause.__cause__
    return None


def _sort_status(error: openai.APIStatusError) -> Failure:
    status = error.status_code
    detail = _read_message(error)
    waits = read_retry_after(dict(error.response.headers), time.time())
    if status == 429:
        return _sort_rate_limit(error, waits)
    if status in (401, 403):
        return Failure("endpoint", "endpoint_unauthorised")
    if status == 404:
        return Failure("endpoint", "endpoint_model_missing", detail)
    if status in (408, 409) or status >= 500:
        return Failure("retry", "answer_server_error", f"HTTP {status}: {detail}"[:DETAIL_LIMIT], waits)
    if status < 400:
        return Failure("endpoint", "endpoint_redirects")
    if _is_too_long(error, detail):
        return Failure("request", "context_too_long", detail)
    return Failure("request", "request_refused", f"HTTP {status}: {detail}"[:DETAIL_LIMIT])


def _sort_rate_limit(error: openai.APIStatusError, waits: float | None) -> Failure:
    # some services answer 429 for an empty account too: no waiting mends that
    if error.code == "insufficient_quota":
        return Failure("endpoint", "endpoint_quota")
    return Failure("wait", "endpoint_rate_limited", retry_after=waits)


def _is_too_long(error: openai.APIStatusError, detail: str) -> bool:
    return error.code == "context_length_exceeded" or any(word in detail.lower() for word in _CONTEXT_WORDS)


def _read_message(error: openai.APIStatusError) -> str:
    body = cast(Any, error.body)
    message = cast("Mapping[str, Any]", body).get("message") if isinstance(body, dict) else None
    return str(message or error.message)[:DETAIL_LIMIT]
