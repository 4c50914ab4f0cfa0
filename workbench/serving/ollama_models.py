"""Gives an Ollama server the models that a person chose as files: finished GGUFs, uploaded by content hash.

Only old servers still take adapters; newer ones refuse them, and the adapter must be merged before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from workbench.artifacts import hash_file
from workbench.errors import InputError, ResourceError
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import ServeConfig
from workbench.serving.model_files import find_gguf, is_gguf_adapter
from workbench.serving.sides import ollama_name

CHUNK = 1 << 20
QUIET_SECONDS = 600.0
"""Between two messages of the server; checking a large file takes a while."""
OnBytes = Callable[[int, int], None]


def prepare_models(root: str, config: ServeConfig, recipe: EngineRecipe, on_bytes: OnBytes) -> None:
    """Upload and create what is not there yet, and check that a model named by the person is.

    Args:
        root: The server's address.
        config: Model and adapters.
        recipe: Says from which version on adapters are refused.
        on_bytes: Told bytes sent and bytes in all of each upload; may raise to end it.

    Raises:
        InputError: `ollama_model_missing`, or `ollama_adapter_refused`.
        ResourceError: `ollama_create_failed`, with what the server said.
    """
    with httpx.Client(
        base_url=root, trust_env=False, timeout=httpx.Timeout(QUIET_SECONDS, connect=10.0)
    ) as client:
        try:
            _prepare(client, config, recipe, on_bytes)
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise ResourceError(
                "ollama_create_failed", name=config.model_name, detail=str(exc)[:300] or "-"
            ) from exc


def _prepare(client: httpx.Client, config: ServeConfig, recipe: EngineRecipe, on_bytes: OnBytes) -> None:
    known = _names(client)
    base = ollama_name(config, 0)
    if config.model.startswith("/"):
        if base not in known:
            _create(client, base, {"files": _upload(client, Path(config.model), on_bytes)})
    elif base not in known and f"{base}:latest" not in known:
        raise InputError("ollama_model_missing", name=base, models=", ".join(sorted(known)) or "-")
    for index, adapter in enumerate(config.adapters, start=1):
        name = ollama_name(config, index)
        if name in known:
            continue
        file = find_gguf(Path(adapter.path))
        if file is None:
            raise InputError("serve_adapter_not_file", path=adapter.path, name=adapter.name)
        if not is_gguf_adapter(file):
            _create(client, name, {"files": _upload(client, file, on_bytes)})
            continue
        if _is_refused(client, recipe):
            raise InputError(
                "ollama_adapter_refused", name=adapter.name, version=recipe.adapters.below_version
            )
        _create(client, name, {"from": base, "adapters": _upload(client, file, on_bytes)})


def _names(client: httpx.Client) -> set[str]:
    answer = client.get("/api/tags").raise_for_status().json()
    return {str(model["name"]) for model in answer.get("models") or ()}


def _is_refused(client: httpx.Client, recipe: EngineRecipe) -> bool:
    said = str(client.get("/api/version").raise_for_status().json().get("version", ""))
    return bool(recipe.adapters.below_version) and read_version(said) >= read_version(
        recipe.adapters.below_version
    )


def read_version(text: str) -> tuple[int, ...]:
    """Numbers of a version; what follows them (`-rc1`) is left out."""
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _upload(client: httpx.Client, path: Path, on_bytes: OnBytes) -> dict[str, str]:
    file = find_gguf(path)
    if file is None:
        raise InputError("serve_model_not_file", path=str(path), engine="ollama")
    digest = f"sha256:{hash_file(file)}"
    if client.head(f"/api/blobs/{digest}").status_code != 200:
        size = file.stat().st_size
        headers = {"Content-Length": str(size)}
        content = _read(file, size, on_bytes)
        client.post(f"/api/blobs/{digest}", content=content, headers=headers).raise_for_status()
    return {file.name: digest}


def _read(file: Path, size: int, on_bytes: OnBytes) -> Iterator[bytes]:
    sent = 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sent += len(chunk)
            on_bytes(sent, size)
            yield chunk


def _create(client: httpx.Client, name: str, body: dict[str, Any]) -> None:
    """Errors come inside the stream, with HTTP 200."""
    last: dict[str, Any] = {}
    with client.stream("POST", "/api/create", json={"model": name, "stream": True, **body}) as answer:
        if answer.status_code != 200:
            answer.read()
            raise ResourceError("ollama_create_failed", name=name, detail=answer.text[:300])
        for line in answer.iter_lines():
            last = json.loads(line) if line.strip() else last
            if last.get("error"):
                raise ResourceError("ollama_create_failed", name=name, detail=str(last["error"])[:300])
    if last.get("status") != "success":
        raise ResourceError("ollama_create_failed", name=name, detail=str(last.get("status") or "-")[:300])
