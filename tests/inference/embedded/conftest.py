"""A tiny model with three adapters: one that changes much, a second one, and one that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_model import build_tiny_adapter
from workbench.inference.embedded import Engine, load_engine
from workbench.schemas.serving import AdapterMount, ServeConfig


@pytest.fixture(scope="session")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    return {
        "ft-1.0": build_tiny_adapter(root / "one", tiny_model, seed=1),
        "other": build_tiny_adapter(root / "two", tiny_model, seed=2),
        "hollow": build_tiny_adapter(root / "hollow", tiny_model, scale=0),
    }


@pytest.fixture(scope="session")
def serve_config(tiny_model: Path, adapters: dict[str, Path]) -> ServeConfig:
    mounts = tuple(AdapterMount(name=name, path=str(path)) for name, path in adapters.items())
    return ServeConfig.model_validate(
        {"model": str(tiny_model), "adapters": mounts, "max_batch_size": 8, "max_context": 1024}
    )


@pytest.fixture(scope="session")
def engine(serve_config: ServeConfig) -> Iterator[Engine]:
    loaded = load_engine(serve_config)
    yield loaded
    loaded.close()
