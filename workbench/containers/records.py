"""What the engine's API answers, as our records. Pure; bears missing fields, because engines differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args

from workbench.containers.labels import SECRETS, is_owned
from workbench.schemas.containers import (
    ContainerEvent,
    ContainerRecord,
    ContainerState,
    ContainerStats,
    HealthState,
    ImageRecord,
)
from workbench.text.secrets import is_secret_name

Json = Mapping[str, Any]
_STATES: frozenset[str] = frozenset(get_args(ContainerState))
_HEALTH: frozenset[str] = frozenset(get_args(HealthState))
_NEVER = "0001-01-01"
EVENT_ACTIONS = ("create", "start", "die", "oom", "health_status", "stop", "kill", "destroy", "rename")


def read_container(
    answer: Json, owner: str, *, digest: str = "", stopped_by_us: bool = False
) -> ContainerRecord:
    """A container from `GET /containers/{id}/json`."""
    state, config = mapping_at(answer, "State"), mapping_at(answer, "Config")
    labels = {str(key): str(value) for key, value in mapping_at(config, "Labels").items()}
    name = str(state.get("Status", ""))
    started = read_time(state.get("StartedAt"))
    ended = name in ("exited", "dead") and started > 0
    return ContainerRecord(
        id=str(answer["Id"]),
        name=str(answer.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        image_id=str(answer.get("Image", "")),
        digest=digest,
        state=cast("ContainerState", name if name in _STATES else "unknown"),
        health=_health(state),
        health_output=_health_output(state),
        ports=_ports(answer),
        exit_code=int(state.get("ExitCode", 0)) if ended else None,
        oom_killed=bool(state.get("OOMKilled")),
        stopped_by_us=stopped_by_us and name not in ("running", "paused", "restarting"),
        error=str(state.get("Error") or ""),
        labels=labels,
        owned=is_owned(labels, owner),
        created_at=read_time(answer.get("Created")),
        started_at=started,
        ended_at=read_time(state.get("FinishedAt")),
        gpus=_gpus(answer),
    )


def secrets_inside(answer: Json) -> tuple[str, ...]:
    """Values of the secret variables that a container was made with, to mask them in what it says."""
    config = mapping_at(answer, "Config")
    named = set(str(mapping_at(config, "Labels").get(SECRETS, "")).split(","))
    pairs = [str(item).partition("=") for item in list_at(config, "Env")]
    return tuple(value for name, _, value in pairs if name in named or is_secret_name(name))


def read_image(answer: Json) -> ImageRecord:
    """An image from `GET /images/{name}/json`."""
    config = mapping_at(answer, "Config")
    ports = [str(port).partition("/")[0] for port in mapping_at(config, "ExposedPorts")]
    test = list_at(mapping_at(config, "Healthcheck"), "Test")
    return ImageRecord(
        id=str(answer["Id"]),
        tags=tuple(str(tag) for tag in list_at(answer, "RepoTags")),
        digests=tuple(str(digest) for digest in list_at(answer, "RepoDigests")),
        arch=str(answer.get("Architecture", "")),
        os=str(answer.get("Os", "")),
        size_bytes=int(answer.get("Size") or 0),
        user=str(config.get("User") or ""),
        has_healthcheck=bool(test) and test[0] != "NONE",
        exposed_ports=tuple(sorted(int(port) for port in ports if port.isdigit())),
        labels={str(key): str(value) for key, value in mapping_at(config, "Labels").items()},
    )


def read_stats(answer: Json) -> ContainerStats:
    """What a container uses, from `GET /containers/{id}/stats?stream=false`."""
    memory = mapping_at(answer, "memory_stats")
    details = mapping_at(memory, "stats")
    # cgroup v2 and v1 name the page cache that can be taken back differently
    cache = int(details.get("inactive_file", details.get("total_inactive_file", 0)) or 0)
    networks = [cast("Json", value) for value in mapping_at(answer, "networks").values()]
    return ContainerStats(
        cpu_percent=_cpu_percent(answer),
        memory_bytes=max(0, int(memory.get("usage") or 0) - cache),
        memory_limit=int(memory.get("limit") or 0),
        received_bytes=sum(int(item.get("rx_bytes", 0)) for item in networks),
        sent_bytes=sum(int(item.get("tx_bytes", 0)) for item in networks),
        read_bytes=_block_bytes(answer, "read"),
        written_bytes=_block_bytes(answer, "write"),
        processes=int(mapping_at(answer, "pids_stats").get("current") or 0),
    )


def read_event(message: Json) -> ContainerEvent | None:
    """An event worth showing; None for the noise that health checks make."""
    action, _, detail = str(message.get("Action", message.get("status", ""))).partition(": ")
    if action not in EVENT_ACTIONS:
        return None
    actor = mapping_at(message, "Actor")
    attributes = mapping_at(actor, "Attributes")
    return ContainerEvent(
        action=cast("Any", action),
        container=str(actor.get("ID", message.get("id", ""))),
        name=str(attributes.get("name", "")),
        detail=detail or str(attributes.get("exitCode", "")),
        at=int(message.get("timeNano", 0)) / 1e9 or float(message.get("time", 0)),
    )


def read_time(value: object) -> float:
    """Seconds since the epoch of the engine's time; 0 for never."""
    text = str(value or "")
    if not text or text.startswith(_NEVER):
        return 0.0
    # nanoseconds are more digits than datetime takes
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    try:
        return datetime.fromisoformat(trimmed).timestamp()
    except ValueError:
        return 0.0


