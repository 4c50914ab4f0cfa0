"""Gives an Ollama server the models that a person chose as files: finished GGUFs, uploaded by content hash.

Only old servers still take adapters; newer ones refuse them, and the adapter must be merged before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file
from workbench.errors import InputError
from workbench.inference.ollama_admin import HttpOllama, OllamaAdmin, takes_adapters
from workbench.inference.ollama_run import Connect, run_with_ollama
from workbench.schemas.base import parse
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.ollama import OLLAMA_EXPORT, OllamaCreate, OllamaExport
from workbench.schemas.serving import ServeConfig
from workbench.serving.model_files import find_gguf, is_gguf_adapter, read_json_object
from workbench.serving.sides import ollama_name

OnBytes = Callable[[int, int], None]


def prepare_models(
    root: str,
    config: ServeConfig,
    recipe: EngineRecipe,
    on_bytes: OnBytes,
    check: Callable[[], object],
    connect: Connect = HttpOllama,
) -> None:
    """Upload and create what is not there yet, and check that a model named by the person is.

    Args:
        root: The server's address.
        config: Model and adapters.
        recipe: Says from which version on adapters are refused.
        on_bytes: Told bytes sent and bytes in all of each upload.
        check: Called all along; may raise to end it.
        connect: Makes the client.

    Raises:
        InputError: `serve_ollama_model_missing`, `ollama_adapter_refused`, or a file is not what it should be.
        EndpointError: What the server says.
    """
    run_with_ollama(root, connect, lambda client: _Preparing(client, config, recipe, on_bytes).run(), check)


def read_told(path: Path) -> dict[str, Any]:
    """Template, system prompt and options that a folder made for Ollama tells of its model; empty elsewhere.

    Without them the server knows the chat template only where it happens to be one of its own.
    """
    file = find_gguf(path)
    content = read_json_object(file.parent / OLLAMA_EXPORT) if file is not None else None
    if file is None or content is None:
        return {}
    told = next((one for one in parse(OllamaExport, content).models if one.file == file.name), None)
    if told is None:
        return {}
    return {"template": told.template, "system": told.system, "parameters": told.options}


@dataclass(frozen=True)
class _Preparing:
    client: OllamaAdmin
    config: ServeConfig
    recipe: EngineRecipe
    on_bytes: OnBytes

    async def run(self) -> None:
        known = {model.name for model in await self.client.tags()}
        base = ollama_name(self.config, 0)
        if self.config.model.startswith("/"):
            if base not in known:
                await self._add_model(Path(self.config.model), base)
        elif base not in known and f"{base}:latest" not in known:
            raise InputError("serve_ollama_model_missing", name=base, models=", ".join(sorted(known)) or "-")
        for index, adapter in enumerate(self.config.adapters, start=1):
            name = ollama_name(self.config, index)
            if name not in known:
                await self._add_adapter(adapter.name, Path(adapter.path), name, base)

    async def _add_adapter(self, shown: str, path: Path, name: str, base: str) -> None:
        file = find_gguf(path)
        if file is None:
            raise InputError("serve_adapter_not_file", path=str(path), name=shown)
        if not is_gguf_adapter(file):
            await self._add_model(path, name)
            return
        if not takes_adapters(await self.client.version()):
            raise InputError("ollama_adapter_refused", name=shown, version=self.recipe.adapters.below_version)
        await self._create(OllamaCreate(model=name, base=base, adapters=await self._upload(file)))

    async def _add_model(self, path: Path, name: str) -> None:
        told = read_told(path)
        files = await self._upload(path)
        await self._create(OllamaCreate(model=name, files=files, **told))

    async def _upload(self, path: Path) -> dict[str, str]:
        file = find_gguf(path)
        if file is None:
            raise InputError("serve_model_not_file", path=str(path), engine="ollama")
        digest, size, sent = f"sha256:{hash_file(file)}", file.stat().st_size, 0

        def count(more: int) -> None:
            nonlocal sent
            sent += more
            self.on_bytes(sent, size)

        if not await self.client.has_blob(digest):
            await self.client.upload_blob(digest, file, count)
        return {file.name: digest}

    async def _create(self, wanted: OllamaCreate) -> None:
        async for _ in self.client.create(wanted):
            pass
