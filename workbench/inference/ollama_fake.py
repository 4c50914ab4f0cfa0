"""An Ollama server that lives in memory: for tests, and for trying an export without a server."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from workbench.errors import EndpointError
from workbench.inference.ollama_admin import CHUNK_BYTES, Sent, takes_adapters
from workbench.schemas.ollama import OllamaCreate, OllamaModel, OllamaProgress

MAGIC = b"GGUF"


class FakeOllama:
    """Keeps blobs and models as the server does, without running any; see `OllamaAdmin`.

    Args:
        version: What it says it is; from 0.34.1 on it refuses adapters.
        url: Address in its errors.
        fails: Said inside the stream of the next `create`, in place of its end.
    """

    def __init__(self, version: str = "0.34.2", *, url: str = "fake://ollama", fails: str = "") -> None:
        self._version = version
        self._url = url
        self.fails = fails
        self.blobs: dict[str, bytes] = {}
        """Digest -> the blob's first bytes."""
        self.sizes: dict[str, int] = {}
        self.models: dict[str, OllamaCreate] = {}
        self.uploads: list[str] = []
        """Digests in the order in which they were sent in full."""
        self.closed = False

    async def version(self) -> str:
        """The version it was made with."""
        return self._version

    async def has_blob(self, digest: str) -> bool:
        """Whether the blob was stored."""
        return digest in self.blobs

    async def upload_blob(self, digest: str, path: Path, sent: Sent) -> None:
        """Read a file as the server would receive it."""
        content = hashlib.sha256()
        head = b""
        with path.open("rb") as handle:
            while piece := handle.read(CHUNK_BYTES):
                head = head or piece[: len(MAGIC)]
                content.update(piece)
                sent(len(piece))
        self.store(digest, content.hexdigest(), head, path.stat().st_size)

    def store(self, digest: str, found: str, head: bytes, size: int) -> None:
        """Keep a blob whose content was hashed while it came in.

        Raises:
            EndpointError: `ollama_refused` where the content is not what its name says.
        """
        if digest != f"sha256:{found}":
            raise self._refusal(f'digest mismatch, expected "{digest}", got "sha256:{found}"')
        self.blobs[digest], self.sizes[digest] = head, size
        self.uploads.append(digest)

    async def create(self, wanted: OllamaCreate) -> AsyncGenerator[OllamaProgress]:
        """Register a model in the steps of the server."""
        if wanted.adapters and not takes_adapters(self._version):
            raise EndpointError("ollama_adapters_gone", url=self._url)
        if not wanted.files:
            raise self._refusal("neither 'from' or 'files' was specified")
        digests = [*wanted.files.values(), *wanted.adapters.values()]
        for digest in digests:
            if digest not in self.blobs:
                raise self._refusal(f"blob {digest} not found")
        yield OllamaProgress(status="parsing GGUF")
        if any(self.blobs[digest] != MAGIC for digest in digests):
            raise self._refusal("supplied file was not in GGUF format")
        for digest in digests:
            yield OllamaProgress(status=f"using existing layer {digest}")
        if self.fails:
            told, self.fails = self.fails, ""
            raise self._refusal(told)
        yield OllamaProgress(status="writing manifest")
        self.models[_with_tag(wanted.model)] = wanted
        yield OllamaProgress(status="success")

    async def tags(self) -> tuple[OllamaModel, ...]:
        """The registered models."""
        return tuple(
            OllamaModel(name=name, digest=digest, bytes=self.sizes[digest])
            for name, model in self.models.items()
            for digest in list(model.files.values())[:1]
        )

    async def show(self, model: str) -> dict[str, Any]:
        """What it was registered with."""
        found = self._find(model)
        return {
            "template": found.template,
            "system": found.system,
            "parameters": found.parameters,
            "details": {"format": "gguf"},
        }

    async def delete(self, model: str) -> None:
        """Forget a model; its blobs stay."""
        self._find(model)
        del self.models[_with_tag(model)]

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _find(self, model: str) -> OllamaCreate:
        found = self.models.get(_with_tag(model))
        if found is None:
            raise EndpointError("ollama_model_missing", url=self._url, model=model)
        return found

    def _refusal(self, told: str) -> EndpointError:
        return EndpointError("ollama_refused", url=self._url, detail=told)


def _with_tag(name: str) -> str:
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
