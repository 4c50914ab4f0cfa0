"""Create, start, stop, remove on a real engine, and what goes wrong there."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.conftest import KEY, Run
from tests.engine.images import BUSYBOX
from workbench.containers.connect import connect
from workbench.containers.docker_engine import DockerEngine
from workbench.containers.ending import end_code, end_failure
from workbench.containers.labels import OWNER
from workbench.containers.starting import run_container
from workbench.errors import InputError, NotFoundError, ResourceError, StateError
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerSpec, Hardening, HealthCheck, Mount, Ulimit

pytestmark = pytest.mark.engine


def _until(holds: Any, seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (value := holds()) is not None and value is not False:
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def test_the_engine_says_what_it_is(engine: DockerEngine) -> None:
    info = engine.info()
    assert (info.kind, info.arch, info.image_store) == ("docker", "amd64", "classic")
    assert info.api >= "1.41"
    assert info.gpu == "none"
    assert not info.remote


def test_a_container_carries_our_labels_and_prefix(
    engine: DockerEngine, run: Run, raw: docker.APIClient
) -> None:
    record = run(name="one", labels={"role": "before"})
    inside = raw.inspect_container(record.id)["Config"]["Labels"]
    assert record.name == "ftw-one"
    assert inside[OWNER] == engine.owner
    assert inside["role"] == "before"
    assert record.owned
    assert record.state == "running"


def test_ports_are_published_on_loopback_alone_and_chosen_by_the_engine(
    run: Run, raw: docker.APIClient
) -> None:
    record = run(ports={8000: 0})
    bound = raw.inspect_container(record.id)["NetworkSettings"]["Ports"]["8000/tcp"]
    assert [item["HostIp"] for item in bound] == ["127.0.0.1"]
    assert record.ports[8000] == int(bound[0]["HostPort"]) > 1024


def test_a_taken_port_is_said_and_leaves_no_container(engine: DockerEngine, run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError) as caught:
            run(ports={8000: port})
    assert caught.value.code == "container_port_taken"
    assert caught.value.params["port"] == str(port)
    assert engine.list() == ()


def test_a_port_that_another_container_has_is_said(engine: DockerEngine, run: Run) -> None:
    first = run(ports={8000: 0})
    with pytest.raises(ResourceError) as caught:
        run(ports={8000: first.ports[8000]})
    assert caught.value.code == "container_port_taken"
    assert [record.id for record in engine.list()] == [first.id]


def test_a_taken_name_is_said(run: Run) -> None:
    run(name="same")
    with pytest.raises(StateError) as caught:
        run(name="same")
    assert caught.value.code == "container_name_taken"


def test_a_missing_folder_is_an_error_and_is_not_made(run: Run, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(InputError) as caught:
        run(mounts=(Mount(source=str(absent), target="/models"),))
    assert caught.value.code == "mount_source_missing"
    assert caught.value.params["path"] == str(absent)
    assert not absent.exists()


def test_a_mount_is_read_only(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("w")
    record = run(mounts=(Mount(source=str(tmp_path), target="/models"),))
    assert engine.run_inside(record.id, ("cat", "/models/weights")).output == "w"
    refused = engine.run_inside(record.id, ("sh", "-c", "echo x > /models/new"))
    assert refused.exit_code != 0
    assert "Read-only" in refused.output


def test_limits_reach_the_container(run: Run, raw: docker.APIClient) -> None:
    record = run(
        shm_bytes=16 * 2**20,
        mem_bytes=64 * 2**20,
        ulimits=(Ulimit(name="nofile", soft=1000, hard=2000),),
        ipc="private",
    )
    host = raw.inspect_container(record.id)["HostConfig"]
    assert (host["ShmSize"], host["Memory"], host["MemorySwap"]) == (16 * 2**20, 64 * 2**20, 64 * 2**20)
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1000, "Hard": 2000}]
    assert host["IpcMode"] == "private"
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["Privileged"] is False


def test_the_strict_hardening_holds_inside(engine: DockerEngine, run: Run) -> None:
    record = run(hardening=Hardening.strict(), user="65534:65534")
    refused = engine.run_inside(record.id, ("sh", "-c", "echo x > /srv/new"))
    assert refused.exit_code != 0
    assert (
        engine.run_inside(record.id, ("sh", "-c", "echo x > /tmp/new && cat /tmp/new")).output.strip() == "x"
    )
    status = engine.run_inside(record.id, ("cat", "/proc/self/status")).output
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t65534" in status


def test_running_out_of_memory_is_said_as_such(engine: DockerEngine, run: Run) -> None:
    # a shell that doubles a string until the kernel ends it
    record = run("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", mem_bytes=8 * 2**20)
    ended = _until(lambda: (r := engine.inspect(record.id)).state == "exited" and r)
    assert ended.oom_killed
    assert ended.exit_code == 137
    assert end_code(ended) == "oom"
    assert end_failure(ended).code == "container_out_of_memory"


def test_a_program_that_ignores_sigterm_counts_as_stopped_by_us(engine: DockerEngine, run: Run) -> None:
    record = run("trap '' TERM; while true; do sleep 0.2; done")
    stopped = engine.stop(record.id, seconds=1)
    assert (stopped.state, stopped.exit_code) == ("exited", 137)
    assert stopped.stopped_by_us
    assert end_code(stopped) == "stopped"


def test_what_we_stopped_is_still_known_after_a_restart_of_the_program(
    engine: DockerEngine, run: Run, workspace: Workspace, environ: dict[str, str]
) -> None:
    record = run("trap '' TERM; while true; do sleep 0.2; done")
    engine.stop(record.id, seconds=0)
    again = connect(workspace, environ, mask=lambda text: text)
    try:
        assert again.inspect(record.id).stopped_by_us
        assert not again.start(record.id).stopped_by_us
    finally:
        again.close()


def test_a_program_that_was_killed_from_outside_does_not_count_as_stopped_by_us(
    engine: DockerEngine, run: Run, raw: docker.APIClient
) -> None:
    record = run("while true; do sleep 0.2; done")
    raw.kill(record.id)
    ended = _until(lambda: (r := engine.inspect(record.id)).state == "exited" and r)
    assert not ended.stopped_by_us
    assert end_code(ended) == "killed"


def test_foreign_containers_are_seen_and_never_touched(engine: DockerEngine, raw: docker.APIClient) -> None:
    foreign = raw.create_container(BUSYBOX, ["sleep", "300"])["Id"]
    raw.start(foreign)
    try:
        assert engine.list() == ()
        assert [record.owned for record in engine.list(everything=True)] == [False]
        for action in (engine.stop, engine.remove, engine.start, engine.logs, engine.follow, engine.stats):
            with pytest.raises(StateError) as caught:
                action(foreign)
            assert caught.value.code == "container_foreign"
        assert raw.inspect_container(foreign)["State"]["Running"]
    finally:
        raw.remove_container(foreign, force=True)


def test_the_containers_of_another_workspace_are_foreign(
    run: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    record = run()
    other = Workspace(tmp_path / "other")
    prepare_workspace(other)
    stranger = connect(other, environ, mask=lambda text: text)
    try:
        assert stranger.list() == ()
        with pytest.raises(StateError):
            stranger.remove(record.id, force=True)
    finally:
        stranger.close()


def test_a_container_is_found_again_by_its_label(
    run: Run, workspace: Workspace, environ: dict[str, str]
) -> None:
    record = run(labels={"role": "after"})
    again = connect(workspace, environ, mask=lambda text: text)
    try:
        assert [(item.id, item.labels["role"]) for item in again.list()] == [(record.id, "after")]
    finally:
        again.close()


def test_health_goes_from_starting_to_healthy_to_unhealthy(engine: DockerEngine, run: Run) -> None:
    check = HealthCheck(test=("CMD-SHELL", "cat /tmp/well"), interval_s=0.5, retries=2, timeout_s=5)
    record = run("sleep 300", healthcheck=check)
    assert record.health == "starting"
    engine.run_inside(record.id, ("sh", "-c", "echo fine > /tmp/well"))
    healthy = _until(lambda: (r := engine.inspect(record.id)).health == "healthy" and r)
    assert healthy.health_output == "fine"
    engine.run_inside(record.id, ("busybox", "rm", "/tmp/well"))
    unhealthy = _until(lambda: (r := engine.inspect(record.id)).health == "unhealthy" and r)
    assert "No such file" in unhealthy.health_output


def test_a_running_container_is_removed_only_by_force(engine: DockerEngine, run: Run) -> None:
    record = run()
    with pytest.raises(StateError) as caught:
        engine.remove(record.id)
    assert caught.value.code == "container_running"
    engine.remove(record.id, force=True)
    engine.remove(record.id)  # gone already: no error
    with pytest.raises(NotFoundError):
        engine.inspect(record.id)


def test_an_absent_image_is_said(engine: DockerEngine) -> None:
    with pytest.raises(NotFoundError) as caught:
        engine.create(ContainerSpec(image="ollama/ollama:0.0.1"))
    assert caught.value.code == "image_absent"
    assert engine.find_image("ollama/ollama:0.0.1") is None


def test_an_image_that_is_not_in_the_list_needs_consent(engine: DockerEngine) -> None:
    with pytest.raises(InputError) as caught:
        engine.create(ContainerSpec(image=BUSYBOX))
    assert caught.value.code == "image_not_allowed"


def test_a_program_that_is_not_in_the_image_is_said_and_leaves_nothing(engine: DockerEngine) -> None:
    with pytest.raises(InputError) as caught:
        run_container(
            engine, ContainerSpec(image=BUSYBOX, command=("no-such-program",), init=False), confirmed=True
        )
    assert caught.value.code == "container_command_missing"
    assert engine.list() == ()


def test_stats_tell_what_is_used(engine: DockerEngine, run: Run) -> None:
    record = run("while true; do :; done", mem_bytes=64 * 2**20)
    stats = engine.stats(record.id)
    assert stats.cpu_percent > 1
    assert 0 < stats.memory_bytes < 64 * 2**20
    assert stats.memory_limit == 64 * 2**20
    assert stats.processes >= 1


def test_the_init_process_delivers_a_stop_at_once(engine: DockerEngine, run: Run) -> None:
    record = run("sleep 300", init=True)
    before = time.monotonic()
    stopped = engine.stop(record.id, seconds=20)
    assert time.monotonic() - before < 10
    assert stopped.stopped_by_us


def test_a_secret_goes_into_the_container_and_is_shown_nowhere(engine: DockerEngine, run: Run) -> None:
    record = run(
        "echo key=$NGC_API_KEY; sleep 300", secret_env=("NGC_API_KEY",), secrets={"NGC_API_KEY": KEY}
    )
    lines = _until(lambda: engine.logs(record.id) or None)
    assert lines[0].text == "key=***"
    assert KEY not in engine.run_inside(record.id, ("env",)).output
    assert KEY not in engine.inspect(record.id).model_dump_json()
