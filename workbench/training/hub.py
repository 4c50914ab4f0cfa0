"""The one place that talks to a model hub, and the sentences for what can go wrong there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import huggingface_hub
from huggingface_hub import errors, file_download, utils

from workbench.errors import EndpointError, InputError

# untyped library
HUB: Any = huggingface_hub
ERRORS: Any = errors
FILES: Any = file_download
UTILS: Any = utils
logger = logging.getLogger(__name__)

# what a model needs; Python files come along unread and run only with consent
_SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken", ".py")
_NAMES = ("README.md", "LICENSE", "LICENSE.md", "NOTICE", "USE_POLICY.md")
# a second copy of the weights, and the index of weights that we do not take
_UNWANTED_STARTS = ("consolidated", "pytorch_model", "tf_model", "flax_model")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class HubFile:
    """One file of a repository."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """Empty for small files, whose hash the hub does not tell."""


@dataclass(frozen=True)
class HubModel:
    """A repository at one commit."""

    repo_id: str
    sha: str
    """The commit."""
    license: str
    files: tuple[HubFile, ...]
    """Those that are worth downloading."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class Hub(Protocol):
    """What downloading needs of a hub."""

    def describe(self, repo_id: str, revision: str) -> HubModel: ...

    def fetch(self, model: HubModel, file: HubFile, part: Path, on_bytes: Callable[[int], None]) -> None: ...


def is_wanted(name: str) -> bool:
    """Whether a file belongs to the model; sub-folders hold other formats of the same weights."""
    if "/" in name or "\\" in name or name.startswith(".") or name.startswith(_UNWANTED_STARTS):
        return False
    return name in _NAMES or name.endswith(_SUFFIXES)


def check_usable(repo_id: str, names: list[str]) -> None:
    """Refuse a repository that holds no model which can be loaded here.

    Raises:
        InputError: `hub_not_a_model`, `hub_pickle_only` or `hub_no_weights`.
    """
    wanted = [name for name in names if is_wanted(name)]
    if "config.json" not in wanted:
        raise InputError("hub_not_a_model", repo=repo_id)
    if any(name.endswith(".safetensors") for name in wanted):
        return
    if any(name.endswith(_PICKLES) for name in names):
        raise InputError("hub_pickle_only", repo=repo_id)
    raise InputError("hub_no_weights", repo=repo_id)


class HuggingFaceHub:
    """A hub that speaks the protocol of huggingface.co.

    Args:
        endpoint: Address; empty for the library's own default.
        token: For private and gated repositories; empty for none.
    """

    def __init__(self, endpoint: str = "", token: str = "") -> None:
        self._endpoint = endpoint or None
        # False, because None would send the token of whoever is logged in on this machine
        self._token: str | bool = token or False
        self._api: Any = HUB.HfApi(endpoint=self._endpoint, token=self._token)

    def describe(self, repo_id: str, revision: str) -> HubModel:
        """The files of a repository with their sizes; downloads nothing.

        Raises:
            InputError: The repository does not exist, is gated, or holds no usable model.
            EndpointError: The hub cannot be reached or answers badly.
        """
        with converted(repo_id, revision):
            info: Any = self._api.model_info(repo_id, revision=revision, files_metadata=True)
        siblings: list[Any] = info.siblings or []
        check_usable(repo_id, [str(item.rfilename) for item in siblings])
        files = [_hub_file(item) for item in siblings if is_wanted(str(item.rfilename))]
        return HubModel(repo_id, str(info.sha), _license(info), tuple(files))

    def fetch(self, model: HubModel, file: HubFile, part: Path, on_bytes: Callable[[int], None]) -> None:
        """Download a file, going on where an earlier attempt left its part.

        Args:
            model: The repository at its commit.
            file: One of its files.
            part: Where the bytes are collected.
            on_bytes: Told how many bytes came, again and again; what it raises ends the download.
        """
        url = FILES.hf_hub_url(model.repo_id, file.name, revision=model.sha, endpoint=self._endpoint)
        have = part.stat().st_size if part.exists() else 0
        with part.open("ab") as handle, converted(model.repo_id, model.sha):
            FILES.http_get(
                url,
                CountingFile(handle, on_bytes),
                resume_size=have,
                headers=UTILS.build_hf_headers(token=self._token),
                expected_size=file.size,
                tqdm_class=UTILS.silent_tqdm,
            )


class CountingFile:
    """An open file that tells how many bytes are written."""

    def __init__(self, handle: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        self._handle = handle
        self._on_bytes = on_bytes

    def write(self, data: bytes) -> int:
        written = self._handle.write(data)
        self._on_bytes(written)
        return written

    def tell(self) -> int:
        return self._handle.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        return self._handle.seek(place, whence)

    def truncate(self, size: int | None = None) -> int:
        """Cut the file; the bytes cut off count as not written."""
        before = self._handle.seek(0, 2)
        place = self._handle.truncate(size if size is not None else 0)
        self._handle.seek(place)
        self._on_bytes(place - before)
        return place


def _hub_file(item: Any) -> HubFile:
    lfs = item.lfs
    return HubFile(str(item.rfilename), int(item.size or 0), str(lfs.sha256) if lfs else "")


def _license(info: Any) -> str:
    card: Any = info.card_data
    if card is None:
        return ""
    name = card.get("license") or ""
    return str(card.get("license_name") or name) if name == "other" else str(name)


@contextmanager
def converted(repo_id: str, revision: str) -> Generator[None]:
    """Turn the library's exceptions into errors with a sentence.

    The order matters: a gated repository is a kind of missing one for the library.
    """
    try:
        yield
    except ERRORS.GatedRepoError as exc:
        raise InputError("hub_gated", repo=repo_id) from exc
    except ERRORS.RevisionNotFoundError as exc:
        raise InputError("hub_revision_missing", repo=repo_id, revision=revision) from exc
    except ERRORS.RepositoryNotFoundError as exc:
        raise InputError("hub_repo_missing", repo=repo_id) from exc
    except ERRORS.OfflineModeIsEnabled as exc:
        raise EndpointError("hub_offline") from exc
    except ERRORS.HfHubHTTPError as exc:
        raise _of_status(exc, repo_id) from exc
    except ERRORS.HTTPError as exc:
        raise EndpointError("hub_unreachable", reason=type(exc).__name__) from exc
    except OSError as exc:
        # the library's own "fewer bytes came than announced" has no error number; a full disk has one
        if exc.errno is not None:
            raise
        raise EndpointError("hub_connection_broken") from exc


def _of_status(exc: Any, repo_id: str) -> EndpointError | InputError:
    status = int(exc.response.status_code) if getattr(exc, "response", None) is not None else 0
    if status in (401, 403):
        return InputError("hub_token_refused", repo=repo_id)
    if status == 404:
        return InputError("hub_repo_missing", repo=repo_id)
    return EndpointError("hub_failed", status=status)
