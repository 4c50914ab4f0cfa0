"""What the engine says went wrong, as our errors. Pure: works on status codes and words."""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.errors import InputError, NotFoundError, ResourceError, StateError, WorkbenchError

_MOST = 600
Make = Callable[[str, str], WorkbenchError]
"""(subject, what the engine said) -> our error."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


# order matters: the first pattern that is found decides
_PULL: tuple[tuple[re.Pattern[str], Make], ...] = (
    (
        _words(r"no space left on device"),
        lambda image, said: ResourceError("pull_no_space", image=image, detail=said),
    ),
    (
        _words(r"no matching manifest|does not match the specified platform|image operating system"),
        lambda image, said: InputError("pull_wrong_architecture", image=image, detail=said),
    ),
    (
        _words(
            r"unauthorized|no basic auth|authentication required|denied|401|403 forbidden|incorrect username"
        ),
        lambda image, said: ResourceError("pull_unauthorised", image=image, detail=said),
    ),
    (
        _words(r"manifest unknown|name unknown|not found|no such image"),
        lambda image, said: NotFoundError("pull_not_found", image=image, detail=said),
    ),
    (
        _words(r"toomanyrequests|rate limit|429 too many"),
        lambda image, said: ResourceError("pull_rate_limited", image=image, detail=said),
    ),
    (
        _words(
            r"verification failed|unexpected digest|digest mismatch|unexpected commit|invalid checksum|corrupt|gzip|flate"
        ),
        lambda image, said: ResourceError("pull_corrupt", image=image, detail=said),
    ),
    (
        _words(
            r"dial tcp|no such host|i/o timeout|tls handshake|connection re|network is unreachable"
            r"|server misbehaving|unexpected eof|client\.timeout|deadline exceeded|x509"
        ),
        lambda image, said: ResourceError("pull_unreachable", image=image, detail=said),
    ),
)

_CONTAINER: tuple[tuple[re.Pattern[str], Make], ...] = (
    (
        _words(r"could not select device driver"),
        lambda name, said: ResourceError("gpu_toolkit_missing", name=name, detail=said),
    ),
    (
        _words(r"unresolvable CDI|CDI device injection|cdi.*(fail|unknown|not enabled)"),
        lambda name, said: ResourceError("gpu_cdi_unknown", name=name, detail=said),
    ),
    (
        _words(r"nvidia-container-cli|nvml error|libnvidia"),
        lambda name, said: ResourceError("gpu_driver_failed", name=name, detail=said),
    ),
    (
        _words(r"port is already allocated|address already in use|ports are not available"),
        lambda name, said: ResourceError("container_port_taken", name=name, port=_port(said)),
    ),
    (
        _words(r"bind source path does not exist|bind mount source"),
        lambda name, said: InputError(
            "mount_source_missing", path=_first(r"does not exist: (\S+)", said) or said
        ),
    ),
    (
        _words(r"no such image"),
        lambda name, said: NotFoundError(
            "image_absent", image=_first(r"[Nn]o such image: (\S+)", said) or name
        ),
    ),
    (
        _words(r"is already in use by container|name .* is in use"),
        lambda name, said: StateError("container_name_taken", name=name),
    ),
    (_words(r"no such container"), lambda name, said: NotFoundError("container_unknown", name=name)),
    (
        _words(r"no space left on device"),
        lambda name, said: ResourceError("engine_disk_full", detail=said),
    ),
    (
        _words(r"error setting rlimit|error setting ulimit|\brlimit\b"),
        lambda name, said: ResourceError("ulimit_refused", name=name, detail=said),
    ),
    (
        _words(r"exec format error"),
        lambda name, said: InputError("container_wrong_architecture", name=name, detail=said),
    ),
    (
        _words(r"executable file not found|no such file or directory|permission denied: unknown"),
        lambda name, said: InputError("container_command_missing", name=name, detail=said),
    ),
    (
        _words(r"minimum memory limit|memory limit .* less than"),
        lambda name, said: InputError("container_memory_too_small", name=name, detail=said),
    ),
)


def pull_failure(image: str, said: str, *, status: int = 0) -> WorkbenchError:
    """The error of a pull that failed, before its stream began or inside it.

    Args:
        image: What was pulled.
        said: The engine's words, redacted.
        status: HTTP status where there was one.
    """
    made = _match(_PULL, image, said)
    if made is not None:
        return made
    if status in (401, 403):
        return ResourceError("pull_unauthorised", image=image, detail=_short(said))
    if status == 404:
        return NotFoundError("pull_not_found", image=image, detail=_short(said))
    return ResourceError("pull_failed", image=image, detail=_short(said))


def container_failure(name: str, said: str, *, status: int = 0) -> WorkbenchError:
    """The error of a request about a container.

    Args:
        name: The container, or the image it should be made from.
        said: The engine's words, redacted.
        status: HTTP status.
    """
    made = _match(_CONTAINER, name, said)
    if made is not None:
        return made
    if status == 404:
        return NotFoundError("container_unknown", name=name)
    if status == 409:
        return StateError("container_conflict", name=name, detail=_short(said))
    return ResourceError("engine_refused", name=name, detail=_short(said))


def _match(table: tuple[tuple[re.Pattern[str], Make], ...], subject: str, said: str) -> WorkbenchError | None:
    for pattern, make in table:
        if pattern.search(said):
            return make(subject, _short(said))
    return None


def _port(said: str) -> str:
    return (
        _first(r"(?:127\.0\.0\.1|0\.0\.0\.0|\[::\]|bind for \S*?):(\d+)", said)
        or _first(r":(\d+)\b", said)
        or "?"
    )


def _short(text: str) -> str:
    return text.strip()[:_MOST]
