"""Logs, events, servers and GPUs on a real engine."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.engine.conftest import KEY, Run
from tests.engine.daemon import Daemon, running_daemon
from tests.engine.images import import_busybox
from workbench.containers.connect import connect, diagnose
from workbench.containers.docker_engine import DockerEngine
from workbench.containers.lines import RingBuffer
from workbench.containers.starting import run_container, verify_gpu, wait_ready
from workbench.errors import ResourceError
from workbench.paths import Workspace
from workbench.schemas.containers import (
    ContainerEvent,
    ContainerSpec,
    GpuRequest,
    LogLine,
    Mount,
    Readiness,
)

pytestmark = pytest.mark.engine

HOST_PYTHON = "/usr/bin/python3"
FAKE_NIM = """
import http.server, sys, time
ready_at = time.monotonic() + 2
class Nim(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = time.monotonic() >= ready_at
        code = 200 if ready and self.path == "/v1/health/ready" else 503 if self.path.endswith("ready") else 404
        self.send_response(code); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *a): pass
time.sleep(1)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Nim).serve_forever()
"""


def _nim_mounts(folder: Path) -> tuple[Mount, ...]:
    (folder / "nim.py").write_text(FAKE_NIM)
    libraries = [Mount(source="/usr/lib", target="/lib"), Mount(source="/usr/lib64", target="/lib64")]
    return (Mount(source="/usr", target="/usr"), Mount(source=str(folder), target="/srv"), *libraries)


def test_ready_is_200_on_the_right_path_and_nothing_less(
    engine: DockerEngine, run: Run, tmp_path: Path
) -> None:
    record = run(f"exec {HOST_PYTHON} /srv/nim.py", mounts=_nim_mounts(tmp_path), ports={8000: 0})
    # the engine's proxy accepts before anything listens inside
    with socket.create_connection(("127.0.0.1", record.ports[8000]), timeout=5):
        pass
    answers: list[int | None] = []
    readiness = Readiness(port=8000, path="/v1/health/ready", timeout_s=60, interval_s=0.1)
    ready = wait_ready(engine, record.id, readiness, on_wait=lambda _, status: answers.append(status))
    assert ready.state == "running"
    assert answers[0] is None
    assert 503 in answers
    assert [line.text for line in engine.logs(record.id)] == ["listening"]
    with pytest.raises(ResourceError) as caught:
        wait_ready(engine, record.id, Readiness(port=8000, path="/health", timeout_s=0.5, interval_s=0.1))
    assert caught.value.code == "server_not_ready"
    assert caught.value.params["answer"] == "404"


def test_a_server_that_ends_while_we_wait_tells_its_last_words(engine: DockerEngine, run: Run) -> None:
    record = run("sleep 1; echo 'no such model' >&2; exit 3", ports={8000: 0})
    with pytest.raises(ResourceError) as caught:
        wait_ready(engine, record.id, Readiness(port=8000, timeout_s=30, interval_s=0.1))
    assert caught.value.code == "container_ended"
    assert caught.value.params["exit_code"] == 3
    assert "no such model" in str(caught.value.params["last"])


def test_the_two_streams_of_a_log_are_told_apart(engine: DockerEngine, run: Run) -> None:
    record = run("echo out; echo err >&2; printf 'no newline'")
    _wait_for_end(engine, record.id)
    found = {(line.stream, line.text) for line in engine.logs(record.id, timestamps=True)}
    assert found == {("stdout", "out"), ("stderr", "err"), ("stdout", "no newline")}
    assert all(line.at.startswith("20") for line in engine.logs(record.id, timestamps=True))
    assert [line.text for line in engine.logs(record.id, tail=1)] == ["no newline"]


def test_a_progress_bar_is_one_line_in_the_ring(engine: DockerEngine, run: Run) -> None:
    record = run('for i in 10 50 100; do printf "\\rloading $i%%"; done; echo; echo ready')
    _wait_for_end(engine, record.id)
    ring = RingBuffer()
    ring.extend(engine.logs(record.id))
    assert [line.text for line in ring.last()] == ["loading 100%", "ready"]


def test_following_gets_new_lines_and_ends_when_it_is_closed(engine: DockerEngine, run: Run) -> None:
    record = run(
        "i=0; while true; do i=$((i+1)); echo line $i key=$NGC_API_KEY; sleep 0.2; done",
        secret_env=("NGC_API_KEY",),
        secrets={"NGC_API_KEY": KEY},
    )
    following, lines = engine.follow(record.id), list[LogLine]()
    reader = threading.Thread(target=lambda: lines.extend(following))
    reader.start()
    time.sleep(2)
    following.close()
    reader.join(5)
    assert not reader.is_alive()
    following.close()
    gathered: list[str] = []
    for line in engine.follow(record.id, tail=3):
        gathered.append(line.text)
        if len(gathered) == 5:
            break
    assert len(gathered) == 5
    assert all(text.endswith("key=***") for text in gathered)


def test_following_a_quiet_container_can_be_closed(engine: DockerEngine, run: Run) -> None:
    record = run("sleep 300")
    following = engine.follow(record.id)
    reader = threading.Thread(target=lambda: list(following))
    reader.start()
    time.sleep(0.5)
    before = time.monotonic()
    following.close()
    reader.join(5)
    assert not reader.is_alive()
    assert time.monotonic() - before < 2


def test_following_ends_with_the_container(engine: DockerEngine, run: Run) -> None:
    record = run("sleep 1; echo last")
    assert [line.text for line in engine.follow(record.id)] == ["last"]


def test_events_of_our_containers_come_without_the_noise_of_health_checks(
    engine: DockerEngine, run: Run, raw: docker.APIClient
) -> None:
    watching, events = engine.events(), list[ContainerEvent]()
    reader = threading.Thread(target=lambda: events.extend(watching))
    reader.start()
    foreign = raw.create_container("ftw-test/busybox:1", ["true"])["Id"]
    raw.remove_container(foreign)
    record = run("trap 'exit 0' TERM; while true; do sleep 0.1; done")
    engine.run_inside(record.id, ("true",))
    engine.stop(record.id, seconds=5)
    engine.remove(record.id)
    until = time.monotonic() + 10
    while time.monotonic() < until and not any(event.action == "destroy" for event in events):
        time.sleep(0.1)
    watching.close()
    reader.join(5)
    assert not reader.is_alive()
    assert {event.container for event in events} == {record.id}
    actions = [event.action for event in events]
    assert actions[:2] == ["create", "start"]
    assert "die" in actions
    assert actions[-1] == "destroy"


def test_a_gpu_without_the_toolkit_is_said_and_leaves_no_container(engine: DockerEngine, run: Run) -> None:
    with pytest.raises(ResourceError) as caught:
        run(gpus=GpuRequest(kind="all"))
    assert caught.value.code == "gpu_toolkit_missing"
    assert engine.list() == ()


def test_an_engine_that_lets_us_in_is_diagnosed_as_such(daemon: Daemon, environ: dict[str, str]) -> None:
    found = diagnose(environ)
    assert found.state == "ok"
    assert found.info is not None
    assert found.info.data_root == str(daemon.folder / "data")


def test_an_engine_that_has_stopped_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    assert diagnose({**environ, "DOCKER_HOST": f"unix://{tmp_path}/gone.sock"}).state == "engine_not_running"


# -- a second engine that has NVIDIA's hook, or what looks like it

HOOK = """#!/usr/bin/python3
# puts a device file into the container, as the real hook does, for containers that say so
import json, os, subprocess, sys
state = json.load(sys.stdin)
config = json.load(open(os.path.join(state["bundle"], "config.json")))
open({log!r}, "a").write(json.dumps([e for e in config["process"]["env"] if e.startswith("NVIDIA")]) + "\\n")
if "WITH_DEVICE=1" in config["process"]["env"]:
    target = os.path.join(config["root"]["path"], "dev/nvidia0")
    subprocess.run(["nsenter", "-t", str(state["pid"]), "-m", "touch", target], check=True)
