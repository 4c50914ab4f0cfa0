"""A container engine in memory, for tests and for trying the page on a machine without Docker."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from workbench.containers.failures import container_failure, pull_failure
from workbench.containers.labels import full_name, is_owned, ownership
from workbench.containers.lines import LineSplitter
from workbench.containers.payload import build_payload
from workbench.containers.protocol import ExecResult, RegistryLogin
from workbench.containers.pulling import PullMeter
from workbench.containers.references import check_allowed, check_spec, read_reference
from workbench.errors import NotFoundError, StateError
from workbench.schemas.containers import (
    ContainerEvent,
    ContainerRecord,
    ContainerSpec,
    ContainerStats,
    EngineInfo,
    HealthState,
    ImageRecord,
    LogLine,
    LogStreamName,
    PullEvent,
    PullProgress,
)
from workbench.text.secrets import mask_values

Item = TypeVar("Item")
FIRST_PORT = 49_000
_DIGEST = "sha256:" + "d" * 64


@dataclass
class FakeContainer:
    """A container as the fake remembers it."""

    record: ContainerRecord
    spec: ContainerSpec
    payload: dict[str, object]
    """What a real engine would have been sent."""
    secrets: tuple[str, ...] = ()
    log: list[tuple[LogStreamName, bytes]] = field(default_factory=list[tuple[LogStreamName, bytes]])


@dataclass
class FakeImage:
    """An image that a fake registry holds."""

    record: ImageRecord
    events: tuple[PullEvent, ...] = ()
    password: str = ""
    """What a login must bring; empty: none is needed."""


class FakeEngine:
    """See `ContainerEngine`. A test decides what its programs do: `finish`, `become`, `say`, `answers`, `breaks`.

    Args:
        owner: Id of the workspace.
        engine: What `info` tells.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        owner: str = "fake-owner",
        engine: EngineInfo | None = None,
        clock: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._owner, self._clock = owner, clock
        self._info = engine or EngineInfo(
            version="0", api="1.41", arch="amd64", os="linux", image_store="classic"
        )
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._events: list[ContainerEvent] = []
        self.containers: dict[str, FakeContainer] = {}
        self.images: dict[str, ImageRecord] = {}
        self.registry: dict[str, FakeImage] = {}
        self.answers: dict[tuple[str, ...], ExecResult] = {}
        """What programs say that are run inside."""
        self.breaks: dict[str, str] = {}
        """Method -> words of the engine with which it fails."""
        self.ports_taken: set[int] = set()
        self.pulled: list[tuple[str, str]] = []
        """Reference and user name of every pull."""

    @property
    def owner(self) -> str:
        return self._owner

    def info(self) -> EngineInfo:
        return self._info

    def close(self) -> None:
        """Nothing is open."""

    # -- what a test decides

    def add_image(self, reference: str, *, arch: str = "amd64", digest: str = _DIGEST) -> ImageRecord:
        """An image that is on this machine already."""
        record = _image(reference, arch, digest)
        self.images[reference] = record
        return record

    def offer(
        self, reference: str, events: Iterable[PullEvent] = (), *, arch: str = "amd64", password: str = ""
    ) -> None:
        """An image that can be pulled."""
        self.registry[reference] = FakeImage(_image(reference, arch, _DIGEST), tuple(events), password)

    def add_foreign(self, name: str) -> ContainerRecord:
        """A container that somebody else made."""
        record = ContainerRecord(
            id=f"foreign-{next(self._ids)}", name=name, image="postgres:17", state="running"
        )
        spec = ContainerSpec(image="postgres:17", name=name)
        self.containers[record.id] = FakeContainer(record, spec, {})
        return record

    def say(self, container: str, text: str, stream: LogStreamName = "stdout") -> None:
        """The program inside prints something."""
        with self._changed:
            self._find(container).log.append((stream, text.encode()))
            self._changed.notify_all()

    def become(self, container: str, health: HealthState, output: str = "") -> None:
        """A health check has run."""
        self._change(container, health=health, health_output=output)
        self._tell("health_status", self._find(container).record, health)

    def finish(self, container: str, exit_code: int = 0, *, oom: bool = False) -> None:
        """The program inside ends."""
        found = self._find(container)
        self._change(
            container, state="exited", exit_code=exit_code, oom_killed=oom, ended_at=self._clock(), ports={}
        )
        if oom:
            self._tell("oom", found.record, "")
        self._tell("die", found.record, str(exit_code))

    # -- images

    def find_image(self, reference: str) -> ImageRecord | None:
        known = [
            image for image in self.images.values() if reference in (image.id, *image.digests, *image.tags)
        ]
        return self.images.get(reference) or (known[0] if known else None)

    def pull(
        self,
        reference: str,
        *,
        login: RegistryLogin | None = None,
        on_progress: Callable[[PullProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        confirmed: bool = False,
    ) -> ImageRecord:
        check_allowed(reference, confirmed=confirmed)
        self.pulled.append((reference, login.username if login else ""))
        offered = self.registry.get(reference)
        if offered is None:
            raise pull_failure(reference, "manifest unknown")
        if offered.password and (login is None or login.password != offered.password):
            raise pull_failure(reference, "unauthorized: authentication required")
        meter = PullMeter(reference)
        for event in offered.events:
            if should_stop is not None and should_stop():
                raise StateError("pull_cancelled", image=reference)
            if event.error:
                raise pull_failure(reference, mask_values(event.error, [login.password] if login else []))
            if on_progress is not None:
                on_progress(meter.add(event))
        self.images[reference] = offered.record
        return offered.record

    # -- containers

    def create(
        self, spec: ContainerSpec, secrets: Mapping[str, str] | None = None, *, confirmed: bool = False
    ) -> ContainerRecord:
        self._break("create", spec.image)
        check_spec(spec, self.find_image, confirmed=confirmed)
        image = self.find_image(spec.runs)
        if image is None:
            raise container_failure(spec.image, f"No such image: {spec.runs}", status=404)
        name = full_name(spec.name)
        if any(other.record.name == name for other in self.containers.values()):
            raise container_failure(name, "The container name is already in use by container", status=409)
        values = dict(secrets or {})
        record = ContainerRecord(
            id=f"{next(self._ids):064x}",
            name=name,
            image=spec.runs,
            image_id=image.id,
            digest=image.digests[0] if image.digests else "",
            state="created",
            labels={**spec.labels, **ownership(self._owner, spec.secret_env)},
            owned=True,
            created_at=self._clock(),
        )
        payload = build_payload(spec, values, self._info, self._owner)
        inside = tuple(values[secret] for secret in spec.secret_env)
        self.containers[record.id] = FakeContainer(record, spec, payload, inside)
        self._tell("create", record, "")
        return record

    def start(self, container: str) -> ContainerRecord:
        found = self._owned(container)
        self._break("start", found.record.name)
        ports: dict[int, int] = {}
        for inside, outside in found.spec.ports.items():
            chosen = outside or FIRST_PORT + next(self._ids)
            if chosen in self.ports_taken:
                raise container_failure(
                    found.record.name, f"Bind for 127.0.0.1:{chosen} failed: port is already allocated"
                )
            ports[inside] = chosen
        self._change(
            container,
            state="running",
            ports=ports,
            exit_code=None,
            oom_killed=False,
            stopped_by_us=False,
            started_at=self._clock(),
        )
        self._tell("start", found.record, "")
        return found.record

    def inspect(self, container: str) -> ContainerRecord:
        return self._find(container).record

    def list(self, *, everything: bool = False) -> tuple[ContainerRecord, ...]:
        return tuple(item.record for item in self.containers.values() if everything or item.record.owned)

    def stop(self, container: str, *, seconds: int | None = None) -> ContainerRecord:
        found = self._owned(container)
        self._break("stop", found.record.name)
        if found.record.state == "running":
            self.finish(container, 137 if seconds == 0 else 143)
            self._change(container, stopped_by_us=True)
        return found.record

    def remove(self, container: str, *, force: bool = False) -> None:
        try:
            found = self._owned(container)
        except NotFoundError:
            return
        self._break("remove", found.record.name)
        if found.record.state == "running" and not force:
            raise StateError("container_running", name=found.record.name)
        with self._changed:
            del self.containers[found.record.id]
        self._tell("destroy", found.record, "")

    # -- what they say and use

    def logs(self, container: str, *, tail: int = 200, timestamps: bool = False) -> tuple[LogLine, ...]:
        found = self._owned(container)
        splitter = LineSplitter(lambda text: mask_values(text, found.secrets))
        lines = [line for stream, data in found.log for line in splitter.feed(stream, data)]
        return tuple([*lines, *splitter.finish()][-tail:])

    def follow(self, container: str, *, tail: int = 200, timestamps: bool = False) -> FakeFollow[LogLine]:
        self._owned(container)

        def read() -> tuple[tuple[LogLine, ...], bool]:
            found = self.containers.get(self._owned(container).record.id)
            ended = found is None or found.record.state != "running"
            return self.logs(container, tail=1_000_000), ended

        return FakeFollow(read, self._changed)

    def stats(self, container: str) -> ContainerStats:
        found = self._owned(container)
        if found.record.state != "running":
            raise StateError("container_not_running", name=found.record.name)
        return ContainerStats(
            cpu_percent=12.5, memory_bytes=64 * 2**20, memory_limit=found.spec.mem_bytes, processes=2
        )

    def events(self) -> FakeFollow[ContainerEvent]:
        already = len(self._events)
        return FakeFollow(lambda: (tuple(self._events[already:]), False), self._changed)

    def run_inside(self, container: str, command: tuple[str, ...]) -> ExecResult:
        self._owned(container)
        return self.answers.get(command, ExecResult(127, f"{command[0]}: not found"))

    # -- helpers

    def _find(self, container: str) -> FakeContainer:
        for key, item in self.containers.items():
            if container and (key.startswith(container) or item.record.name == container):
                return item
        raise NotFoundError("container_unknown", name=container)

    def _owned(self, container: str) -> FakeContainer:
        found = self._find(container)
        if not is_owned(found.record.labels, self._owner):
            raise StateError("container_foreign", name=found.record.name)
        return found

    def _change(self, container: str, **values: object) -> None:
        with self._changed:
            found = self._find(container)
            found.record = found.record.model_copy(update=values)
            self._changed.notify_all()

    def _tell(self, action: str, record: ContainerRecord, detail: str) -> None:
        event = ContainerEvent.model_validate(
            {
                "action": action,
                "container": record.id,
                "name": record.name,
                "detail": detail,
                "at": self._clock(),
            }
        )
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _break(self, method: str, subject: str) -> None:
        if method in self.breaks:
            raise container_failure(subject, self.breaks[method], status=500)


class FakeFollow(Generic[Item]):
    """Items as they come, until the source has ended or `close` is called."""

    def __init__(
        self, read: Callable[[], tuple[tuple[Item, ...], bool]], changed: threading.Condition
    ) -> None:
        self._read, self._changed, self._closed = read, changed, False

    def __iter__(self) -> Iterator[Item]:
        given = 0
        while True:
            with self._changed:
                items, ended = self._read()
                if len(items) <= given:
                    if ended or self._closed:
                        return
                    self._changed.wait(0.2)
                    continue
            yield from items[given:]
            given = len(items)

    def close(self) -> None:
        """End it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _image(reference: str, arch: str, digest: str) -> ImageRecord:
    repository = read_reference(reference).repository
    return ImageRecord(
        id="sha256:" + hashlib.sha256(reference.encode()).hexdigest(),
        tags=(reference,),
        digests=(f"{repository}@{digest}",),
        arch=arch,
        os="linux",
        size_bytes=1_000_000,
    )
