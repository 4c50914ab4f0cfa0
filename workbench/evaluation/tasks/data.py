"""Finds a task's data: what the person gives, what was fetched before, what a network offers; in this order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from workbench.artifacts import hash_file
from workbench.errors import EndpointError, InputError, NotFoundError
from workbench.evaluation.tasks.rows import MAX_BYTES
from workbench.schemas.tasks import DataFile, HubFile, WebFile

logger = logging.getLogger(__name__)

FETCH_SECONDS = 60.0
CHUNK = 1 << 20
Fetch = Callable[[DataFile, Path], Path]


def find_data(
    wanted: DataFile, given: str, home: Path, store: Path, fetch: Fetch | None = None
) -> Path | None:
    """The file on this machine, fetched where need be.

    Args:
        wanted: Which file.
        given: File or folder of the person's; empty where they gave none.
        home: The task file's folder.
        store: Where fetched files are kept.
        fetch: Gets a file from a network; None: `fetch_data`.

    Returns:
        The file, or None where a given folder holds none of the names, or nobody says where the file is.

    Raises:
        WorkbenchError: It could not be fetched.
    """
    if given:
        return _find_given(wanted, Path(given).expanduser())
    if wanted.path:
        return home / wanted.path
    return (fetch or fetch_data)(wanted, store) if wanted.hub or wanted.web else None


def _find_given(wanted: DataFile, given: Path) -> Path | None:
    if not given.is_dir():
        return given
    return next((given / name for name in wanted.names if (given / name).is_file()), None)


def fetch_data(wanted: DataFile, store: Path) -> Path:
    """A file from the hub or from its publisher, kept for the next time.

    Raises:
        EndpointError: There is no network, or the other side does not answer.
        InputError: What came is not what the task file names.
    """
    source = wanted.hub or wanted.web
    assert source is not None
    store.mkdir(parents=True, exist_ok=True)
    target = store / _local_name(source)
    if target.is_file() and source.sha256 in ("", hash_file(target)):
        return target
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if isinstance(source, HubFile):
            _fetch_hub(source, part)
        else:
            _fetch_web(source.url, part)
        if source.sha256 and hash_file(part) != source.sha256:
            raise InputError("task_fetched_differs", source=_describe(source))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _local_name(source: HubFile | WebFile) -> str:
    if isinstance(source, WebFile):
        return f"{source.sha256[:12]}-{Path(urlsplit(source.url).path).name}"
    return f"{source.repo.replace('/', '--')}-{source.revision[:12]}-{Path(source.file).name}"


def _describe(source: HubFile | WebFile) -> str:
    return source.url if isinstance(source, WebFile) else f"{source.repo}/{source.file}"


def _fetch_hub(source: HubFile, part: Path) -> None:
    # imported here: data that lies on this machine is read without it
    import huggingface_hub
    from huggingface_hub import errors

    # Any: the library is typed in part only
    hub: Any = huggingface_hub
    faults: Any = errors
    try:
        found = hub.hf_hub_download(
            source.repo,
            source.file,
            repo_type="dataset",
            revision=source.revision,
            # None would send the token of whoever is logged in on this machine
            token=False,
        )
    except faults.OfflineModeIsEnabled as exc:
        raise EndpointError("task_fetch_offline", source=_describe(source)) from exc
    except (faults.HfHubHTTPError, faults.HTTPError, faults.LocalEntryNotFoundError, OSError) as exc:
        absent = isinstance(exc, faults.RepositoryNotFoundError | faults.EntryNotFoundError)
        # that one says that the hub was not reached and nothing was kept
        if absent and not isinstance(exc, faults.LocalEntryNotFoundError):
            raise NotFoundError("task_fetch_missing", source=_describe(source)) from exc
        raise EndpointError("task_fetch_failed", source=_describe(source), reason=_reason(exc)) from exc
    with Path(str(found)).open("rb") as reading, part.open("wb") as writing:
        _copy(reading, writing)


def _fetch_web(url: str, part: Path) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise EndpointError("task_fetch_offline", source=url)
    # imported here, like the hub's library
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        """A redirect would lead to an address that nobody has checked."""

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
            """Follow none; the answer becomes an error with its status."""
            return

    try:
        opener = urllib.request.build_opener(NoRedirect)
        with opener.open(url, timeout=FETCH_SECONDS) as answer, part.open("wb") as writing:
            _copy(answer, writing)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as exc:
        raise EndpointError("task_fetch_failed", source=url, reason=_reason(exc)) from exc


def _copy(reading: IO[bytes], writing: IO[bytes]) -> None:
    total = 0
    while chunk := reading.read(CHUNK):
        total += len(chunk)
        if total > MAX_BYTES:
            raise InputError("task_fetched_too_big", megabytes=MAX_BYTES // 1024 // 1024)
        writing.write(chunk)


def _reason(exc: BaseException) -> str:
    status = getattr(exc, "code", None) or getattr(getattr(exc, "response", None), "status_code", None)
    return f"HTTP {status}" if status else type(exc).__name__
