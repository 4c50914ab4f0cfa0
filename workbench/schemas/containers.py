"""Containers as the workbench asks for them and as the engine shows them.

Everything here can be written to a job's spec or shown on a page: names of secrets, never their values.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from workbench.schemas.base import StrictModel

ContainerState = Literal[
    "created", "pulling", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"
]
HealthState = Literal["none", "starting", "healthy", "unhealthy"]
ImageStore = Literal["classic", "containerd", "unknown"]
GpuSupport = Literal["toolkit", "cdi", "none"]
EngineKind = Literal["docker", "podman"]
LogStreamName = Literal["stdout", "stderr"]

_CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,400}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENGINE_SOCKETS = ("docker.sock", "podman.sock", "containerd.sock")


def _check_container_name(value: str) -> str:
    if value and not _CONTAINER_NAME.fullmatch(value):
        raise ValueError("name_unsafe")
    return value


def _check_image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError("image_reference_bad")
    return value


ContainerName = Annotated[str, AfterValidator(_check_container_name)]
ImageReference = Annotated[str, AfterValidator(_check_image)]
"""`repository:tag`, `repository@sha256:...` or an image id."""


class Mount(StrictModel):
    """A folder or file of this machine inside the container. It must exist: the engine never makes it."""

    source: str
    """Absolute path on this machine."""
    target: str
    """Absolute path inside."""
    read_only: bool = True

    @model_validator(mode="after")
    def _check(self) -> Mount:
        if not self.source.startswith("/") or not self.target.startswith("/"):
            raise ValueError("path_not_absolute")
        if self.source.rstrip("/").rsplit("/", 1)[-1] in _ENGINE_SOCKETS:
            # whoever can talk to the engine is root on this machine
            raise ValueError("mount_engine_socket")
        return self


class Ulimit(StrictModel):
    """A limit of the processes inside; -1 means none."""

    name: str
    soft: int
    hard: int


class GpuRequest(StrictModel):
    """Which GPUs the container gets, and in which way the engine is asked."""

    kind: Literal["none", "all", "count", "ids"] = "none"
    count: int = Field(default=0, ge=0)
    """For `count`."""
    ids: tuple[str, ...] = ()
    """For `ids`: indices or UUIDs."""
    driver: Literal["auto", "nvidia", "cdi"] = "auto"
    """`auto`: the toolkit where the engine has it, else CDI."""

    @model_validator(mode="after")
    def _check(self) -> GpuRequest:
        if self.kind == "count" and self.count < 1:
            raise ValueError("gpu_count_missing")
        if self.kind == "ids" and not self.ids:
            raise ValueError("gpu_ids_missing")
        return self


class HealthCheck(StrictModel):
    """A health check of ours, for images that have none."""

    test: tuple[str, ...]
    """As in an image: `("CMD", program, argument...)` or `("CMD-SHELL", line)`."""
    interval_s: float = Field(default=5.0, gt=0)
    timeout_s: float = Field(default=5.0, gt=0)
    start_period_s: float = Field(default=0.0, ge=0)
    retries: int = Field(default=3, ge=1)


class Hardening(StrictModel):
    """What is taken away from the container. `Hardening.strict()` is for images that bear it (llama.cpp)."""

    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    """Given back after `cap_drop`; SYS_ADMIN and ALL are refused."""
    no_new_privileges: bool = True
    security_opt: tuple[str, ...] = ()
    """Further options, for example `label=disable` on hosts with SELinux."""
    read_only_rootfs: bool = False
    tmpfs: dict[str, str] = Field(default_factory=dict[str, str])
    """Writable folders in memory: target -> options, for example `{"/tmp": "size=64m"}`."""

    @model_validator(mode="after")
    def _check(self) -> Hardening:
        if {name.upper().removeprefix("CAP_") for name in self.cap_add} & {"SYS_ADMIN", "ALL"}:
            raise ValueError("capability_refused")
        return self

    @classmethod
    def strict(cls) -> Hardening:
        """No capabilities, no new privileges, nothing writable but `/tmp`."""
        return cls(cap_drop=("ALL",), read_only_rootfs=True, tmpfs={"/tmp": "size=256m"})


class ContainerSpec(StrictModel):
    """One container to make. There is no privileged mode, and no field for it."""

    image: ImageReference
    """What to run; `digest` of the pulled image wins over its tag."""
    digest: str = ""
    """`repository@sha256:...` as it was after the pull, or an image id; the container is made from this."""
    name: ContainerName = ""
    """Empty: the engine's prefix and a random id. The prefix `ftw-` is put before other names."""
    command: tuple[str, ...] = ()
    """Arguments of the entry point; empty: the image's own."""
    entrypoint: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict[str, str])
    secret_env: tuple[str, ...] = ()
    """Variables that the container gets from our own memory when it is made; never in a spec, shown masked.
    The engine shows the environment of a container to everybody who may use it: name only what the image needs."""
    mounts: tuple[Mount, ...] = ()
    ports: dict[int, int] = Field(default_factory=dict[int, int])
    """Port inside -> port on 127.0.0.1; 0: the engine chooses a free one."""
    shm_bytes: int = Field(default=0, ge=0)
    """0: the engine's default (64 MiB)."""
    mem_bytes: int = Field(default=0, ge=0)
    """0: no limit."""
    ulimits: tuple[Ulimit, ...] = ()
    user: str = ""
    """`uid` or `uid:gid`; empty: the image's own."""
    workdir: str = ""
    gpus: GpuRequest = GpuRequest()
    ipc: Literal["", "private", "shareable", "host"] = ""
    network: str = ""
    """Empty: the engine's bridge. `none`: no network. `host` is refused unless `allow_host_network`."""
    allow_host_network: bool = False
    healthcheck: HealthCheck | None = None
    """None: the image's own, if it has one."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Added to our ownership labels."""
    stop_seconds: int = Field(default=30, ge=0, le=600)
    """How long a stop waits for the program before it is killed."""
    init: bool = True
    """A small init process inside, so that children are reaped and SIGTERM is delivered."""
    hardening: Hardening = Hardening()

    @model_validator(mode="after")
    def _check(self) -> ContainerSpec:
        for name in (*self.env, *self.secret_env):
            if not _VARIABLE.fullmatch(name):
                raise ValueError("variable_name_bad")
        if any(not 0 < inside < 65536 or not 0 <= outside < 65536 for inside, outside in self.ports.items()):
            raise ValueError("port_bad")
        if self.network == "host" and not self.allow_host_network:
            raise ValueError("host_network_refused")
        if self.network.startswith("container:"):
            raise ValueError("network_bad")
        return self

    @property
    def runs(self) -> str:
        """The reference that the container is made from."""
        return self.digest or self.image


