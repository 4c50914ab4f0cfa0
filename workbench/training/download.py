"""The job `download`: a model from a hub into the workspace, going on where an earlier attempt stopped."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file, write_json_atomic
from workbench.errors import EndpointError, ResourceError
from workbench.jobs import JobContext
from workbench.schemas.base import parse
from workbench.schemas.training import DownloadConfig
from workbench.training.hub import Hub, HubFile, HubModel, HuggingFaceHub
from workbench.training.models import describe_model

logger = logging.getLogger(__name__)

INCOMING = ".incoming-"
MARKER = ".hub.json"
# left free on the disk, so that other jobs can still write
_RESERVE = 1_000_000_000


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Download a model.

    Args:
        config: `DownloadConfig` as JSON.
        job: The job.

    Returns:
        `path` (the model's folder), `repo_id`, `sha` (its commit), `bytes`, `license`.

    Raises:
        InputError: The repository does not exist, is gated, or holds no usable model.
        EndpointError: The hub cannot be reached, or a file arrived damaged.
        ResourceError: `hub_disk_full`.
    """
    settings = parse(DownloadConfig, config)
    token = job.secret(settings.token_env) if settings.token_env else ""
    # the library reads the variable only when it is imported, tests and mirrors change it later
    hub = HuggingFaceHub(os.environ.get("HF_ENDPOINT", ""), token)
    return download(settings, hub, job)


def download(settings: DownloadConfig, hub: Hub, job: JobContext) -> dict[str, Any]:
    """Download from a given hub; see `run`."""
    job.progress("download_list")
    model = hub.describe(settings.repo_id, settings.revision)
    target = choose_target(job.workspace.models, model)
    job.event("download_license", repo=model.repo_id, license=model.license or "?")
    if target.is_dir():
        job.event("download_present", path=str(target))
        return _result(model, target)
    incoming = job.workspace.models / f"{INCOMING}{folder_name(model.repo_id)}-{model.sha[:8]}"
    incoming.mkdir(parents=True, exist_ok=True)
    check_disk(model, incoming)
    fetch_all(model, hub, incoming, job)
    describe_model(incoming)
    write_json_atomic(
        incoming / MARKER, {"repo_id": model.repo_id, "sha": model.sha, "license": model.license}
    )
    incoming.rename(target)
    return _result(model, target)


def _result(model: HubModel, target: Path) -> dict[str, Any]:
    return {
        "path": str(target),
        "repo_id": model.repo_id,
        "sha": model.sha,
        "bytes": model.size,
        "license": model.license,
    }


def folder_name(repo_id: str) -> str:
    """`org/name` as the name of a folder."""
    return repo_id.replace("/", "--")


def choose_target(models: Path, model: HubModel) -> Path:
    """Where a model goes: `<org>--<name>`, or with its commit behind where another commit lies there already.

    What an adapter was trained on must not change under it.
    """
    plain = models / folder_name(model.repo_id)
    if not plain.exists() or model.sha in _read_marker(plain):
        return plain
    return models / f"{plain.name}--{model.sha[:8]}"


def _read_marker(folder: Path) -> str:
    path = folder / MARKER
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def check_disk(model: HubModel, incoming: Path) -> None:
    """Refuse a model that the disk has no room for; what is downloaded already counts.

    Raises:
        ResourceError: `hub_disk_full`.
    """
    have = sum(path.stat().st_size for path in incoming.iterdir() if path.is_file())
    needed = max(0, model.size - have) + _RESERVE
    free = shutil.disk_usage(incoming).free
    if needed > free:
        raise ResourceError("hub_disk_full", needed=say_size(needed), free=say_size(free))


def say_size(count: int) -> str:
    """Bytes in a unit that people read."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def fetch_all(model: HubModel, hub: Hub, incoming: Path, job: JobContext) -> None:
    """Download every file that is not there yet, the small ones first."""
    done = 0

    def count(came: int) -> None:
        nonlocal done
        done += came
        job.check()
        job.progress("download_files", done, model.size, "bytes")

    for file in sorted(model.files, key=lambda item: item.size):
        path, part = incoming / file.name, incoming / f"{file.name}.part"
        if path.is_file() and path.stat().st_size == file.size:
            count(file.size)
            continue
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        count(part.stat().st_size if part.exists() else 0)
        hub.fetch(model, file, part, count)
        verify(file, part)
        part.rename(path)


def verify(file: HubFile, part: Path) -> None:
    """Compare a downloaded file with what the hub says of it; a damaged one is deleted.

    Raises:
        EndpointError: `hub_file_damaged`.
    """
    if part.stat().st_size == file.size and (not file.sha256 or hash_file(part) == file.sha256):
        return
    part.unlink()
    raise EndpointError("hub_file_damaged", file=file.name)