def _cpu_percent(answer: Json) -> float:
    now, before = mapping_at(answer, "cpu_stats"), mapping_at(answer, "precpu_stats")
    used = _total(now) - _total(before)
    passed = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    cores = (
        int(now.get("online_cpus") or 0) or len(list_at(mapping_at(now, "cpu_usage"), "percpu_usage")) or 1
    )
    return round(100.0 * cores * used / passed, 2) if used > 0 and passed > 0 else 0.0


def _total(stats: Json) -> int:
    return int(mapping_at(stats, "cpu_usage").get("total_usage") or 0)


def _block_bytes(answer: Json, operation: str) -> int:
    entries = [
        cast("Json", item)
        for item in list_at(mapping_at(answer, "blkio_stats"), "io_service_bytes_recursive")
    ]
    return sum(int(item.get("value", 0)) for item in entries if str(item.get("op", "")).lower() == operation)


def _health(state: Json) -> HealthState:
    # podman writes "Healthcheck" in older versions
    found = mapping_at(state, "Health") or mapping_at(state, "Healthcheck")
    name = str(found.get("Status") or "none")
    return cast("HealthState", name if name in _HEALTH else "none")


def _health_output(state: Json) -> str:
    log = list_at(mapping_at(state, "Health"), "Log")
    return str(cast("Json", log[-1]).get("Output", "")).strip()[:2000] if log else ""


def _ports(answer: Json) -> dict[int, int]:
    bindings = mapping_at(mapping_at(answer, "NetworkSettings"), "Ports")
    found: dict[int, int] = {}
    for inside, outside in bindings.items():
        number, _, protocol = str(inside).partition("/")
        if outside and protocol in ("tcp", ""):
            found[int(number)] = int(outside[0]["HostPort"])
    return found


def _gpus(answer: Json) -> tuple[str, ...]:
    requests = [cast("Json", item) for item in list_at(mapping_at(answer, "HostConfig"), "DeviceRequests")]
    found: list[str] = []
    for request in requests:
        ids = [str(item) for item in list_at(request, "DeviceIDs")]
        found += ids or ["all" if int(request.get("Count", 0)) < 0 else str(request.get("Count", 0))]
    return tuple(found)


def mapping_at(source: Json, key: str) -> Json:
    """The mapping under a key, empty where there is none."""
    value = source.get(key)
    return cast("Json", value) if isinstance(value, Mapping) else {}


def list_at(source: Json, key: str) -> list[Any]:
    """The list under a key, empty where there is none."""
    value = source.get(key)
    return cast("list[Any]", value) if isinstance(value, list) else []
