"""One JSON request and its JSON answer, over kept connections.

The openai library takes four fifths of a client's time for turning requests and answers into its own objects;
whole answers are therefore fetched here, and it keeps what is rare: model lists and streams.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

from workbench.inference.failures import HttpRefusal, read_refusal
from workbench.inference.http_import import aiohttp

CONNECT_SECONDS = 10.0
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Part(SimpleNamespace):
    """An object of an answer; what a server left out is None."""

    def __getattr__(self, name: str) -> None:
        return None


class Poster:
    """Posts to one address.

    Args:
        url: Where to.
        key: The bearer's key. Never logged, never part of an error.
        connect_s: Seconds for a connection; how long an answer may take is watched by who asks.
        trust_env: Whether a proxy of the environment may see the requests.
    """

    def __init__(self, url: str, key: str, *, connect_s: float, trust_env: bool) -> None:
        self._url = url
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_SECONDS, connect_s))
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: dict[str, Any]) -> Any:
        """The answer, its objects as `Part`.

        Raises:
            HttpRefusal: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached.
            ValueError: What came is no JSON.
        """
        data = _encode(body).encode("utf-8", "replace")
        # a redirect would carry questions, and the key, to an address that nobody has checked
        async with self._open().post(self._url, data=data, allow_redirects=False) as response:
            content = await response.read()
            if response.status != 200:
                raise build_refusal(response, content)
        return json.loads(content, object_hook=lambda values: Part(**values))

    async def fetch(self, url: str) -> Any:
        """What another address of the same server answers to a GET, its objects as `Part`.

        Raises:
            HttpRefusal: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached.
            ValueError: What came is no JSON.
        """
        async with self._open().get(url, allow_redirects=False) as response:
            content = await response.read()
            if response.status != 200:
                raise build_refusal(response, content)
        return json.loads(content, object_hook=lambda values: Part(**values))

    async def post_lines(self, body: dict[str, Any]) -> AsyncGenerator[Any]:
        """The answer of a server that sends one JSON object a line; leaving the generator closes the connection.

        Raises:
            HttpRefusal: The server refused, or sent us elsewhere.
            aiohttp.ClientError: It cannot be reached, or the connection was lost.
            ValueError: What came is no JSON.
        """
        data = _encode(body).encode("utf-8", "replace")
        async with self._open().post(self._url, data=data, allow_redirects=False) as response:
            if response.status != 200:
                raise build_refusal(response, await response.read())
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
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._trust()),
                headers=headers,
                # what a server wants to be remembered is no part of a question
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                trust_env=self._trust_env,
            )
        return self._session

    def _trust(self) -> ssl.SSLContext | bool:
        """Whose certificates count: the same as for everything else that is fetched here."""
        if not self._url.startswith("https:"):
            return True
        # imported here: it takes longer to load than what asks servers of this machine
        import httpx

        return httpx.create_ssl_context()


def build_refusal(response: aiohttp.ClientResponse, content: bytes) -> HttpRefusal:
    """The refusal that such an answer is."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        body = None
    return read_refusal(response.status, response.headers, content.decode("utf-8", "replace"), body)
