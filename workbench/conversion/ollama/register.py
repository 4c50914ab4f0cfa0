"""Registers a finished folder with an Ollama server: hash, send what is not there, create, look."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from workbench.artifacts import read_json
from workbench.conversion.ollama.work import list_commands, name_model
from workbench.errors import StateError
from workbench.inference.ollama_admin import HttpOllama, OllamaAdmin, takes_adapters
from workbench.inference.ollama_run import Connect, run_with_ollama
from workbench.jobs import JobContext
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConvertConfig
from workbench.schemas.ollama import OLLAMA_EXPORT, OllamaCreate, OllamaExport, OllamaVariant

HASH_PHASE, UPLOAD_PHASE, CREATE_PHASE = "ollama_hash", "ollama_upload", "ollama_create"
_BLOCK = 8 << 20


def check_server(settings: ConvertConfig, job: JobContext, connect: Connect = HttpOllama) -> None:
    """Ask the server before hours are spent on a file that it would not take.

    Raises:
        EndpointError: It does not answer, or is no Ollama.
        StateError: `ollama_too_new` for a version that no longer takes adapters.
    """
    if settings.ollama_url is None:
        return
    version = run_with_ollama(settings.ollama_url, connect, lambda client: client.version(), job.check)
    if settings.ollama_adapter and not takes_adapters(version):
        raise StateError("ollama_too_new", version=version[:40])
    # an adapter that is merged could be registered as it is on such a server
    job.note(ollama={"version": version, "takes_adapters": takes_adapters(version)})


def register(
    settings: ConvertConfig, folder: Path, job: JobContext, connect: Connect = HttpOllama
) -> dict[str, Any]:
    """Register the models of a folder, or only say how it is done.

    Cancelling stops at once. What the server has received in full is not sent again.

    Returns:
        `commands`, and with a server `url`, `version` and `models`: their names there.

    Raises:
        EndpointError: What the server says; the folder stays.
    """
    export = parse(OllamaExport, read_json(folder / OLLAMA_EXPORT))
    told: dict[str, Any] = {"commands": list_commands(settings, export)}
    if settings.ollama_url is None:
        return told
    names = sorted({name for model in export.models for name in (model.file, model.adapter) if name})
    digests = hash_files(folder, names, job)

    async def send(client: OllamaAdmin) -> dict[str, Any]:
        await _upload(client, folder, digests, job)
        made = [await _create(client, settings, variant, digests, job) for variant in export.models]
        return {"url": settings.ollama_url, "version": await client.version(), "models": made}

    return told | run_with_ollama(settings.ollama_url, connect, send, job.check)


def hash_files(folder: Path, names: list[str], job: JobContext) -> dict[str, str]:
    """File name -> `sha256:...`."""
    total, done = sum((folder / name).stat().st_size for name in names), 0
    digests: dict[str, str] = {}
    for name in names:
        content = hashlib.sha256()
        with (folder / name).open("rb") as handle:
            while block := handle.read(_BLOCK):
                content.update(block)
                done += len(block)
                job.progress(HASH_PHASE, done=done, total=total, unit="bytes")
                job.check()
        digests[name] = f"sha256:{content.hexdigest()}"
    return digests


async def _upload(client: OllamaAdmin, folder: Path, digests: dict[str, str], job: JobContext) -> None:
    total, done = sum((folder / name).stat().st_size for name in digests), 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        job.progress(UPLOAD_PHASE, done=done, total=total, unit="bytes")

    for name, digest in digests.items():
        if await client.has_blob(digest):
            job.event("ollama_blob_present", name=name)
            count((folder / name).stat().st_size)
        else:
            await client.upload_blob(digest, folder / name, count)


async def _create(
    client: OllamaAdmin,
    settings: ConvertConfig,
    variant: OllamaVariant,
    digests: dict[str, str],
    job: JobContext,
) -> str:
    name = name_model(settings, variant)
    wanted = OllamaCreate(
        model=name,
        files={variant.file: digests[variant.file]},
        adapters={variant.adapter: digests[variant.adapter]} if variant.adapter else {},
        template=variant.template,
        system=variant.system,
        parameters=variant.options,
    )
    job.progress(CREATE_PHASE)
    async for progress in client.create(wanted):
        job.note(ollama_status=progress.status[:200])
    # a server that says success and does not know the model would be found out only by the first question
    await client.show(name)
    job.event("ollama_model_made", name=name)
    return name
