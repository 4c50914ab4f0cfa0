"""One JSON request and its JSON answer, over kept connections.

The openai library takes four fifths of a client's time for turning requests and answers into its own objects;
whole answers are therefore fetched here, and it keeps what is rare: model lists, streams, and the names of errors.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import httpx
import openai

CONNECT_SECONDS = 10.0


class Part(SimpleNamespace):
    """An object of an answer; what a server left out is None."""

    def __getattr__(self, name: str) -> None:
        return None


class Poster:
    """Posts to one address.

    Args:
        url: Where to.
        key: The bearer's key. Never logged, never part of an error.
        timeout_s: Seconds for one answer.
        trust_env: Whether a proxy of the environment may see the requests.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float, trust_env: bool) -> None:
        self._url = url
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_SECONDS, timeout_s))
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: dict[str, Any]) -> Any:
        """The answer, its objects as `Part`.

        Raises:
            openai.APIStatusError: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached.
            ValueError: What came is no JSON.
        """
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        # a redirect would carry questions, and the key, to an address that nobody has checked
        async with self._open().post(self._url, data=data, allow_redirects=False) as response:
            content = await response.read()
            if response.status != 200:
                raise self._refusal(response, content)
        return json.loads(content, object_hook=lambda values: Part(**values))

    async def fetch(self, url: str) -> Any:
        """What another address of the same server answers to a GET, its objects as `Part`.

        Raises:
            openai.APIStatusError: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached.
            ValueError: What came is no JSON.
        """
        async with self._open().get(url, allow_redirects=False) as response:
            content = await response.read()
            if response.status != 200:
                raise self._refusal(response, content)
        return json.loads(content, object_hook=lambda values: Part(**values))

    async def post_lines(self, body: dict[str, Any]) -> AsyncGenerator[Any]:
        """The answer of a server that sends one JSON object a line; leaving the generator closes the connection.

        Raises:
            openai.APIStatusError: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached, or the connection was lost.
            ValueError: What came is no JSON.
        """
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        async with self._open().post(self._url, data=data, allow_redirects=False) as response:
            if response.status != 200:
                raise self._refusal(response, await response.read())
            async for line in response.content:
                if line.strip():
                    yield json.loads(line, object_hook=lambda values: Part(**values))

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        # made within the running loop; how many connections there are is up to who asks
        if self._session is None or self._session.closed:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            secure = self._url.startswith("https:")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context() if secure else True),
                headers=headers,
                timeout=self._timeout,
                trust_env=self._trust_env,
            )
        return self._session

    def _refusal(self, response: aiohttp.ClientResponse, content: bytes) -> openai.APIStatusError:
        """As the openai library would raise it, for the one place that sorts its errors."""
        try:
            body: Any = json.loads(content)
        except ValueError:
            body = None
        error: Any = cast("dict[str, Any]", body).get("error", body) if isinstance(body, dict) else body
        # Any: the library has a copy of httpx of its own
        shown: Any = httpx.Response(
            response.status, headers=dict(response.headers), request=httpx.Request("POST", self._url)
        )
        return openai.APIStatusError(content.decode("utf-8", "replace")[:500], response=shown, body=error)
