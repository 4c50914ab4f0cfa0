"""What the rest of the program knows of a container engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from workbench.schemas.containers import (
    ContainerEvent,
    ContainerRecord,
    ContainerSpec,
    ContainerStats,
    EngineInfo,
    ImageRecord,
    LogLine,
    PullProgress,
)


@dataclass(frozen=True)
class RegistryLogin:
    """A login for one pull. Lives in memory; neither `repr` nor a record shows the password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ExecResult:
    """What a program that was run inside a container said."""

    exit_code: int
    output: str


class Closable(Protocol):
    """Something that another thread can end."""

    def close(self) -> None:
        """End it; the reader's loop ends. Calling it twice is fine."""
        ...


class LogFollow(Closable, Protocol):
    """Lines of a log as they come."""

    def __iter__(self) -> Iterator[LogLine]: ...


class EventFollow(Closable, Protocol):
    """Events of our containers as they come."""

    def __iter__(self) -> Iterator[ContainerEvent]: ...


class ContainerEngine(Protocol):
    """A container engine that touches only what this workspace owns.

    Every method is bounded in time and raises `WorkbenchError` subclasses only. A container is named by its
    id, a unique beginning of it, or its name.
    """

    @property
    def owner(self) -> str:
        """Id of the workspace whose containers may be touched."""
        ...

    def info(self) -> EngineInfo:
        """What engine this is and what it can do."""
        ...

    def find_image(self, reference: str) -> ImageRecord | None:
        """An image of this machine, None where it is not here."""
        ...

    def pull(
        self,
        reference: str,
        *,
        login: RegistryLogin | None = None,
        on_progress: Callable[[PullProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        confirmed: bool = False,
    ) -> ImageRecord:
        """Fetch an image; the record's `digest` is what to run.

        Args:
            reference: Repository with a tag or a digest.
            login: For this pull only.
            on_progress: Told after every message of the engine.
            should_stop: Asked at least once a second; True ends the pull on the engine's side too. It may raise.
            confirmed: A person agreed to a repository that is not in the allow-list.

        Raises:
            InputError: `image_not_allowed`.
            StateError: `pull_cancelled`.
            ResourceError: `pull_failed`, `pull_unauthorised`, `pull_not_found`, `pull_no_space`.
        """
        ...

    def create(
        self, spec: ContainerSpec, secrets: Mapping[str, str] | None = None, *, confirmed: bool = False
    ) -> ContainerRecord:
        """Make a container without starting it. `secrets` holds the values of `spec.secret_env`."""
        ...

    def start(self, container: str) -> ContainerRecord:
        """Start a container of ours."""
        ...

    def inspect(self, container: str) -> ContainerRecord:
        """A container as it is now.

        Raises:
            NotFoundError: `container_unknown`.
        """
        ...

    def list(self, *, everything: bool = False) -> tuple[ContainerRecord, ...]:
        """The containers of this workspace; with `everything` those of others too (`owned` is False)."""
        ...

    def stop(self, container: str, *, seconds: int | None = None) -> ContainerRecord:
        """Stop a container of ours; a program that ignores SIGTERM is killed, and both count as `stopped_by_us`."""
        ...

    def remove(self, container: str, *, force: bool = False) -> None:
        """Remove a container of ours; one that is gone already is no error."""
        ...

    def logs(self, container: str, *, tail: int = 200, timestamps: bool = False) -> tuple[LogLine, ...]:
        """The last lines of a log, redacted."""
        ...

    def follow(self, container: str, *, tail: int = 200, timestamps: bool = False) -> LogFollow:
        """The last lines and those that come, until the container ends or `close` is called."""
        ...

    def stats(self, container: str) -> ContainerStats:
        """What a running container uses now."""
        ...

    def events(self) -> EventFollow:
        """What happens to the containers of this workspace from now on."""
        ...

    def run_inside(self, container: str, command: tuple[str, ...]) -> ExecResult:
        """Run a short program inside a running container of ours, for example to see whether a GPU is there."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
