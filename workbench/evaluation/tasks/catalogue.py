"""The tasks that come with the program, and those of a person's own: one YAML file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.protocols import PROTOCOLS, Protocol
from workbench.paths import assets_dir
from workbench.schemas.base import parse
from workbench.schemas.tasks import TaskSpec

FOLDER = "tasks"
SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Task:
    """A task file that was read and checked."""

    spec: TaskSpec
    path: Path
    protocol: Protocol


def tasks_folder() -> Path:
    """Where the tasks that come with the program lie."""
    return assets_dir() / FOLDER


def list_tasks() -> list[Task]:
    """The catalogue, by name."""
    return [load_task(str(path)) for path in sorted(tasks_folder().glob("*.yaml"))]


def load_task(name: str) -> Task:
    """A task by its name in the catalogue, or by the path of its file.

    Raises:
        NotFoundError: `task_unknown` or `task_file_missing`.
        InputError: The file is no YAML, names an unknown protocol, or a field is wrong (ConfigError).
    """
    path = _find(name)
    spec = parse(TaskSpec, _read_yaml(path), path.name)
    protocol = PROTOCOLS.get(spec.protocol)
    if protocol is None:
        known = ", ".join(sorted(PROTOCOLS))
        raise InputError("task_protocol_unknown", task=spec.name, protocol=spec.protocol, known=known)
    return Task(spec, path, protocol)


def _find(name: str) -> Path:
    if name.endswith(SUFFIXES):
        path = Path(name).expanduser()
        if not path.is_file():
            raise NotFoundError("task_file_missing", path=str(path))
        return path
    known = sorted(path.stem for path in tasks_folder().glob("*.yaml"))
    if name not in known:
        raise NotFoundError("task_unknown", name=name, known=", ".join(known))
    return tasks_folder() / f"{name}.yaml"


def _read_yaml(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise InputError("task_file_bad", path=str(path), reason=f"> {MAX_BYTES // 1000} kB")
    try:
        value: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as exc:
        raise InputError("task_file_bad", path=str(path), reason="UTF-8") from exc
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = f"{mark.line + 1}: {getattr(exc, 'problem', '')}" if mark else type(exc).__name__
        raise InputError("task_file_bad", path=str(path), reason=reason) from exc
    if not isinstance(value, dict):
        raise InputError("task_file_bad", path=str(path), reason=type(value).__name__)
    return cast("dict[str, Any]", value)
