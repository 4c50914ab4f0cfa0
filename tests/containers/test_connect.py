"""Finding an engine, and the plain words where there is none."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers.fake_api import ApiServer, serving
from workbench.containers.connect import connect, diagnose, find_address, knock, usual_sockets
from workbench.containers.engine_info import Address, read_info
from workbench.containers.labels import owner_of
from workbench.errors import InputError, ResourceError, WorkbenchError
from workbench.paths import Workspace


def _code(environ: dict[str, str], **options: Any) -> str:
    with pytest.raises(WorkbenchError) as caught:
        find_address(environ, **options)
    return caught.value.code


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment without any engine or its programs."""
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def test_without_socket_and_programs_it_is_not_installed(bare: dict[str, str], tmp_path: Path) -> None:
    assert _code(bare, default_socket=str(tmp_path / "none.sock")) == "engine_not_installed"


def test_with_programs_alone_it_is_not_running(bare: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert _code(bare, default_socket=str(tmp_path / "none.sock")) == "engine_not_running"


def test_a_socket_that_nobody_listens_on_is_an_engine_that_does_not_run(
    bare: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert knock(str(path)) == errno.ECONNREFUSED
    assert _code(bare, default_socket=str(path)) == "engine_not_running"


def test_a_socket_without_rights_is_said_as_such(bare: dict[str, str]) -> None:
    # not under pytest's own folder, which nobody else may enter
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as server:
        path = Path(name) / "docker.sock"
        server.bind(str(path))
        server.listen()
        path.chmod(0o000)
        Path(name).chmod(0o755)
        mine = os.geteuid()
        try:
            if mine == 0:  # the administrator may do everything
                os.seteuid(65534)
            codes = {_code(bare, default_socket=str(path)), _code({**bare, "DOCKER_HOST": f"unix://{path}"})}
        finally:
            os.seteuid(mine)
    assert codes == {"engine_no_permission"}


def test_the_usual_socket_is_found(bare: dict[str, str], listening: Path) -> None:
    assert find_address(bare, default_socket=str(listening)) == Address(f"unix://{listening}")


def test_podmans_socket_is_found(bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "run" / "podman" / "podman.sock"
    path.parent.mkdir(parents=True)
    environ = {**bare, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert str(path) in list(usual_sockets(environ))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert find_address(environ, default_socket=str(tmp_path / "none.sock")).socket_path == str(path)


def _write_context(home: Path, name: str, host: str, *, current: bool) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    if current:
        (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_current_docker_context_is_followed(bare: dict[str, str], listening: Path) -> None:
    _write_context(Path(bare["HOME"]), "desktop-linux", f"unix://{listening}", current=True)
    assert find_address(bare) == Address(f"unix://{listening}", "desktop-linux")


def test_the_context_of_the_environment_wins_and_docker_host_wins_over_both(
    bare: dict[str, str], listening: Path
) -> None:
    _write_context(Path(bare["HOME"]), "one", "unix:///nowhere", current=True)
    _write_context(Path(bare["HOME"]), "two", f"unix://{listening}", current=False)
    assert find_address({**bare, "DOCKER_CONTEXT": "two"}).context == "two"
    assert _code(bare) == "engine_not_running"
    assert find_address({**bare, "DOCKER_HOST": f"unix://{listening}"}) == Address(f"unix://{listening}")


def test_a_context_that_does_not_exist_is_said(bare: dict[str, str]) -> None:
    assert _code({**bare, "DOCKER_CONTEXT": "gone"}) == "engine_context_unknown"


def test_an_engine_behind_ssh_is_refused_in_words(bare: dict[str, str]) -> None:
    assert _code({**bare, "DOCKER_HOST": "ssh://me@elsewhere"}) == "engine_address_unusable"


def test_a_socket_that_never_answers_does_not_hang(
    bare: dict[str, str], listening: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.containers import docker_engine

    monkeypatch.setattr(docker_engine, "GREETING_SECONDS", 0.3)
    assert diagnose({**bare, "DOCKER_HOST": f"unix://{listening}"}).state == "engine_not_answering"


def test_something_else_on_the_port_is_no_engine(bare: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert diagnose({**bare, "DOCKER_HOST": f"tcp://127.0.0.1:{port}"}).state == "engine_not_answering"


def test_connecting_gives_an_engine_of_this_workspace(
    bare: dict[str, str], workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "replay.sock"
    version = {"method": "GET", "path": "/version", "status": 200, "type": "application/json",
               "chunks": [{"text": json.dumps({"ApiVersion": "1.41", "Version": "20", "Arch": "arm64"})}]}  # fmt: skip
    with serving(ApiServer(path, [version])):
        engine = connect(workspace, {**bare, "DOCKER_HOST": f"unix://{path}"}, mask=lambda text: text)
        assert engine.owner == owner_of(workspace)
        engine.close()


def test_a_workspace_keeps_its_id_and_another_has_another(workspace: Workspace, tmp_path: Path) -> None:
    assert owner_of(workspace) == owner_of(workspace)
    assert owner_of(workspace) != owner_of(Workspace(tmp_path / "other"))


def test_no_rights_to_the_workspace_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError) as caught:
        owner_of(Workspace(tmp_path / "file" / "under"))
    assert caught.value.code == "workspace_unwritable"


def test_podman_is_recognised_and_its_differences_are_said() -> None:
    version = {"Components": [{"Name": "Podman Engine"}], "Version": "4.3.1", "Arch": "amd64"}
    found = read_info(
        version, {"SecurityOptions": ["name=rootless"]}, Address("unix:///run/podman/podman.sock")
    )
    assert (found.kind, found.image_store) == ("podman", "unknown")
    assert found.differences == ("podman_gpu", "podman_health", "rootless")


def test_what_docker_says_of_itself_is_read() -> None:
    info = {
        "Driver": "overlayfs",
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
        "Runtimes": {"runc": {}, "nvidia": {}},
        "OperatingSystem": "Docker Desktop",
        "SecurityOptions": ["name=selinux"],
        "DiscoveredDevices": [
            {"Source": "cdi", "ID": "nvidia.com/gpu=all"},
            {"Source": "cdi", "ID": "acme.com/nic=1"},
        ],
    }
    found = read_info({"Arch": "aarch64"}, info, Address("tcp://10.0.0.1:2376"))
    assert (found.image_store, found.gpu, found.gpu_devices) == (
        "containerd",
        "toolkit",
        ("nvidia.com/gpu=all",),
    )
    assert (found.arch, found.remote) == ("arm64", True)
    assert found.differences == ("desktop", "selinux", "remote")
    assert read_info({}, {"DiscoveredDevices": info["DiscoveredDevices"]}, Address("unix:///x")).gpu == "cdi"
    assert read_info({}, {}, Address("unix:///x")).gpu == "none"
    assert read_info({}, {}, Address("unix:///x"), has_hook=True).gpu == "toolkit"


def test_the_address_is_looked_for_again_at_every_connection(bare: dict[str, str]) -> None:
    with pytest.raises((ResourceError, InputError)):
        connect(Workspace(Path(bare["HOME"]) / "w"), {**bare, "DOCKER_HOST": "unix:///nowhere"}, mask=str)
