"""The container engine behind Docker's API, which Podman speaks too. The only importer of `docker`, with `streams`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import docker
import requests
from docker import errors, tls, utils

from workbench.containers.connect import config_folder, context_folder
from workbench.containers.engine_info import Address, read_info
from workbench.containers.failures import container_failure, pull_failure
from workbench.containers.labels import StopMarks, full_name, is_owned, owner_filter
from workbench.containers.payload import build_payload
from workbench.containers.protocol import ExecResult, RegistryLogin
from workbench.containers.pulling import PullMeter, read_json_stream, read_pull_event
from workbench.containers.records import (
    EVENT_ACTIONS,
    read_container,
    read_image,
    read_stats,
    secrets_inside,
)
from workbench.containers.references import check_allowed, check_spec, is_image_id, read_reference
from workbench.containers.streams import EventReader, LogReader, ResponseStream, Watched
from workbench.errors import InputError, NotFoundError, ResourceError, StateError, WorkbenchError
from workbench.schemas.containers import (
    ContainerRecord,
    ContainerSpec,
    ContainerStats,
    EngineInfo,
    ImageRecord,
    LogLine,
    PullEvent,
    PullProgress,
)
from workbench.text.secrets import mask_values

GREETING_SECONDS = 10
ANSWER_SECONDS = 60
PULL_SILENCE_SECONDS = 600.0
"""A pull without a word for so long counts as dead; unpacking of one huge layer stays below it."""
STOP_SECONDS = 10
Failure = Callable[..., WorkbenchError]


def open_client(address: Address, environ: Mapping[str, str]) -> Any:
    """A client of the engine; the version of the API is negotiated.

    Raises:
        ResourceError: `engine_not_answering`.
    """
    try:
        client = docker.APIClient(base_url=address.url, tls=_tls(address, environ), timeout=GREETING_SECONDS)
    except (errors.DockerException, requests.RequestException, OSError) as exc:
        raise ResourceError("engine_not_answering", address=address.url) from exc
    client.timeout = ANSWER_SECONDS
    return client


def _tls(address: Address, environ: Mapping[str, str]) -> Any:
    if address.context:
        folder = context_folder(environ, "tls", address.context) / "docker"
        if not (folder / "ca.pem").is_file():
            return False
        pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
        return tls.TLSConfig(
            client_cert=pair if (folder / "cert.pem").is_file() else None,
            ca_cert=str(folder / "ca.pem"),
            verify=True,
        )
    if address.socket_path or not environ.get("DOCKER_TLS_VERIFY"):
        return False
    settings = {"DOCKER_CERT_PATH": str(config_folder(environ)), **environ}
    return utils.kwargs_from_env(environment=settings).get("tls", False)


def read_engine(client: Any, address: Address, *, has_hook: bool) -> EngineInfo:
    """What engine a client is connected to.

    Raises:
        ResourceError: `engine_not_answering`.
    """
    try:
        return read_info(client.version(), client.info(), address, has_hook=has_hook)
    except (errors.DockerException, requests.RequestException) as exc:
        raise ResourceError("engine_not_answering", address=address.url) from exc


class DockerEngine:
    """See `ContainerEngine`. Changes only containers that carry the labels of its owner.

    Args:
        client: Of the SDK's low level, which answers with plain JSON.
        address: Where it is connected to.
        owner: Id of the workspace.
        marks: Remembers what we stopped.
        mask: Takes known secrets out of text.
        has_hook: This machine has NVIDIA's hook.
    """

    def __init__(
        self,
        client: Any,
        address: Address,
        *,
        owner: str,
        marks: StopMarks,
        mask: Callable[[str], str],
        has_hook: bool = False,
    ) -> None:
        self._client, self._address, self._owner = client, address, owner
        self._marks, self._mask_known, self._has_hook = marks, mask, has_hook
        self._secrets: set[str] = set()
        self._digests: dict[str, tuple[str, ...]] = {}

    @property
    def owner(self) -> str:
        return self._owner

    def info(self) -> EngineInfo:
        return read_engine(self._client, self._address, has_hook=self._has_hook)

    @cached_property
    def _engine(self) -> EngineInfo:
        """As it was when first asked: what requests are shaped by does not change while the engine runs."""
        return self.info()

    # -- images

    def find_image(self, reference: str) -> ImageRecord | None:
        with self._answering(reference):
            try:
                return read_image(self._client.inspect_image(reference))
            except errors.ImageNotFound:
                return None

    def pull(
        self,
        reference: str,
        *,
        login: RegistryLogin | None = None,
        on_progress: Callable[[PullProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        confirmed: bool = False,
    ) -> ImageRecord:
        if is_image_id(reference):
            raise InputError("image_reference_malformed", image=reference)
        check_allowed(reference, confirmed=confirmed)
        self._keep_secret([login.password] if login else [])
        stream = self._open_pull(reference, login)
        meter = PullMeter(reference)
        source = (read_pull_event(message) for message in read_json_stream(stream.chunks()))
        watched: Watched[PullEvent] = Watched(source, stream.close, PULL_SILENCE_SECONDS)
        for event in watched.items(lambda: _raise_if_stopped(reference, should_stop)):
            if event.error:  # comes with HTTP 200, and the stream then ends as if all were well
                raise pull_failure(reference, self._mask(event.error))
            if on_progress is not None:
                on_progress(meter.add(event))
        found = self.find_image(reference)
        if found is None:  # some engines stream a failure without calling it one
            raise NotFoundError("pull_not_found", image=reference, detail=meter.progress().message)
        return found

    def _open_pull(self, reference: str, login: RegistryLogin | None) -> ResponseStream:
        parts = read_reference(reference)
        headers = {"X-Registry-Auth": header} if (header := self._auth_header(parts.registry, login)) else {}
        query = {"fromImage": parts.repository, "tag": parts.wanted}
        with self._answering(reference, pull_failure):
            return self._open("POST", "/images/create", query, headers)

    @staticmethod
    def _auth_header(registry: str, login: RegistryLogin | None) -> str:
        # as the API wants it; made here, so that no file and no helper program of the docker command has a part in it
        if login is None:
            return ""
        named = {"username": login.username, "password": login.password, "serveraddress": registry}
        return base64.urlsafe_b64encode(json.dumps(named).encode()).decode("ascii")

    # -- containers

    def create(
        self, spec: ContainerSpec, secrets: Mapping[str, str] | None = None, *, confirmed: bool = False
    ) -> ContainerRecord:
        check_spec(spec, self.find_image, confirmed=confirmed)
        values = dict(secrets or {})
        self._keep_secret(values[name] for name in spec.secret_env if name in values)
        payload = build_payload(spec, values, self._engine, self._owner)
        name = full_name(spec.name)
        with self._answering(name):
            made = self._client.create_container_from_config(payload, name)
        return self.inspect(str(made["Id"]))

    def start(self, container: str) -> ContainerRecord:
        found = self._owned(container)
        self._marks.discard(found["Id"])
        with self._answering(_name(found)):
            self._client.start(found["Id"])
        return self.inspect(found["Id"])

    def inspect(self, container: str) -> ContainerRecord:
        return self._record(self._inspect(container))

    def list(self, *, everything: bool = False) -> tuple[ContainerRecord, ...]:
        filters = None if everything else owner_filter(self._owner)
        with self._answering("", _listing_failure):
            listed = self._client.containers(all=True, filters=filters)
        records: list[ContainerRecord] = []
        for item in listed:
            try:
                records.append(self.inspect(str(item["Id"])))
            except NotFoundError:
                continue  # it went away between the two questions
        return tuple(records)

    def stop(self, container: str, *, seconds: int | None = None) -> ContainerRecord:
        found = self._owned(container)
        wait = seconds if seconds is not None else found["Config"].get("StopTimeout") or STOP_SECONDS
        if not found["State"].get("Running"):
            return self._record(found)
        self._marks.add(found["Id"])
        with self._answering(_name(found)):
            self._client.stop(found["Id"], timeout=wait)
        return self.inspect(found["Id"])

    def remove(self, container: str, *, force: bool = False) -> None:
        try:
            found = self._owned(container)
        except NotFoundError:
            return
        if found["State"].get("Running") and not force:
            raise StateError("container_running", name=_name(found))
        with self._answering(_name(found)):
            try:
                self._client.remove_container(found["Id"], force=force, v=True)
            except errors.APIError as exc:
                gone = exc.status_code == 404 or "already in progress" in str(exc.explanation)
                if not gone:
                    raise
        self._marks.discard(found["Id"])

    # -- what they say and use

    def logs(self, container: str, *, tail: int = 200, timestamps: bool = False) -> tuple[LogLine, ...]:
        return tuple(self._open_logs(container, tail, timestamps, follow=False))

    def follow(self, container: str, *, tail: int = 200, timestamps: bool = False) -> LogReader:
        return self._open_logs(container, tail, timestamps, follow=True)

    def _open_logs(self, container: str, tail: int, timestamps: bool, *, follow: bool) -> LogReader:
        found = self._owned(container)
        self._keep_secret(secrets_inside(found))
        query: dict[str, Any] = {"stdout": 1, "stderr": 1, "tail": tail, "timestamps": int(timestamps)}
        with self._answering(_name(found)):
            stream = self._open(
                "GET",
                f"/containers/{found['Id']}/logs",
                {**query, "follow": int(follow)},
                {},
                seconds=None if follow else ANSWER_SECONDS,
            )
        return LogReader(stream, self._mask, timestamps=timestamps)

    def stats(self, container: str) -> ContainerStats:
        found = self._owned(container)
        if not found["State"].get("Running"):
            raise StateError("container_not_running", name=_name(found))
        with self._answering(_name(found)):
            return read_stats(self._client.stats(found["Id"], stream=False))

    def events(self) -> EventReader:
        filters = {**owner_filter(self._owner), "type": ["container"], "event": list(EVENT_ACTIONS)}
        with self._answering("", _listing_failure):
            return EventReader(self._open("GET", "/events", {"filters": json.dumps(filters)}, {}))

    def run_inside(self, container: str, command: tuple[str, ...]) -> ExecResult:
        found = self._owned(container)
        self._keep_secret(secrets_inside(found))
        with self._answering(_name(found)):
            made = self._client.exec_create(found["Id"], list(command))
            output = self._client.exec_start(made["Id"])
            code = self._client.exec_inspect(made["Id"]).get("ExitCode")
        text = bytes(output).decode("utf-8", errors="replace")
        return ExecResult(int(code if code is not None else -1), self._mask(text))

    def close(self) -> None:
        self._client.close()

    # -- helpers

    def _inspect(self, container: str) -> Any:
        with self._answering(container):
            return self._client.inspect_container(container)

    def _owned(self, container: str) -> Any:
        found = self._inspect(container)
        if not is_owned(found["Config"].get("Labels") or {}, self._owner):
            raise StateError("container_foreign", name=_name(found))
        return found

    def _record(self, answer: Any) -> ContainerRecord:
        self._keep_secret(secrets_inside(answer))
        record = read_container(
            answer, self._owner, digest=self._digest(answer), stopped_by_us=answer["Id"] in self._marks
        )
        told = {"error": self._mask(record.error), "health_output": self._mask(record.health_output)}
        return record.model_copy(update=told)

    def _digest(self, answer: Any) -> str:
        named = str(answer["Config"].get("Image", ""))
        if "@sha256:" in named:
            return named
        image_id = str(answer.get("Image", ""))
        if image_id not in self._digests:
            image = self.find_image(image_id) if image_id else None
            self._digests[image_id] = image.digests if image else ()
        digests = self._digests[image_id]
        return digests[0] if digests else ""

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        seconds: int | None = None,
    ) -> ResponseStream:
        """Begin an answer that goes on; without `seconds` it may be silent for as long as it likes."""
        url = f"{self._client.base_url}/v{self._client.api_version}{path}"
        response = self._client.request(
            method, url, params=query, headers=headers, stream=True, timeout=(ANSWER_SECONDS, seconds)
        )
        if response.status_code >= 400:
            try:
                errors.create_api_error_from_http_exception(requests.HTTPError(response=response))
            finally:
                response.close()
        return ResponseStream(response)

    def _keep_secret(self, values: Iterable[str]) -> None:
        self._secrets.update(value for value in values if value)

    def _mask(self, text: str) -> str:
        return mask_values(self._mask_known(text), self._secrets)

    @contextmanager
    def _answering(self, subject: str, failure: Failure = container_failure) -> Generator[None]:
        """Turns what the SDK raises into our errors, with secrets masked."""
        try:
            yield
        except errors.APIError as exc:
            said = self._mask(str(exc.explanation or exc))
            raise failure(subject, said, status=exc.status_code or 0) from exc
        except requests.Timeout as exc:
            raise ResourceError("engine_not_answering", address=self._address.url) from exc
        except (requests.RequestException, errors.DockerException) as exc:
            raise ResourceError("engine_lost", detail=type(exc).__name__) from exc


def _name(answer: Any) -> str:
    return str(answer.get("Name", "")).lstrip("/") or str(answer["Id"])[:12]


def _listing_failure(subject: str, said: str, *, status: int = 0) -> WorkbenchError:
    return ResourceError("engine_refused", name=subject or "-", detail=said[:600])


def _raise_if_stopped(reference: str, should_stop: Callable[[], bool] | None) -> None:
    if should_stop is not None and should_stop():
        raise StateError("pull_cancelled", image=reference)
