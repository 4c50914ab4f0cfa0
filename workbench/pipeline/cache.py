"""Results of steps that were done before with the same inputs."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

from workbench.artifacts import ArtifactStore, write_json_atomic
from workbench.errors import NotFoundError
from workbench.paths import Workspace

logger = logging.getLogger(__name__)


class StepCache:
    """Maps fingerprints to results; a result whose artifact was deleted or changed no longer counts."""

    def __init__(self, workspace: Workspace, artifacts: ArtifactStore) -> None:
        self._folder = workspace.cache
        self._artifacts = artifacts

    def look_up(self, fingerprint: str) -> dict[str, Any] | None:
        """The result stored under a fingerprint, or None."""
        path = self._folder / f"{fingerprint}.json"
        try:
            entry = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
            artifact = self._artifacts.get(str(entry["result"]["artifact"]))
        except (FileNotFoundError, NotFoundError, KeyError, json.JSONDecodeError):
            return None
        if artifact.sha256 != entry["sha256"] or not _paths_exist(entry["result"]):
            return None
        return cast("dict[str, Any]", entry["result"])

    def store(self, fingerprint: str, result: dict[str, Any]) -> None:
        """Remember a result that names its artifact; others are not cached."""
        artifact_id = result.get("artifact")
        if not isinstance(artifact_id, str):
            return
        entry = {"result": result, "sha256": self._artifacts.get(artifact_id).sha256}
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json_atomic(self._folder / f"{fingerprint}.json", entry)


def _paths_exist(result: dict[str, Any]) -> bool:
    files = result.get("files")
    named = list(cast("dict[str, str]", files).values()) if isinstance(files, dict) else []
    named += [str(result["path"])] if "path" in result else []
    return all(Path(path).exists() for path in named)
