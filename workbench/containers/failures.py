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


def _make(kind: type[WorkbenchError], code: str, subject: str = "name") -> Make:
    """An error that names its subject and holds the engine's words."""
    return lambda name, said: kind(code, **{subject: name, "detail": said})


def _pull(pattern: str, kind: type[WorkbenchError], code: str) -> tuple[re.Pattern[str], Make]:
    return _words(pattern), _make(kind, code, "image")


# order matters: the first pattern that is found decides
_PULL: tuple[tuple[re.Pattern[str], Make], ...] = (
    _pull(r"no space left on device", ResourceError, "pull_no_space"),
    _pull(
        r"no matching manifest|does not match the specified platform|image operating system",
        InputError,
        "pull_wrong_architecture",
    ),
    _pull(
        r"unauthorized|no basic auth|authentication required|denied|(?<!:)\b401\b|403 forbidden|incorrect username",
        ResourceError,
        "pull_unauthorised",
    ),
    _pull(r"manifest unknown|name unknown|not found|no such image", NotFoundError, "pull_not_found"),
    _pull(r"toomanyrequests|rate limit|429 too many", ResourceError, "pull_rate_limited"),
    _pull(
        r"verification failed|unexpected digest|digest mismatch|unexpected commit|invalid checksum|corrupt|gzip|flate",
        ResourceError,
        "pull_corrupt",
    ),
    _pull(
        r"dial tcp|no such host|i/o timeout|tls handshake|connection re|network is unreachable"
        r"|server misbehaving|unexpected eof|client\.timeout|deadline exceeded|x509",
        ResourceError,
        "pull_unreachable",
    ),
)

_CONTAINER: tuple[tuple[re.Pattern[str], Make], ...] = (
    (_words(r"could not select device driver"), _make(ResourceError, "gpu_toolkit_missing")),
    (
        _words(r"unresolvable CDI|CDI device injection|cdi.*(fail|unknown|not enabled)"),
        _make(ResourceError, "gpu_cdi_unknown"),
    ),
    (_words(r"nvidia-container-cli|nvml error|libnvidia"), _make(ResourceError, "gpu_driver_failed")),
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
    (_words(r"no space left on device"), lambda name, said: ResourceError("engine_disk_full", detail=said)),
    (_words(r"error setting rlimit|error setting ulimit|\brlimit\b"), _make(ResourceError, "ulimit_refused")),
    (_words(r"exec format error"), _make(InputError, "container_wrong_architecture")),
    (
        _words(r"executable file not found|no such file or directory|permission denied: unknown"),
        _make(InputError, "container_command_missing"),
    ),
    (
        _words(r"minimum memory limit|memory limit .* less than"),
        _make(InputError, "container_memory_too_small"),
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
