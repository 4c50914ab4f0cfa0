"""What exists on disk and where it came from: one folder per artifact, its manifest written last."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from workbench.artifacts.files import read_json, sync_file, write_json_atomic
from workbench.artifacts.hashing import MANIFEST, folder_bytes, hash_entries, list_entries
from workbench.errors import InputError, NotFoundError, ResourceError, StateError
from workbench.paths import Workspace
from workbench.schemas.artifact import Artifact, ArtifactKind, ArtifactRef

logger = logging.getLogger(__name__)

DRAFT_PREFIX = ".draft-"
TRASH_PREFIX = ".trash-"
# inside the class the name `list` means the method
Artifacts = list[Artifact]


class ArtifactDraft:
    """A folder that becomes an artifact at `commit`; until then nobody sees it.

    Attributes:
        folder: Where to write the files; they may lie in sub-folders.
    """

    def __init__(
        self, store: ArtifactStore, artifact_id: str, kind: ArtifactKind, name: str, job_id: str
    ) -> None:
        self._store = store
        self.id = artifact_id
        self._kind: ArtifactKind = kind
        self._name = name
        self._job_id = job_id
        # the process id lets the next start tell a draft in the making from one that a dead process left
        self.folder = store.root / f"{DRAFT_PREFIX}{os.getpid()}-{artifact_id}"
        self.folder.mkdir(parents=True)

    def commit(
        self,
        *,
        inputs: Sequence[ArtifactRef] = (),
        license: str = "",
        numbers: Mapping[str, float] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Hash the files, write the manifest and put the folder in its place.

        Args:
            inputs: What it was made from.
            license: Licence of the content, as its source names it.
            numbers: Figures worth showing in a list.
            details: What the kind needs.

        Raises:
            StateError: `artifact_empty` where no file was written into the draft.
        """
        entries = list_entries(self.folder)
        if not entries:
            raise StateError("artifact_empty", name=self._name)
        artifact = Artifact(
            id=self.id,
            kind=self._kind,
            name=self._name,
            created_at=self._store.clock(),
            job_id=self._job_id,
            inputs=tuple(inputs),
            files=tuple(entries),
            sha256=hash_entries(entries),
            license=license,
            numbers=dict(numbers or {}),
            details=dict(details or {}),
        )
        for entry in entries:
            sync_file(self.folder / entry.path)
        write_json_atomic(self.folder / MANIFEST, artifact)
        self.folder.rename(self._store.root / self.id)
        sync_file(self._store.root)
        return artifact

    def discard(self) -> None:
        """Delete the draft and all that was written into it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class _Cached(NamedTuple):
    modified_ns: int
    artifact: Artifact


class ArtifactStore:
    """The artifacts of a workspace.

    Args:
        workspace: Where they lie.
        clock: Seconds since the epoch.
    """

    def __init__(self, workspace: Workspace, *, clock: Callable[[], float] = time.time) -> None:
        self.root = workspace.artifacts
        self.clock = clock
        self._cache: dict[str, _Cached] = {}

    def begin(self, kind: ArtifactKind, name: str, *, job_id: str = "") -> ArtifactDraft:
        """Open a folder to write a new artifact's files into."""
        moment = datetime.fromtimestamp(self.clock(), UTC)
        artifact_id = f"{kind}-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        return ArtifactDraft(self, artifact_id, kind, name, job_id)

    def get(self, artifact_id: str) -> Artifact:
        """The manifest of an artifact.

        Raises:
            NotFoundError: `artifact_missing`.
            InputError: `artifact_unreadable` where its manifest is damaged.
        """
        manifest = self._place(artifact_id) / MANIFEST
        try:
            modified_ns = manifest.stat().st_mtime_ns
            cached = self._cache.get(artifact_id)
            if cached is not None and cached.modified_ns == modified_ns:
                return cached.artifact
            artifact = Artifact.model_validate(read_json(manifest))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise NotFoundError("artifact_missing", id=artifact_id) from exc
        except (ValidationError, InputError) as exc:
            raise InputError("artifact_unreadable", id=artifact_id, path=str(manifest)) from exc
        self._cache[artifact_id] = _Cached(modified_ns, artifact)
        return artifact

    def folder(self, artifact_id: str) -> Path:
        """The absolute folder of an artifact that exists."""
        self.get(artifact_id)
        return self._place(artifact_id)

    def file(self, artifact_id: str, relative: str) -> Path:
        """The absolute path of one of its files.

        Raises:
            InputError: `path_outside` where the path leaves the artifact's folder, also through a link.
            NotFoundError: `artifact_missing`, or `artifact_file_missing`.
        """
        folder = self.folder(artifact_id).resolve()
        path = (folder / relative).resolve()
        if not path.is_relative_to(folder):
            raise InputError("path_outside", path=relative)
        if not path.is_file():
            raise NotFoundError("artifact_file_missing", id=artifact_id, path=relative)
        return path

    def list(self, kind: ArtifactKind | None = None) -> Artifacts:
        """All artifacts, newest first; those whose manifest cannot be read are left out with a log line."""
        found = [artifact for artifact in self._readable() if kind is None or artifact.kind == kind]
        return sorted(found, key=lambda artifact: (artifact.created_at, artifact.id), reverse=True)

    def _readable(self) -> Artifacts:
        found: Artifacts = []
        for name in os.listdir(self.root) if self.root.is_dir() else []:
            if name.startswith("."):
                continue
            try:
                found.append(self.get(name))
            except (NotFoundError, InputError) as exc:
                logger.warning("artifact left out of the list: %s", exc)
        return found

    def users_of(self, artifact_id: str) -> Artifacts:
        """Artifacts that were made from this one, or from a file inside its folder; newest first."""
        folder = self._place(artifact_id)
        return [
            artifact
            for artifact in self.list()
            if artifact.id != artifact_id
            and any(_refers_to(ref, artifact_id, folder) for ref in artifact.inputs)
        ]

    def delete(self, artifact_id: str) -> int:
        """Delete an artifact that no other was made from; the bytes freed.

        Raises:
            StateError: `artifact_in_use`, naming the artifacts that were made from it.
        """
        self.get(artifact_id)
        users = self.users_of(artifact_id)
        if users:
            raise StateError("artifact_in_use", id=artifact_id, names=", ".join(user.name for user in users))
        return delete_folder(self._place(artifact_id))

    def disk_bytes(self, artifact_id: str) -> int:
        """Bytes that the artifact takes on disk."""
        return folder_bytes(self.folder(artifact_id))

    def ref(self, artifact_id: str) -> ArtifactRef:
        """A reference for the lineage of something made from it."""
        return ArtifactRef(id=artifact_id, sha256=self.get(artifact_id).sha256)

    def _place(self, artifact_id: str) -> Path:
        # ids come from pages and command lines: only a plain name may become part of a path
        if not artifact_id or artifact_id.startswith(".") or "/" in artifact_id or "\0" in artifact_id:
            raise NotFoundError("artifact_missing", id=artifact_id)
        return self.root / artifact_id