"""


@pytest.fixture(scope="module")
def gpu_engine(
    raw: docker.APIClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DockerEngine, docker.APIClient, Path]]:
    folder = tmp_path_factory.mktemp("gpu")
    hook = folder / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text(HOOK.format(log=str(folder / "hook.log")))
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    path = f"{hook.parent}:{os.environ['PATH']}"
    with running_daemon(folder / "engine", path=path, bridge=False) as daemon:
        client = docker.APIClient(base_url=f"unix://{daemon.socket}")
        import_busybox(client)
        environ = {"DOCKER_HOST": f"unix://{daemon.socket}", "PATH": path, "HOME": str(folder)}
        engine = connect(Workspace(folder / "workspace"), environ, mask=lambda text: text)
        yield engine, client, folder / "hook.log"
        for record in engine.list():
            engine.remove(record.id, force=True)
        engine.close()
        client.close()


def _gpu_spec(gpus: GpuRequest, **env: str) -> ContainerSpec:
    command = ("sleep", "60")
    return ContainerSpec(
        image="ftw-test/busybox:1",
        command=command,
        init=False,
        stop_seconds=0,
        gpus=gpus,
        env=env,
        network="none",
    )


@pytest.mark.parametrize(
    ("gpus", "devices"),
    [
        (GpuRequest(kind="all"), "NVIDIA_VISIBLE_DEVICES=all"),
        (GpuRequest(kind="count", count=2), "NVIDIA_VISIBLE_DEVICES=0,1"),
        (GpuRequest(kind="ids", ids=("1", "GPU-abc")), "NVIDIA_VISIBLE_DEVICES=1,GPU-abc"),
    ],
)
def test_a_gpu_request_reaches_the_toolkit_in_its_shape(
    gpu_engine: tuple[DockerEngine, docker.APIClient, Path], gpus: GpuRequest, devices: str
) -> None:
    engine, _, log = gpu_engine
    assert engine.info().gpu == "toolkit"
    run_container(engine, _gpu_spec(gpus), confirmed=True)
    assert devices in log.read_text().splitlines()[-1]


def test_a_gpu_that_is_not_really_inside_is_said(
    gpu_engine: tuple[DockerEngine, docker.APIClient, Path],
) -> None:
    engine = gpu_engine[0]
    record = run_container(engine, _gpu_spec(GpuRequest(kind="all")), confirmed=True)
    assert record.gpus == ("all",)
    with pytest.raises(ResourceError) as caught:
        verify_gpu(engine, record.id)
    assert caught.value.code == "gpu_not_inside"


def test_a_gpu_that_is_inside_is_found(gpu_engine: tuple[DockerEngine, docker.APIClient, Path]) -> None:
    engine = gpu_engine[0]
    record = run_container(engine, _gpu_spec(GpuRequest(kind="all"), WITH_DEVICE="1"), confirmed=True)
    assert verify_gpu(engine, record.id) == ("nvidia0",)


def _wait_for_end(engine: DockerEngine, container: str) -> None:
    until = time.monotonic() + 20
    while engine.inspect(container).state == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
