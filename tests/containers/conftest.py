"""An engine that replays what a real one said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.containers.fake_api import ApiServer, load, serving
from tests.containers.scenarios import OWNER
from workbench.containers.docker_engine import DockerEngine, open_client
from workbench.containers.engine_info import Address
from workbench.containers.labels import StopMarks

Replay = Callable[[str], tuple[DockerEngine, ApiServer, str]]


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """Engine, server and reference of a recording."""
    with ExitStack() as stack:

        def start(name: str) -> tuple[DockerEngine, ApiServer, str]:
            recording = load(name)
            path = tmp_path / "e.sock"
            server = stack.enter_context(serving(ApiServer(path, recording["exchanges"])))
            address = Address(f"unix://{path}")
            engine = DockerEngine(
                open_client(address, {}),
                address,
                owner=OWNER,
                marks=StopMarks(tmp_path / "marks"),
                mask=lambda text: text,
            )
            stack.callback(engine.close)
            return engine, server, recording["reference"]

        yield start
