"""What answers of a server must carry, so that unequal ones are not compared without a warning."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from pathlib import Path
from typing import Any

from workbench.artifacts import hash_file, hash_folder
from workbench.errors import WorkbenchError
from workbench.schemas.containers import ContainerSpec
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import ServeConfig, ServeProvenance
from workbench.serving.model_files import find_gguf, quantisation_of, split_parts, template_sha256

_PLACES = ("/opt/", "/models", "/cache", "/ollama")
"""Where things lie inside decides nothing about an answer."""


def describe_server(
    config: ServeConfig, spec: ContainerSpec, digest: str, hashes: dict[str, str]
) -> ServeProvenance:
    """The facts of a server in a container.

    Args:
        config: What the person chose.
        spec: The container.
        digest: Of its image.
        hashes: Content hash of each model by its name, as `HashInBackground` gives them.
    """
    local = Path(config.model) if config.model.startswith("/") else None
    return ServeProvenance(
        engine=config.engine,
        image=spec.image,
        image_digest=digest,
        base_sha256=hashes.get(config.model_name) or hashlib.sha256(config.model.encode()).hexdigest(),
        adapters={adapter.name: hashes.get(adapter.name, "") for adapter in config.adapters},
        quantisation=quantisation_of(local) if local else "",
        dtype=config.dtype,
        template_sha256=template_sha256(local) if local else "",
        options=_options(spec),
    )


def _options(spec: ContainerSpec) -> dict[str, Any]:
    values = {name: value for name, value in spec.env.items() if not value.startswith(_PLACES)}
    return {"arguments": [one for one in spec.command if not one.startswith(_PLACES)], "environment": values}


class HashInBackground(threading.Thread):
    """Hashes base and adapters while the server loads: minutes for large models, which are waited for anyway."""

    def __init__(self, config: ServeConfig, recipe: EngineRecipe | None = None) -> None:
        """Args: `config`: what is served. `recipe`: of its engine; None for the embedded server."""
        super().__init__(name="hash", daemon=True)
        local = recipe is None or recipe.model.kind in ("folder", "file") or config.model.startswith("/")
        self._paths = {config.model_name: config.model} if local else {}
        self._paths |= {adapter.name: adapter.path for adapter in config.adapters}
        self._hashes: dict[str, str] = {}

    def run(self) -> None:
        # a model that cannot be read is told by the server that wants to load it
        with contextlib.suppress(OSError, WorkbenchError):
            for name, path in self._paths.items():
                self._hashes[name] = hash_model(Path(path))

    def result(self) -> dict[str, str]:
        """Hashes by model name; waits until they are there."""
        self.join()
        return dict(self._hashes)


def hash_model(path: Path) -> str:
    """Content hash of a model or adapter; of a GGUF its own file's, or of all its parts."""
    if find_gguf(path) is None:
        return hash_folder(path)
    parts = split_parts(path)
    if len(parts) == 1:
        return hash_file(parts[0])
    return hashlib.sha256("".join(hash_file(part) for part in parts).encode()).hexdigest()
