"""What a job leaves behind, and where it came from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.schemas.base import StrictModel

ArtifactKind = Literal[
    "dataset", "model", "adapter", "gguf", "evaluation", "comparison", "review", "judgement"
]


class FileEntry(StrictModel):
    """One file of an artifact."""

    path: str
    """Relative to the artifact's folder."""
    bytes: int
    sha256: str


class ArtifactRef(StrictModel):
    """An input by content: the hash tells whether it is still the same thing."""

    id: str
    """Artifact id, or the absolute path of an outside file or folder."""
    sha256: str


class Artifact(StrictModel):
    """The manifest `artifact.json`, written last: its existence means that the artifact is whole."""

    id: str
    kind: ArtifactKind
    name: str
    created_at: float
    """Seconds since the epoch."""
    job_id: str = ""
    inputs: tuple[ArtifactRef, ...] = ()
    files: tuple[FileEntry, ...] = ()
    sha256: str
    """Hash over the file entries: equal content, equal hash."""
    license: str = ""
    numbers: dict[str, float] = Field(default_factory=dict[str, float])
    """Figures worth showing in a list."""
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the kind needs: for an adapter its base model's path, for a dataset its splits."""
