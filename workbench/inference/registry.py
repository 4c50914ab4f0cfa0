"""The endpoints a person has set up. The file holds names of environment variables, never keys."""

from __future__ import annotations

import json
from typing import Any

from filelock import FileLock
from pydantic import ValidationError

from workbench.artifacts.files import write_json_atomic
from workbench.errors import InputError, NotFoundError, StateError
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint

LOCK_SECONDS = 10


class EndpointRegistry:
    """`endpoints.json` of a workspace. Several processes may change it."""

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.endpoints_file
        self._lock = FileLock(workspace.locks / "endpoints.lock", timeout=LOCK_SECONDS)

    def list(self) -> list[Endpoint]:
        """All endpoints, by name.

        Raises:
            StateError: The file cannot be read; nothing is overwritten then.
        """
        return sorted(self._read(), key=lambda endpoint: endpoint.name)

    def get(self, name: str) -> Endpoint:
        """The endpoint of that name.

        Raises:
            NotFoundError: There is none.
        """
        for endpoint in self._read():
            if endpoint.name == name:
                return endpoint
        raise NotFoundError("endpoint_missing", name=name)

    def add(self, endpoint: Endpoint, *, replace: bool = False) -> None:
        """Keep an endpoint.

        Raises:
            InputError: The name is taken and `replace` is not set.
        """
        with self._lock:
            kept = [known for known in self._read() if known.name != endpoint.name]
            if len(kept) != len(self._read()) and not replace:
                raise InputError("endpoint_name_taken", name=endpoint.name)
            self._write([*kept, endpoint])

    def remove(self, name: str) -> None:
        """Forget an endpoint.

        Raises:
            NotFoundError: There is none of that name.
        """
        with self._lock:
            known = self._read()
            kept = [endpoint for endpoint in known if endpoint.name != name]
            if len(kept) == len(known):
                raise NotFoundError("endpoint_missing", name=name)
            self._write(kept)

    def _read(self) -> list[Endpoint]:
        try:
            content: Any = json.loads(self._file.read_text(encoding="utf-8"))
            return [Endpoint.model_validate(entry) for entry in content["endpoints"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as exc:
            raise StateError("endpoints_unreadable", path=str(self._file)) from exc

    def _write(self, endpoints: list[Endpoint]) -> None:
        entries = [endpoint.model_dump(mode="json") for endpoint in endpoints]
        write_json_atomic(self._file, {"version": 1, "endpoints": entries})