class ContainerRecord(StrictModel):
    """A container as the engine shows it now. Values of variables are not part of it."""

    id: str
    name: str
    image: str
    """The reference that it was made from."""
    image_id: str = ""
    digest: str = ""
    """`repository@sha256:...` of its image; empty for images that were never pulled."""
    state: ContainerState = "unknown"
    health: HealthState = "none"
    health_output: str = ""
    """What the last health check said."""
    ports: dict[int, int] = Field(default_factory=dict[int, int])
    """Port inside -> port on 127.0.0.1, for running containers."""
    exit_code: int | None = None
    """None while it runs or has never run."""
    oom_killed: bool = False
    """The kernel ended it because it used more memory than it may."""
    stopped_by_us: bool = False
    error: str = ""
    """What the engine says of a start that failed."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    owned: bool = False
    """Made by this workspace; others are shown and never touched."""
    created_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    gpus: tuple[str, ...] = ()
    """What was asked for, for example `all` or `nvidia.com/gpu=0`."""


class ImageRecord(StrictModel):
    """An image on this machine."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    """`repository@sha256:...`."""
    arch: str = ""
    """As Docker names it: amd64, arm64."""
    os: str = ""
    size_bytes: int = 0
    user: str = ""
    has_healthcheck: bool = False
    exposed_ports: tuple[int, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict[str, str])

    @property
    def digest(self) -> str:
        """What to run by: the first digest, else the id."""
        return self.digests[0] if self.digests else self.id


class PullEvent(StrictModel):
    """One message of a pull as the engine streams it."""

    layer: str = ""
    """Short id of the layer; empty for messages about the whole image."""
    status: str = ""
    current: int = 0
    total: int = 0
    """0 where the engine tells none (the containerd store while it unpacks)."""
    unit: Literal["bytes", "seconds"] = "bytes"
    error: str = ""
    """The pull fails. The engine sends this with HTTP 200."""


class PullProgress(StrictModel):
    """How far a pull is, from the maximum seen of every layer."""

    reference: str
    phase: Literal["waiting", "downloading", "unpacking", "done"] = "waiting"
    done_bytes: int = 0
    total_bytes: int = 0
    """Sum over the layers whose size is known; grows while layers announce themselves."""
    layers: int = 0
    layers_done: int = 0
    layers_unknown: int = 0
    """Layers that have not told their size yet: the total is a lower bound while there are any."""
    unpacking_seconds: float = 0.0
    """The containerd store tells seconds instead of bytes."""
    message: str = ""


class EngineInfo(StrictModel):
    """The container engine that was found."""

    kind: EngineKind = "docker"
    version: str = ""
    api: str = ""
    """Negotiated version of its API."""
    arch: str = ""
    """As Docker names it: amd64, arm64."""
    os: str = ""
    image_store: ImageStore = "unknown"
    gpu: GpuSupport = "none"
    gpu_devices: tuple[str, ...] = ()
    """CDI devices that the engine has discovered."""
    context: str = ""
    """Name of the Docker context, empty where none is used."""
    socket: str = ""
    """Address that is used, for example `unix:///var/run/docker.sock`."""
    rootless: bool = False
    desktop: bool = False
    """Docker Desktop: a virtual machine with its own memory limit."""
    selinux: bool = False
    remote: bool = False
    """The engine runs on another machine: paths and 127.0.0.1 are not this machine's."""
    data_root: str = ""
    memory_bytes: int = 0
    cpus: int = 0
    differences: tuple[str, ...] = ()
    """What is different with this engine: catalogue keys `containers.difference.<name>`."""


