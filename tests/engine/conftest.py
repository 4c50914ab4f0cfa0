"""A real Docker engine, registries, and images made here. Everything lies under temporary folders."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest

from tests.engine.daemon import Daemon, running_daemon, running_registry, why_no_engine
from workbench.containers.connect import connect
from workbench.containers.docker_engine import DockerEngine
from workbench.containers.starting import run_container
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerRecord, ContainerSpec
from workbench.text.secrets import Redactor

BUSYBOX = "ftw-test/busybox:1"
KEY = "nvapi-canary-0123456789abcdef"
USER = "$oauthtoken"
Run = Callable[..., ContainerRecord]


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


def import_busybox(client: docker.APIClient, name: str = BUSYBOX, extra: bytes = b"") -> None:
    """A minimal image: busybox, its programs as links, and empty folders."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "usr", "lib", "lib64", "tmp", "etc", "dev", "proc", "sys", "srv"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(str(shutil.which("busybox")), "bin/busybox")
        for program in (
            "sh",
            "ls",
            "cat",
            "echo",
            "sleep",
            "wget",
            "dd",
            "id",
            "env",
            "true",
            "false",
            "head",
            "tail",
            "seq",
        ):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for path, content in (("etc/passwd", b"root:x:0:0::/:/bin/sh\n"), ("srv/filler", extra)):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    repository, _, tag = name.rpartition(":")
    client.import_image_from_data(
        archive.getvalue(), repository=repository, tag=tag, changes=['CMD ["/bin/sh"]']
    )


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
        reference = f"{registry}/{name}"
        repository, _, tag = reference.rpartition(":")
        source = BUSYBOX
        made: list[str] = []
        for index in range(layers):
            box = raw.create_container(
                source, ["dd", "if=/dev/urandom", f"of=/srv/{index}", "bs=1048576", f"count={mib}"]
            )
            raw.start(box["Id"])
            raw.wait(box["Id"], timeout=60)
            raw.commit(box["Id"], repository=repository, tag=tag)
            raw.remove_container(box["Id"])
            source = reference
            made.append(reference)
        auth = {"username": USER, "password": KEY} if login else None
        said = list(raw.push(repository, tag=tag, stream=True, decode=True, auth_config=auth))
        assert not [message for message in said if "error" in message], said
        raw.remove_image(reference, force=True)
        return reference

    return make
