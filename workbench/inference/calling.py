"""What every chat client does around a call: time limits, sorting of failures, and what they mean for the endpoint."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TypeVar

from workbench.errors import EndpointError
from workbench.inference.failures import HttpRefusal, sort_refusal
from workbench.inference.http_import import aiohttp
from workbench.inference.outcome import DETAIL_LIMIT, CallFailed, Failure, to_endpoint_error
from workbench.schemas.inference import ChatReply, Endpoint

MODELS_NAMED = 12
NO_KEY = "none"
"""The openai library insists on a key; servers that need none ignore it."""

Answer = TypeVar("Answer")


class Caller(ABC):
    """The common part of the clients.

    Args:
        endpoint: Where and what to ask.
        key: The key itself, empty for none. Never logged, never part of an error.
    """

    always_lists = False
    """Whether every server of this kind has a list of models: one without is no such server."""

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        self._endpoint = endpoint
        self._key = key

    @abstractmethod
    async def models(self) -> tuple[str, ...]:
        """Names that the server lists; empty where it keeps no list."""

    async def _send(self, call: Awaitable[Answer], until: float | None = None) -> Answer:
        """One call, its failure sorted. The library's timeout counts per read; this one counts in all.

        Args:
            call: What to wait for.
            until: The loop's time at which to give up; the endpoint's time for one answer from now on.
        """
        limit = until or asyncio.get_running_loop().time() + self._endpoint.timeout_s
        try:
            async with asyncio.timeout_at(limit):
                return await call
        except TimeoutError as exc:
            raise CallFailed(Failure("retry", "answer_timeout")) from exc
        except aiohttp.ClientError as exc:
            raise CallFailed(Failure("retry", "answer_unreachable", str(exc)[:DETAIL_LIMIT])) from exc
        except HttpRefusal as exc:
            raise CallFailed(sort_refusal(exc)) from exc
        except ValueError as exc:
            # not JSON although the server says so
            raise CallFailed(Failure("request", "answer_not_chat", str(exc)[:DETAIL_LIMIT])) from exc

    async def _settle(self, exc: CallFailed) -> ChatReply:
        """A reply in the state `error`, or the error that concerns the whole endpoint."""
        failure = exc.failure
        if failure.code == "endpoint_model_missing":
            raise await self._explain_missing_model() from exc
        if failure.kind == "endpoint":
            raise self._explain(failure) from exc
        return ChatReply(
            text="", state="error", error_code=failure.code, error_detail=self._mask(failure.detail)
        )

    async def _explain_missing_model(self) -> EndpointError:
        names = await self.models()
        if self._endpoint.model in names or not (names or self.always_lists):
            return to_endpoint_error(self._endpoint, "endpoint_path_missing")
        return EndpointError(
            "endpoint_model_missing",
            endpoint=self._endpoint.name,
            model=self._endpoint.model,
            models=", ".join(names[:MODELS_NAMED]) or "-",
        )

    def _explain(self, failure: Failure) -> EndpointError:
        if failure.code == "endpoint_unauthorised" and self._endpoint.api_key_env:
            name = self._endpoint.api_key_env
            return EndpointError("endpoint_unauthorised", endpoint=self._endpoint.name, name=name)
        code = "endpoint_needs_key" if failure.code == "endpoint_unauthorised" else failure.code
        if self.always_lists and code == "endpoint_model_missing":
            code = "endpoint_not_chat"
        return to_endpoint_error(self._endpoint, code, self._mask(failure.detail))

    def _mask(self, detail: str) -> str:
        # servers like to repeat the key that they refuse
        return detail.replace(self._key, "***") if self._key else detail