def _refers_to(ref: ArtifactRef, artifact_id: str, folder: Path) -> bool:
    return ref.id == artifact_id or Path(ref.id).is_relative_to(folder)


def delete_folder(folder: Path) -> int:
    """Delete a folder so that it vanishes at once, even if the deletion is interrupted; the bytes freed.

    Raises:
        ResourceError: `cannot_delete` where the system refuses, for example files that root owns.
    """
    freed = folder_bytes(folder)
    trash = folder.with_name(f"{TRASH_PREFIX}{folder.name}-{secrets.token_hex(3)}")
    try:
        folder.rename(trash)
        shutil.rmtree(trash)
    except OSError as exc:
        place = str(exc.filename or folder)
        raise ResourceError("cannot_delete", path=place, reason=exc.strerror or str(exc)) from exc
    return freed


def sweep_leftovers(root: Path, is_alive: Callable[[int], bool]) -> int:
    """Delete drafts of dead processes and interrupted deletions; the number of folders deleted.

    Args:
        root: The folder of all artifacts, or of all jobs.
        is_alive: Whether a process id belongs to a living process.
    """
    swept = 0
    for path in list(root.iterdir()) if root.is_dir() else []:
        owner = _draft_owner(path.name)
        if path.name.startswith(TRASH_PREFIX) or (owner is not None and not is_alive(owner)):
            shutil.rmtree(path, ignore_errors=True)
            swept += 1
    return swept


def _draft_owner(name: str) -> int | None:
    owner = name.removeprefix(DRAFT_PREFIX).split("-")[0]
    return int(owner) if name.startswith(DRAFT_PREFIX) and owner.isdigit() else None