class LogLine(StrictModel):
    """One line of a container's log, redacted."""

    text: str
    stream: LogStreamName = "stdout"
    at: str = ""
    """Time as the engine tells it (RFC 3339), where it was asked for."""
    partial: bool = False
    """A progress line that ended with a carriage return; the next one takes its place."""


class ContainerStats(StrictModel):
    """What a running container uses."""

    cpu_percent: float = 0.0
    """100 is one core."""
    memory_bytes: int = 0
    """Without the page cache that the kernel can take back."""
    memory_limit: int = 0
    """0 where there is none."""
    received_bytes: int = 0
    sent_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    processes: int = 0


class ContainerEvent(StrictModel):
    """Something that happened to one of our containers."""

    action: Literal["create", "start", "die", "oom", "health_status", "stop", "kill", "destroy", "rename"]
    container: str
    """Its id."""
    name: str = ""
    detail: str = ""
    """`healthy` or `unhealthy` for `health_status`, the exit code for `die`."""
    at: float = 0.0


class Readiness(StrictModel):
    """When a server counts as ready: HTTP 200 on this path, nothing less."""

    port: int
    """Port inside the container."""
    path: str = "/health"
    timeout_s: float = Field(default=900.0, gt=0)
    interval_s: float = Field(default=1.0, gt=0)
    ok_status: tuple[int, ...] = (200,)


class PullConfig(StrictModel):
    """One image to fetch, as a job."""

    reference: ImageReference
    """Repository with a tag or a digest."""
    username: str = "$oauthtoken"
    """User name of the login; nvcr.io takes this one with a key as password."""
    key_env: str = ""
    """Environment variable that holds the key; empty for none. Its value is used for this pull and kept nowhere."""
    confirmed: bool = False
    """A person agreed to a repository that is not in the allow-list."""
