"""A real Docker engine, registries, and images made here. Everything lies under temporary folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from tests.engine import images
from tests.engine.daemon import Daemon, running_daemon, running_registry, why_no_engine
from tests.engine.images import BUSYBOX, import_busybox
from workbench.containers.connect import connect
from workbench.containers.docker_engine import DockerEngine
from workbench.containers.starting import run_container
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerRecord, ContainerSpec
from workbench.serving.servers import find_servers, stop_server
from workbench.text.secrets import Redactor

KEY = "nvapi-canary-0123456789abcdef"
USER = "$oauthtoken"
Run = Callable[..., ContainerRecord]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    why = why_no_engine()
    if why:
        terminalreporter.write_line(f"The real container engine was not tested here: {why}.")


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    why = why_no_engine()
    if why:
        pytest.skip(f"the real container engine was not tested: {why}")
    with running_daemon(tmp_path_factory.mktemp("engine")) as started:
        yield started


@pytest.fixture(scope="session")
def raw(daemon: Daemon) -> Iterator[docker.APIClient]:
    """The SDK itself, for what a test prepares and looks up behind our back."""
    client = docker.APIClient(base_url=f"unix://{daemon.socket}", timeout=60)
    import_busybox(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def environ(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return {
        "DOCKER_HOST": f"unix://{daemon.socket}",
        "HOME": str(home),
        "PATH": os.environ.get("PATH", ""),
        "NGC_API_KEY": KEY,
    }


@pytest.fixture
def engine(raw: docker.APIClient, environ: dict[str, str], workspace: Workspace) -> Iterator[DockerEngine]:
    """Our engine for an empty workspace; whatever a test leaves running is removed."""
    made = connect(workspace, environ, mask=Redactor(environ).mask)
    yield made
    for record in made.list():
        made.remove(record.id, force=True)
    made.close()


@pytest.fixture
def run(engine: DockerEngine) -> Run:
    """Start a shell line in a busybox container."""

    def start(line: str = "sleep 300", **values: object) -> ContainerRecord:
        secrets = values.pop("secrets", None)
        spec = ContainerSpec.model_validate(
            {"image": BUSYBOX, "command": ("sh", "-c", line), "init": False, "stop_seconds": 1, **values}
        )
        return run_container(engine, spec, secrets, confirmed=True)  # type: ignore[arg-type]

    return start


@pytest.fixture(scope="session")
def registry(raw: docker.APIClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a registry without login."""
    with running_registry(tmp_path_factory.mktemp("registry"), os.environ) as address:
        yield address


@pytest.fixture(scope="session")
def locked_registry(raw: docker.APIClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a registry that asks for `$oauthtoken` and the key, as nvcr.io does."""
    with running_registry(tmp_path_factory.mktemp("locked"), os.environ, login=(USER, KEY)) as address:
        yield address


@pytest.fixture(scope="session")
def publish(raw: docker.APIClient) -> Callable[..., str]:
    """Push an image of a few layers of random bytes and remove it here; its reference."""

    def make(registry: str, name: str, *, layers: int = 1, mib: int = 1, login: bool = False) -> str:
        auth = (USER, KEY) if login else None
        return images.publish(raw, registry, name, layers=layers, mib=mib, auth=auth)

    return make


@pytest.fixture
def jobs(
    workspace: Workspace,
    daemon: Daemon,
    raw: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch,
    repo_root: Path,
) -> Iterator[JobStore]:
    """Jobs whose workers talk to the test's engine; whatever a test leaves behind is ended."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{daemon.socket}")
    monkeypatch.setenv("NGC_API_KEY", KEY)
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    store = JobStore(workspace)
    yield store
    for card in find_servers(workspace, store):
        if card.state not in ("stopped", "failed"):
            stop_server(card.id, workspace, store)
    for record in store.list(kind="serve"):
        store.wait(record.spec.id, timeout=30)
    for left in raw.containers(all=True, filters={"label": "io.workbench.managed=true"}):
        raw.remove_container(left["Id"], force=True)
