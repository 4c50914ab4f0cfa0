"""Pulls from a real registry into a real engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.engine.conftest import KEY, USER
from tests.engine.images import corrupt
from tests.engine.proxies import slow_proxy
from workbench.containers.docker_engine import DockerEngine
from workbench.containers.protocol import RegistryLogin
from workbench.containers.references import check_architecture, pin
from workbench.containers.starting import run_container
from workbench.errors import NotFoundError, ResourceError, StateError
from workbench.schemas.containers import ContainerSpec, PullProgress

pytestmark = pytest.mark.engine

Publish = Callable[..., str]


def test_a_pull_tells_its_progress_layer_by_layer(
    engine: DockerEngine, registry: str, publish: Publish
) -> None:
    published = publish(registry, "progress:1", layers=2, mib=6)
    seen: list[PullProgress] = []
    with slow_proxy(registry, 4_000_000) as proxy:
        reference = published.replace(registry, proxy.address)
        image = engine.pull(reference, on_progress=seen.append, confirmed=True)
    done = [item.done_bytes for item in seen]
    assert done == sorted(done)
    assert len(set(done)) > 5
    last = seen[-1]
    assert last.phase == "done"
    assert last.layers_done == last.layers >= 2
    assert last.done_bytes == last.total_bytes > 12_000_000
    assert {item.phase for item in seen} >= {"downloading", "unpacking", "done"}
    assert image.digest.startswith(f"{reference.rpartition(':')[0]}@sha256:")


def test_a_second_pull_finds_everything_here(engine: DockerEngine, registry: str, publish: Publish) -> None:
    reference = publish(registry, "twice:1")
    first = engine.pull(reference, confirmed=True)
    seen: list[PullProgress] = []
    assert engine.pull(reference, on_progress=seen.append, confirmed=True) == first
    assert seen[-1].phase == "done"


def test_a_cancelled_pull_ends_on_the_engines_side_too(
    engine: DockerEngine, registry: str, publish: Publish
) -> None:
    published = publish(registry, "cancel:1", mib=24)
    began = threading.Event()
    with slow_proxy(registry, 2_000_000) as proxy:
        reference = published.replace(registry, proxy.address)

        def note(progress: PullProgress) -> None:
            if progress.done_bytes > 200_000:
                began.set()

        before = time.monotonic()
        with pytest.raises(StateError) as caught:
            engine.pull(reference, on_progress=note, should_stop=began.is_set, confirmed=True)
        assert caught.value.code == "pull_cancelled"
        assert time.monotonic() - before < 10
        until = time.monotonic() + 10
        while proxy.open_connections and time.monotonic() < until:
            time.sleep(0.1)
        sent = proxy.sent
        time.sleep(1)
        assert proxy.sent == sent
        assert sent < 20_000_000
    assert engine.find_image(reference) is None


def test_an_error_inside_the_stream_fails_the_pull(
    engine: DockerEngine, registry: str, publish: Publish, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reference = publish(registry, "corrupt:1", mib=2)
    corrupt(next(tmp_path_factory.getbasetemp().glob("registry*")) / "store", reference)
    with pytest.raises(ResourceError) as caught:
        engine.pull(reference, confirmed=True)
    assert caught.value.code == "pull_corrupt"
    assert engine.find_image(reference) is None


def test_an_image_that_does_not_exist_is_said(engine: DockerEngine, registry: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        engine.pull(f"{registry}/nothing:1", confirmed=True)
    assert caught.value.code == "pull_not_found"


def test_a_registry_that_does_not_answer_is_said(engine: DockerEngine) -> None:
    with pytest.raises(ResourceError) as caught:
        engine.pull("127.0.0.1:1/nothing:1", confirmed=True)
    assert caught.value.code == "pull_unreachable"


def test_the_right_key_pulls_and_leaves_no_trace(
    engine: DockerEngine, locked_registry: str, publish: Publish, environ: dict[str, str]
) -> None:
    reference = publish(locked_registry, "locked:1", login=True)
    image = engine.pull(reference, login=RegistryLogin(USER, KEY), confirmed=True)
    assert image.digests
    assert KEY not in image.model_dump_json()
    # nothing was written where the docker command would keep it
    assert list(Path(environ["HOME"]).rglob("*")) == []


@pytest.mark.parametrize("login", [None, RegistryLogin(USER, "nvapi-wrong-key-000000")])
def test_no_key_or_a_wrong_one_is_said_without_showing_it(
    engine: DockerEngine, locked_registry: str, publish: Publish, login: RegistryLogin | None
) -> None:
    reference = publish(locked_registry, "refused:1", login=True)
    with pytest.raises(ResourceError) as caught:
        engine.pull(reference, login=login, confirmed=True)
    assert caught.value.code == "pull_unauthorised"
    assert "nvapi" not in str(caught.value)
    assert "nvapi" not in repr(login)


def test_what_was_pulled_by_tag_is_run_by_digest(
    engine: DockerEngine, raw: docker.APIClient, registry: str, publish: Publish
) -> None:
    reference = publish(registry, "pinned:1")
    image = engine.pull(reference, confirmed=True)
    spec = pin(ContainerSpec(image=reference, command=("sleep", "60"), init=False, stop_seconds=0), image)
    # the tag moves after the pull
    publish(registry, "pinned:1")
    raw.pull(reference.rpartition(":")[0], tag="1")
    moved = raw.inspect_image(reference)["Id"]
    record = run_container(engine, spec, confirmed=True)
    assert record.image == record.digest == image.digest
    assert record.image_id == image.id != moved


def test_an_image_can_be_pulled_by_its_digest(
    engine: DockerEngine, raw: docker.APIClient, registry: str, publish: Publish
) -> None:
    digest = engine.pull(publish(registry, "bydigest:1"), confirmed=True).digest
    raw.remove_image(digest, force=True)
    for tag in raw.images(name=digest.partition("@")[0]):
        raw.remove_image(tag["Id"], force=True)
    assert engine.find_image(digest) is None
    assert engine.pull(digest, confirmed=True).digest == digest


def test_an_image_for_another_processor_is_refused_before_it_runs(
    engine: DockerEngine, registry: str, publish: Publish
) -> None:
    image = engine.pull(publish(registry, "arch:1"), confirmed=True)
    check_architecture(image, engine.info())
    with pytest.raises(Exception, match="image_wrong_architecture"):
        check_architecture(image.model_copy(update={"arch": "arm64"}), engine.info())


def test_the_events_of_a_pull_are_json_that_we_can_keep(
    engine: DockerEngine, registry: str, publish: Publish
) -> None:
    seen: list[PullProgress] = []
    engine.pull(publish(registry, "json:1"), on_progress=seen.append, confirmed=True)
    assert json.loads(seen[-1].model_dump_json())["phase"] == "done"
