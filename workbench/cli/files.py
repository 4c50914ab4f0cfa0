"""Files that a person asks a command to write."""

from __future__ import annotations

from pathlib import Path

from workbench.artifacts import write_bytes_atomic
from workbench.errors import InputError


def write_out(path: Path, data: bytes) -> None:
    """Write a file, and the folder it stands in.

    Raises:
        InputError: `out_not_writable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(path, data)
    except OSError as exc:
        raise InputError("out_not_writable", path=str(path), reason=exc.strerror or "") from exc
