"""Pulls as jobs with real workers, processes that are killed, and the search for a canary key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.engine.conftest import KEY
from tests.engine.images import BUSYBOX
from tests.engine.proxies import slow_proxy
from workbench.cli.main import main
from workbench.containers.docker_engine import DockerEngine
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.containers import PullConfig
from workbench.schemas.job import ENDED, JobRecord

pytestmark = pytest.mark.engine

Publish = Callable[..., str]


@pytest.fixture
def jobs(environ: dict[str, str], workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    for name in ("DOCKER_HOST", "HOME", "NGC_API_KEY"):
        monkeypatch.setenv(name, environ[name])
    return JobStore(workspace)


def _until(jobs: JobStore, job: str, holds: Callable[[JobRecord], bool], seconds: float = 60.0) -> JobRecord:
    until = time.monotonic() + seconds
    while not holds(record := jobs.get(job)):
        assert time.monotonic() < until, record
        time.sleep(0.1)
        jobs.dispatch()
    return record


def _where_the_key_is(root: Path) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_pull_is_a_job_and_the_key_is_written_nowhere(
    jobs: JobStore, workspace: Workspace, environ: dict[str, str], locked_registry: str, publish: Publish
) -> None:
    reference = publish(locked_registry, "job:1", login=True)
    config = PullConfig(reference=reference, key_env="NGC_API_KEY", confirmed=True)
    job = jobs.submit("pull", reference, config, secret_names=("NGC_API_KEY",)).spec.id
    record = _until(jobs, job, lambda found: found.status.state in ENDED)
    assert record.status.state == "succeeded", record.error
    assert record.result is not None
    assert record.result["digest"].startswith(reference.rpartition(":")[0] + "@sha256:")
    assert _where_the_key_is(workspace.root) == []
    assert _where_the_key_is(Path(environ["HOME"])) == []


def test_a_refused_key_is_not_in_the_error_either(
    jobs: JobStore, workspace: Workspace, registry: str, locked_registry: str, publish: Publish
) -> None:
    reference = publish(locked_registry, "refusedjob:1", login=True)
    config = PullConfig(reference=reference, username="somebody", key_env="NGC_API_KEY", confirmed=True)
    job = jobs.submit("pull", reference, config, secret_names=("NGC_API_KEY",)).spec.id
    record = _until(jobs, job, lambda found: found.status.state in ENDED)
    assert record.error is not None
    assert record.error.code == "pull_unauthorised"
    assert _where_the_key_is(workspace.root) == []


def test_a_worker_killed_in_a_pull_leaves_nothing_and_the_job_goes_on(
    jobs: JobStore, engine: DockerEngine, registry: str, publish: Publish
) -> None:
    published = publish(registry, "killed:1", mib=12)
    with slow_proxy(registry, 3_000_000) as proxy:
        reference = published.replace(registry, proxy.address)
        config = PullConfig(reference=reference, confirmed=True)
        job = jobs.submit("pull", reference, config).spec.id
        running = _until(jobs, job, lambda found: found.status.progress.done > 500_000)
        assert running.status.progress.phase == "pull_downloading"
        os.kill(running.status.pid, signal.SIGKILL)
        _until(jobs, job, lambda found: found.status.state == "failed")
        until = time.monotonic() + 15
        while proxy.open_connections and time.monotonic() < until:
            time.sleep(0.1)
        sent = proxy.sent
        time.sleep(1)
        assert proxy.sent == sent
        assert engine.find_image(reference) is None
        assert engine.list() == ()
        jobs.resume(job)
        record = _until(jobs, job, lambda found: found.status.state in ENDED)
    assert record.status.state == "succeeded", record.error
    assert engine.find_image(reference) is not None


def test_a_cancelled_job_ends_its_pull(
    jobs: JobStore, engine: DockerEngine, registry: str, publish: Publish
) -> None:
    published = publish(registry, "cancelledjob:1", mib=24)
    with slow_proxy(registry, 2_000_000) as proxy:
        reference = published.replace(registry, proxy.address)
        job = jobs.submit("pull", reference, PullConfig(reference=reference, confirmed=True)).spec.id
        _until(jobs, job, lambda found: found.status.progress.done > 200_000)
        jobs.control(job, "cancel")
        record = _until(jobs, job, lambda found: found.status.state in ENDED, seconds=15)
    assert record.status.state == "cancelled"
    assert engine.find_image(reference) is None


START_AND_DIE = """
import os, signal, sys
from workbench.containers import connect, run_container
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerSpec
engine = connect(Workspace(__import__("pathlib").Path(sys.argv[1])), os.environ, mask=str)
spec = {"image": sys.argv[2], "command": ("sleep", "300"), "init": False, "stop_seconds": 0}
engine.create(ContainerSpec(name="half", **spec), confirmed=True)
run_container(engine, ContainerSpec(name="whole", **spec), confirmed=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_found_and_removed(
    engine: DockerEngine,
    workspace: Workspace,
    environ: dict[str, str],
    repo_root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [sys.executable, "-c", START_AND_DIE, str(workspace.root), BUSYBOX]
    done = subprocess.run(command, env={**environ, "PYTHONPATH": str(repo_root)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert {(record.name, record.state) for record in engine.list()} == {
        ("ftw-half", "created"),
        ("ftw-whole", "running"),
    }
    home = {**environ, "WORKBENCH_HOME": str(workspace.root)}
    assert main(["containers", "prune", "--json"], home) == 0
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 1
    assert main(["containers", "remove", "ftw-whole", "--force", "--json"], home) == 0
    assert engine.list() == ()


def test_the_command_line_pulls_runs_nothing_and_shows_no_key(
    jobs: JobStore,
    raw: docker.APIClient,
    workspace: Workspace,
    environ: dict[str, str],
    locked_registry: str,
    publish: Publish,
    capfd: pytest.CaptureFixture[str],
) -> None:
    reference = publish(locked_registry, "cli:1", login=True)
    home = {**environ, "WORKBENCH_HOME": str(workspace.root)}
    arguments = ["containers", "pull", reference, "--key-env", "NGC_API_KEY", "--confirm", "--json"]
    assert main(arguments, home) == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out)["result"]["digest"]
    assert KEY not in shown.out + shown.err
    assert main(["doctor", "--json"], home) in (0, 1)
    checks = {item["name"]: item for item in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["docker"]["state"] == "ok"
    assert checks["docker_gpu"]["state"] == "warn"
    assert "docker_disk" in checks
