"""Why a container is no longer running, in words instead of an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from workbench.errors import ResourceError, StateError, WorkbenchError
from workbench.schemas.containers import ContainerRecord, LogLine

EndCode = Literal[
    "running", "never_started", "start_failed", "oom", "stopped", "finished", "killed", "signal", "failed"
]
_LAST_LINES = 12
_SIGKILL = 137
_COMMAND_PROBLEMS = (126, 127)


def end_code(record: ContainerRecord) -> EndCode:
    """How a container ended: the key of its sentence is `containers.end.<code>`.

    Running out of memory comes before everything else; a stop of ours before the exit code that it caused.
    """
    if record.state in ("running", "paused", "restarting", "removing"):
        return "running"
    if record.oom_killed:
        return "oom"
    if record.error:
        return "start_failed"
    if record.exit_code is None:
        return "never_started"
    if record.stopped_by_us:
        return "stopped"
    if record.exit_code == 0:
        return "finished"
    if record.exit_code == _SIGKILL:
        return "killed"
    return "signal" if record.exit_code > 128 else "failed"


def end_failure(record: ContainerRecord, lines: Sequence[LogLine] = ()) -> WorkbenchError:
    """The error of a server that ended although nobody asked it to.

    Args:
        record: The container.
        lines: The last lines of its log, redacted.
    """
    said = "\n".join(line.text for line in lines if line.text.strip())
    last = "\n".join(said.splitlines()[-_LAST_LINES:]) or record.error or "-"
    match end_code(record):
        case "oom":
            return ResourceError("container_out_of_memory", name=record.name)
        case "stopped":
            return StateError("container_was_stopped", name=record.name)
        case "killed":
            return ResourceError("container_killed", name=record.name, last=last)
        case "failed" if record.exit_code in _COMMAND_PROBLEMS:
            return ResourceError("container_command_failed", name=record.name, last=last)
        case _:
            code = record.exit_code if record.exit_code is not None else -1
            return ResourceError("container_ended", name=record.name, exit_code=code, last=last)
