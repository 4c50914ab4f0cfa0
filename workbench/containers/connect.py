"""Finds the container engine of this machine, and says in plain words why there is none."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workbench.containers.engine_info import Address
from workbench.containers.labels import StopMarks, owner_of
from workbench.errors import InputError, ResourceError, WorkbenchError
from workbench.paths import Workspace
from workbench.schemas.containers import EngineInfo

if TYPE_CHECKING:
    from workbench.containers.docker_engine import DockerEngine

DEFAULT_SOCKET = "/var/run/docker.sock"
PROGRAMS = ("docker", "dockerd", "podman")
HOOK = "nvidia-container-runtime-hook"
KNOCK_SECONDS = 3.0
Mask = Callable[[str], str]


@dataclass(frozen=True)
class Diagnosis:
    """Whether there is an engine; for pages and `doctor`, which show it instead of failing."""

    info: EngineInfo | None
    error: WorkbenchError | None = None

    @property
    def state(self) -> str:
        """`ok`, or the error's code: `engine_not_installed`, `engine_not_running`, `engine_no_permission`..."""
        return self.error.code if self.error else "ok"


def diagnose(environ: Mapping[str, str]) -> Diagnosis:
    """Look for an engine without keeping a connection; takes seconds at most and never raises our errors."""
    from workbench.containers.docker_engine import open_client, read_engine

    try:
        address = find_address(environ)
        client = open_client(address, environ)
        try:
            return Diagnosis(read_engine(client, address, has_hook=_has_hook(address, environ)))
        finally:
            client.close()
    except WorkbenchError as error:
        return Diagnosis(None, error)


def connect(workspace: Workspace, environ: Mapping[str, str], *, mask: Mask) -> DockerEngine:
    """The engine, for the containers of a workspace.

    Args:
        workspace: Its id is the label of what is made.
        environ: DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, XDG_RUNTIME_DIR, HOME, PATH.
        mask: Takes known secrets out of everything that is shown, for example `Redactor(environ).mask`.

    Raises:
        ResourceError: `engine_not_installed`, `engine_not_running`, `engine_no_permission`, `engine_not_answering`.
        InputError: `engine_address_unusable`, `engine_context_unknown`.
    """
    # imported here: a program that lists jobs needs no engine
    from workbench.containers.docker_engine import DockerEngine, open_client

    address = find_address(environ)
    return DockerEngine(
        open_client(address, environ),
        address,
        owner=owner_of(workspace),
        marks=StopMarks(workspace.containers / "stopped"),
        mask=mask,
        has_hook=_has_hook(address, environ),
    )


def find_address(environ: Mapping[str, str], *, default_socket: str = DEFAULT_SOCKET) -> Address:
    """Where the engine listens: DOCKER_HOST, then the Docker context, then the usual sockets.

    Raises:
        ResourceError: `engine_not_installed`, `engine_not_running`, `engine_no_permission`.
        InputError: `engine_address_unusable`, `engine_context_unknown`.
    """
    chosen = _chosen_address(environ)
    if chosen is not None:
        if chosen.url.startswith("ssh://"):
            raise InputError("engine_address_unusable", address=chosen.url)
        if chosen.socket_path:
            _raise_for(knock(chosen.socket_path), chosen.socket_path)
        return chosen
    answers = {path: knock(path) for path in usual_sockets(environ, default_socket)}
    for path, answer in answers.items():
        if answer == 0:
            return Address(f"unix://{path}")
    for path, answer in answers.items():
        if answer in (errno.EACCES, errno.EPERM):
            _raise_for(answer, path)
    if any(answer != errno.ENOENT for answer in answers.values()) or _is_installed(environ):
        raise ResourceError("engine_not_running", address=default_socket)
    raise ResourceError("engine_not_installed")


def knock(path: str) -> int:
    """Connect to a unix socket and leave again: 0, or the error's number."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocker:
        knocker.settimeout(KNOCK_SECONDS)
        try:
            knocker.connect(path)
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as exc:
            return exc.errno or errno.EIO
    return 0


def _raise_for(answer: int, path: str) -> None:
    if answer == 0:
        return
    if answer in (errno.EACCES, errno.EPERM):
        raise ResourceError("engine_no_permission", socket=path)
    raise ResourceError("engine_not_running", address=path)


def usual_sockets(environ: Mapping[str, str], default_socket: str = DEFAULT_SOCKET) -> Iterator[str]:
    """Sockets where engines listen when nobody says otherwise: Docker, rootless Docker, Docker Desktop, Podman."""
    runtime, home = environ.get("XDG_RUNTIME_DIR", ""), environ.get("HOME", "")
    yield default_socket
    if runtime:
        yield f"{runtime}/docker.sock"
    if home:
        yield f"{home}/.docker/run/docker.sock"
        yield f"{home}/.docker/desktop/docker.sock"
    if runtime:
        yield f"{runtime}/podman/podman.sock"
    if default_socket == DEFAULT_SOCKET:
        yield "/run/podman/podman.sock"


def _chosen_address(environ: Mapping[str, str]) -> Address | None:
    """What a person chose for the docker command; it holds for us too."""
    if environ.get("DOCKER_HOST"):
        return Address(environ["DOCKER_HOST"])
    name = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    if not name or name == "default":
        return None
    host = _read_json(context_folder(environ, "meta", name) / "meta.json")
    address = host.get("Endpoints", {}).get("docker", {}).get("Host", "")
    if not address:
        raise InputError("engine_context_unknown", context=name)
    return Address(str(address), context=name)


def _current_context(environ: Mapping[str, str]) -> str:
    return str(_read_json(config_folder(environ) / "config.json").get("currentContext", ""))


def config_folder(environ: Mapping[str, str]) -> Path:
    """The docker command's own folder."""
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/nonexistent") / ".docker")


def context_folder(environ: Mapping[str, str], kind: str, name: str) -> Path:
    """Where the docker command keeps a context; `kind` is `meta` or `tls`."""
    return config_folder(environ) / "contexts" / kind / hashlib.sha256(name.encode()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _is_installed(environ: Mapping[str, str]) -> bool:
    return any(shutil.which(name, path=environ.get("PATH")) for name in PROGRAMS)


def _has_hook(address: Address, environ: Mapping[str, str]) -> bool:
    """Whether NVIDIA's hook is there; the engine does not tell, and only an engine of this machine would use ours."""
    return bool(address.socket_path) and shutil.which(HOOK, path=environ.get("PATH")) is not None
