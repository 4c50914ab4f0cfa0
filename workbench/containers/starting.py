"""From a spec to a server that answers, with nothing left behind where that fails."""

from __future__ import annotations

import http.client
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from workbench.containers.ending import end_failure
from workbench.containers.payload import LOOPBACK
from workbench.containers.protocol import ContainerEngine
from workbench.errors import ResourceError, StateError, WorkbenchError
from workbench.schemas.containers import ContainerRecord, ContainerSpec, Readiness

logger = logging.getLogger(__name__)

Probe = Callable[[int, str], int | None]
"""(port on 127.0.0.1, path) -> HTTP status, None where nothing answers."""
PROBE_SECONDS = 5.0
LAST_LINES = 60
_GPU_DEVICE = re.compile(r"^(nvidia\d+|nvgpu|nvhost-gpu|dxg)$", re.MULTILINE)


def run_container(
    engine: ContainerEngine,
    spec: ContainerSpec,
    secrets: Mapping[str, str] | None = None,
    *,
    confirmed: bool = False,
) -> ContainerRecord:
    """Create and start; a container that could not be started is removed again.

    Raises:
        WorkbenchError: Why not. A taken port, a missing GPU and the like come up at the start, after the
            engine has made the container.
    """
    made = engine.create(spec, secrets, confirmed=confirmed)
    with ExitStack() as undo:
        undo.callback(_remove_again, engine, made)
        started = engine.start(made.id)
        undo.pop_all()
    return started


def _remove_again(engine: ContainerEngine, made: ContainerRecord) -> None:
    """Remove what did not start; why it did not is what its caller raises."""
    try:
        engine.remove(made.id, force=True)
    except WorkbenchError as left:
        logger.warning("container %s is left behind: %s", made.name, left)


def probe_loopback(port: int, path: str) -> int | None:
    """HTTP status of a GET at a port of this machine.

    The engine's proxy accepts connections before the program inside listens, so an open port means nothing.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_ready(
    engine: ContainerEngine,
    container: str,
    readiness: Readiness,
    *,
    probe: Probe = probe_loopback,
    should_stop: Callable[[], bool] = lambda: False,
    on_wait: Callable[[ContainerRecord, int | None], None] = lambda record, status: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ContainerRecord:
    """Wait until the server answers 200 on its path. The container stays as it is whatever comes out.

    Args:
        engine: The engine.
        container: Its id.
        readiness: Port inside, path and patience.
        probe: Asks the server.
        should_stop: Asked at every round; True ends the waiting. It may raise.
        on_wait: Told at every round: the container and the last HTTP status (None: nothing answers).
        clock: Seconds of a clock that never jumps.
        sleep: Waits.

    Raises:
        StateError: `start_cancelled`, or `container_was_stopped`.
        ResourceError: The container ended (`container_out_of_memory`, `container_ended`, ...), or `server_not_ready`.
    """
    until = clock() + readiness.timeout_s
    while True:
        if should_stop():
            raise StateError("start_cancelled", name=container[:12])
        record = engine.inspect(container)
        if record.state not in ("running", "restarting", "paused"):
            raise _explain(engine, record)
        port = record.ports.get(readiness.port)
        status = probe(port, readiness.path) if port else None
        if status in readiness.ok_status:
            return engine.inspect(container)
        on_wait(record, status)
        if clock() >= until:
            seconds, answer = round(readiness.timeout_s), "-" if status is None else str(status)
            raise ResourceError("server_not_ready", name=record.name, seconds=seconds, answer=answer)
        sleep(readiness.interval_s)


def _explain(engine: ContainerEngine, record: ContainerRecord) -> WorkbenchError:
    return end_failure(record, engine.logs(record.id, tail=LAST_LINES))


def verify_gpu(engine: ContainerEngine, container: str) -> tuple[str, ...]:
    """The GPUs that are really inside a running container.

    Some engines ignore the request for a GPU without a word, and the server then runs on the processor.

    Raises:
        ResourceError: `gpu_not_inside`.
    """
    listed = engine.run_inside(container, ("nvidia-smi", "-L"))
    names = re.findall(r"^GPU \d+: (.+?)(?: \(UUID.*)?$", listed.output, re.MULTILINE)
    if listed.exit_code == 0 and names:
        return tuple(names)
    # images without the tool: the devices tell
    devices = engine.run_inside(container, ("ls", "/dev"))
    found = _GPU_DEVICE.findall(devices.output) if devices.exit_code == 0 else []
    if not found:
        raise ResourceError("gpu_not_inside", name=container[:12])
    return tuple(found)
