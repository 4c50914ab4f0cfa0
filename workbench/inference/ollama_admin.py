"""Registers models with an Ollama server: plain HTTP, so that bytes can be counted and sending can stop at any time.

Ollama takes files as blobs named by their SHA-256. A blob that is there already is not sent again, which is
also how an upload that was cut off goes on. What goes wrong while a model is made arrives inside the stream of
progress lines, after the server has already answered 200.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, cast

import httpx

from workbench.errors import EndpointError
from workbench.inference.addresses import is_loopback
from workbench.inference.http_import import aiohttp
from workbench.schemas.ollama import OllamaCreate, OllamaModel, OllamaProgress

CHUNK_BYTES = 1 << 20
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
HASH_SECONDS = 1800.0
"""The server answers an upload only after it has hashed and stored the whole file."""
QUIET_SECONDS = 1800.0
"""Longest pause between two lines of progress."""
MAX_LINE = 1 << 20
ADAPTERS_UNTIL = (0, 34, 1)
"""The first version that refuses `adapters`."""
_ADAPTERS_GONE = "adapters are no longer supported"
_DETAIL = 400

Sent = Callable[[int], None]
"""Told the bytes of every piece that was handed to the network. Must not raise: to stop, cancel the task."""


class OllamaAdmin(Protocol):
    """What the workbench does with a server's list of models.

    Every method raises EndpointError: `ollama_unreachable`, `ollama_timeout`, `ollama_refused` with the
    server's own words, or `ollama_not_ollama`.
    """

    async def version(self) -> str:
        """The server's version, for example `0.34.0`."""
        ...

    async def has_blob(self, digest: str) -> bool:
        """Whether the server holds the file with this `sha256:...`."""
        ...

    async def upload_blob(self, digest: str, path: Path, sent: Sent) -> None:
        """Send a file. Where the task is cancelled the connection is closed, and the server keeps nothing."""
        ...

    def create(self, wanted: OllamaCreate) -> AsyncGenerator[OllamaProgress]:
        """Register a model from blobs; its progress. Ends only when the model stands.

        Raises:
            EndpointError: `ollama_adapters_gone`, `ollama_stopped` where the stream ends without success.
        """
        ...

    async def tags(self) -> tuple[OllamaModel, ...]:
        """All models of the server."""
        ...

    async def show(self, model: str) -> dict[str, Any]:
        """What the server says of a model: `template`, `parameters`, `system`, `details`, …

        Raises:
            EndpointError: `ollama_model_missing`.
        """
        ...

    async def delete(self, model: str) -> None:
        """Remove a model.

        Raises:
            EndpointError: `ollama_model_missing`.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def takes_adapters(version: str) -> bool:
    """Whether a server of this version registers LoRA adapters; an unreadable version is taken for a new one."""
    numbers = version.strip().removeprefix("v").split("-")[0].split("+")[0].split(".")
    try:
        return tuple(int(number) for number in numbers) < ADAPTERS_UNTIL
    except ValueError:
        return False


class HttpOllama:
    """An Ollama server behind its HTTP API; see `OllamaAdmin`.

    Args:
        url: The server's root, validated by the schema.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def version(self) -> str:
        """See `OllamaAdmin`."""
        content = await self._json("GET", "/api/version")
        found = content.get("version")
        if not isinstance(found, str):
            raise EndpointError("ollama_not_ollama", url=self._url)
        return found

    async def has_blob(self, digest: str) -> bool:
        """See `OllamaAdmin`."""
        async with self._ask("HEAD", f"/api/blobs/{digest}") as response:
            if response.status == 404:
                return False
            await self._refuse(response)
            return True

    async def upload_blob(self, digest: str, path: Path, sent: Sent) -> None:
        """See `OllamaAdmin`."""
        size = path.stat().st_size
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=HASH_SECONDS)
        with path.open("rb") as handle:
            pieces = _read_pieces(handle, size, sent)
            async with self._ask(
                "POST", f"/api/blobs/{digest}", data=pieces, headers=headers, timeout=timeout
            ) as response:
                await self._refuse(response)

    async def create(self, wanted: OllamaCreate) -> AsyncGenerator[OllamaProgress]:
        """See `OllamaAdmin`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=QUIET_SECONDS)
        done = False
        async with self._ask("POST", "/api/create", json=wanted.body(), timeout=timeout) as response:
            await self._refuse(response)
            async for line in _read_lines(response):
                progress = self._read_progress(line)
                done = done or progress.status == "success"
                yield progress
        if not done:
            raise EndpointError("ollama_stopped", url=self._url, model=wanted.model)

    def _read_progress(self, line: bytes) -> OllamaProgress:
        content = _as_mapping(line)
        if content is None:
            raise EndpointError("ollama_not_ollama", url=self._url)
        if content.get("error"):
            raise self._refusal(str(content["error"]))
        numbers = {key: int(content.get(key) or 0) for key in ("total", "completed")}
        texts = {key: str(content.get(key) or "") for key in ("status", "digest")}
        return OllamaProgress.model_validate(texts | numbers)

    async def tags(self) -> tuple[OllamaModel, ...]:
        """See `OllamaAdmin`."""
        models = cast("list[dict[str, Any]]", (await self._json("GET", "/api/tags")).get("models") or [])
        return tuple(
            OllamaModel(
                name=str(model.get("name", "")),
                digest=str(model.get("digest", "")),
                bytes=int(model.get("size") or 0),
            )
            for model in models
        )

    async def show(self, model: str) -> dict[str, Any]:
        """See `OllamaAdmin`."""
        return await self._json("POST", "/api/show", model)

    async def delete(self, model: str) -> None:
        """See `OllamaAdmin`."""
        async with self._ask("DELETE", "/api/delete", json={"model": model}) as response:
            await self._refuse(response, model)

    async def close(self) -> None:
        """See `OllamaAdmin`."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> HttpOllama:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _json(self, method: str, path: str, model: str = "") -> dict[str, Any]:
        body = {"model": model} if model else None
        async with self._ask(method, path, json=body) as response:
            await self._refuse(response, model)
            content = _as_mapping(await response.read())
        if content is None:
            raise EndpointError("ollama_not_ollama", url=self._url)
        return content

    @asynccontextmanager
    async def _ask(self, method: str, path: str, **options: Any) -> AsyncGenerator[aiohttp.ClientResponse]:
        """A response, and every failure of the way there and back as our own error."""
        # a redirect would carry the model to an address that nobody has checked
        try:
            async with self._open().request(
                method, f"{self._url}{path}", allow_redirects=False, **options
            ) as response:
                yield response
        except TimeoutError as exc:
            raise EndpointError("ollama_timeout", url=self._url) from exc
        except aiohttp.ClientError as exc:
            raise EndpointError("ollama_unreachable", url=self._url, detail=str(exc)[:_DETAIL]) from exc

    async def _refuse(self, response: aiohttp.ClientResponse, model: str = "") -> None:
        """Raise what a status other than success means."""
        if 300 <= response.status < 400:
            raise EndpointError("ollama_not_ollama", url=self._url)
        if response.status < 400:
            return
        content = await response.read()
        told = (_as_mapping(content) or {}).get("error") or content.decode("utf-8", "replace")
        if response.status == 404 and model:
            raise EndpointError("ollama_model_missing", url=self._url, model=model)
        raise self._refusal(str(told).strip() or f"HTTP {response.status}")

    def _refusal(self, told: str) -> EndpointError:
        if _ADAPTERS_GONE in told:
            return EndpointError("ollama_adapters_gone", url=self._url)
        return EndpointError("ollama_refused", url=self._url, detail=told[:_DETAIL])

    def _open(self) -> aiohttp.ClientSession:
        # made within the running loop
        if self._session is None:
            secure = self._url.startswith("https:")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=httpx.create_ssl_context() if secure else True),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS),
                trust_env=not is_loopback(self._url),
            )
        return self._session


async def _read_pieces(handle: BinaryIO, size: int, sent: Sent) -> AsyncGenerator[bytes]:
    """The file's bytes, no more than it had when its length was told."""
    while size > 0 and (piece := handle.read(min(CHUNK_BYTES, size))):
        size -= len(piece)
        yield piece
        sent(len(piece))
        # lets whoever wants to cancel have a turn while the network is faster than the disk
        await asyncio.sleep(0)


async def _read_lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """Lines of a stream; the last one may lack its end."""
    rest = b""
    async for block in response.content.iter_any():
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE:
            raise aiohttp.ClientPayloadError("line too long")
        for line in lines:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


def _as_mapping(data: bytes) -> dict[str, Any] | None:
    try:
        content: object = json.loads(data)
    except ValueError:
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None
