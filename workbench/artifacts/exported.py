"""Questions that went into training files, as published reviews tell them."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from workbench.artifacts.files import read_jsonl
from workbench.artifacts.store import ArtifactStore
from workbench.errors import NotFoundError
from workbench.schemas.exported import ExportedQuestion

logger = logging.getLogger(__name__)

EXPORTED = "exported.jsonl"
"""File of a review artifact: one `ExportedQuestion` a line."""


def read_exported(artifacts: ArtifactStore) -> list[ExportedQuestion]:
    """Every question that any published review marks, each once; lines that cannot be read are logged."""
    found: dict[tuple[str, str], ExportedQuestion] = {}
    for artifact in artifacts.list("review"):
        try:
            path = artifacts.file(artifact.id, EXPORTED)
        except NotFoundError:  # published before exports were marked
            continue
        for line in read_jsonl(path):
            try:
                one = ExportedQuestion.model_validate(line)
            except ValidationError:
                logger.warning("%s: a line is no exported question", path)
                continue
            found.setdefault((one.comparison, one.sample_id), one)
    return list(found.values())
