"""Models and adapters of every architecture, made once for all tests of GGUF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conversion.gguf.models import ADAPTERS, BUILDERS, save_adapter, save_model
from workbench.paths import Workspace


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Architecture -> folder of a model in float32."""
    root = tmp_path_factory.mktemp("gguf-models")

    def find(name: str) -> Path:
        folder = root / name
        return folder if folder.is_dir() else save_model(folder, BUILDERS[name])

    return find


@pytest.fixture(scope="session")
def adapters(
    models: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Architecture and kind of adapter -> its folder."""
    root = tmp_path_factory.mktemp("gguf-adapters")

    def find(name: str, kind: str) -> Path:
        folder = root / f"{name}-{kind}"
        return folder if folder.is_dir() else save_adapter(models(name), folder, **ADAPTERS[kind])

    return find


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "home")
    for folder in found.folders():
        folder.mkdir(parents=True, exist_ok=True)
    return found
