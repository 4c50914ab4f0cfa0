"""What kind of engine answers, and what is different with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from workbench.containers.records import list_at, mapping_at
from workbench.schemas.containers import EngineInfo, EngineKind, GpuSupport, ImageStore

Json = Mapping[str, Any]
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# the classic store's names of storage drivers; with containerd's store the driver is a snapshotter
_CLASSIC_DRIVERS = frozenset(
    {"overlay2", "overlay", "vfs", "aufs", "btrfs", "zfs", "devicemapper", "fuse-overlayfs"}
)


@dataclass(frozen=True)
class Address:
    """Where an engine listens."""

    url: str
    context: str = ""
    """Docker context that gave the address."""

    @property
    def socket_path(self) -> str:
        """Path of a unix socket, empty for other addresses."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


def read_info(version: Json, info: Json, address: Address, *, has_hook: bool = False) -> EngineInfo:
    """The engine from `GET /version` and `GET /info`.

    Args:
        version: Answer of the one.
        info: Answer of the other.
        address: Where they came from.
        has_hook: This machine has NVIDIA's hook, which the engine does not mention.
    """
    kind = _kind(version)
    options = [str(option) for option in list_at(info, "SecurityOptions")]
    devices = _cdi_devices(info)
    made = EngineInfo(
        kind=kind,
        version=str(version.get("Version", "")),
        api=str(version.get("ApiVersion", "")),
        arch=architecture(str(version.get("Arch") or info.get("Architecture", ""))),
        os=str(version.get("Os", "")),
        image_store=_image_store(kind, info),
        gpu=_gpu(info, devices, has_hook=has_hook),
        gpu_devices=devices,
        context=address.context,
        socket=address.url,
        rootless=any("rootless" in option for option in options),
        selinux=any("selinux" in option for option in options),
        desktop="Docker Desktop" in str(info.get("OperatingSystem", "")),
        remote=not address.socket_path,
        data_root=str(info.get("DockerRootDir") or ""),
        memory_bytes=int(info.get("MemTotal") or 0),
        cpus=int(info.get("NCPU") or 0),
    )
    return made.model_copy(update={"differences": differences_of(made)})


def differences_of(engine: EngineInfo) -> tuple[str, ...]:
    """What people have to know about this engine: names of sentences `containers.difference.<name>`."""
    found = {
        "podman_gpu": engine.kind == "podman",
        "podman_health": engine.kind == "podman",
        "rootless": engine.rootless,
        "desktop": engine.desktop,
        "selinux": engine.selinux,
        "remote": engine.remote,
    }
    return tuple(name for name, holds in found.items() if holds)


def architecture(name: str) -> str:
    """A processor's name as images carry it."""
    return _ARCHITECTURES.get(name, name)


def _kind(version: Json) -> EngineKind:
    names = [str(cast("Json", part).get("Name", "")) for part in list_at(version, "Components")]
    return "podman" if any("podman" in name.lower() for name in names) else "docker"


def _image_store(kind: EngineKind, info: Json) -> ImageStore:
    if kind == "podman":
        return "unknown"
    status = [str(part) for row in list_at(info, "DriverStatus") for part in row]
    if any("containerd.snapshotter" in part for part in status):
        return "containerd"
    return "classic" if str(info.get("Driver", "")) in _CLASSIC_DRIVERS else "unknown"


def _cdi_devices(info: Json) -> tuple[str, ...]:
    listed = [cast("Json", device) for device in list_at(info, "DiscoveredDevices")]
    names = (str(device.get("ID", "")) for device in listed if str(device.get("Source", "")) == "cdi")
    return tuple(name for name in names if re.match(r"nvidia\.com/(gpu|mig)=", name))


def _gpu(info: Json, devices: tuple[str, ...], *, has_hook: bool) -> GpuSupport:
    if "nvidia" in mapping_at(info, "Runtimes") or has_hook:
        return "toolkit"
    return "cdi" if devices else "none"
