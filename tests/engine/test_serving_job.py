"""The serve job against a real engine: a real worker process, a real container, a fake NIM inside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import docker
import pytest

from tests.engine.conftest import KEY
from tests.engine.fake_nim import FAKE_NIM, import_fake_nim
from tests.engine.waiting import until_ready, wait_for
from tests.serving.makers import make_adapter, make_model
from workbench.inference.probe import examine
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.serving import ServeConfig
from workbench.serving.guarding import guard_endpoints, served_models
from workbench.serving.planning import plan_server, submit_server
from workbench.serving.servers import find_servers, reattach_server, stop_server


@pytest.fixture(scope="session")
def fake_nim(raw: docker.APIClient) -> str:
    import_fake_nim(raw)
    return FAKE_NIM


def config(folder: Path, image: str, **values: object) -> ServeConfig:
    given = {
        "engine": "nim1",
        "model": str(make_model(folder / "model")),
        "image": image,
        "allow_other_image": True,
        "accept_licence": True,
        "gpus": "none",
        "memory_share": 0.01,
        "shm_gib": 0.1,
        "idle_seconds": 0,
        "ready_seconds": 60,
    }
    return ServeConfig.model_validate({**given, **values})


def running_containers(raw: docker.APIClient) -> list[str]:
    return [one["Id"] for one in raw.containers(all=True, filters={"label": "io.workbench.managed=true"})]


def test_a_server_goes_from_start_to_chat_to_removed(
    jobs: JobStore, workspace: Workspace, raw: docker.APIClient, fake_nim: str, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "ft")
    wanted = config(
        tmp_path, fake_nim, role="after", adapters=[{"name": "ft", "path": str(adapter)}], model_name="base"
    )
    plan = plan_server(wanted, workspace, jobs=jobs, environ=os.environ)
    assert plan.preflight.stops == ()
    record = until_ready(jobs, submit_server(wanted, jobs))
    assert record.status.endpoint.startswith("http://127.0.0.1:")
    assert record.status.note["guard"]["state"] == "held"
    (card,) = find_servers(workspace, jobs)
    assert (card.state, card.role, card.container_state) == ("ready", "after", "running")

    base, tuned = served_models(record.status.note)
    report = asyncio.run(examine(base.endpoint, environ={}))
    assert report.models == ("base", "ft")
    assert report.answer
    guarded = asyncio.run(guard_endpoints(base.endpoint, tuned.endpoint, environ={}, models=card.models))
    assert guarded.state == "held"
    wrong = asyncio.run(guard_endpoints(tuned.endpoint, tuned.endpoint, environ={}, models=card.models))
    assert wrong.state == "refused"

    facts = raw.inspect_container(card.container)
    assert facts["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostIp"] == "127.0.0.1"
    assert not facts["HostConfig"]["Privileged"]
    assert any("loading /opt/models/local_model" in line for line in jobs.log_lines(record.spec.id))

    jobs.control(record.spec.id, "stop")
    ended = jobs.wait(record.spec.id, timeout=60)
    assert ended.result == {"models": ["base", "ft"], "reason": "stopped"}
    assert running_containers(raw) == []


def test_a_killed_worker_s_container_is_found_taken_up_again_and_removed(
    jobs: JobStore, workspace: Workspace, raw: docker.APIClient, fake_nim: str, tmp_path: Path
) -> None:
    record = until_ready(jobs, submit_server(config(tmp_path, fake_nim), jobs))
    (container,) = running_containers(raw)
    os.kill(record.status.pid, signal.SIGKILL)
    wait_for(lambda: jobs.get(record.spec.id).status.state == "failed", "the kill was not noticed")
    (card,) = find_servers(workspace, jobs)
    assert (card.state, card.can_reattach, card.container) == ("orphaned", True, container)

    reattach_server(card.id, workspace, jobs)
    again = until_ready(jobs, record)
    assert running_containers(raw) == [container]
    os.kill(again.status.pid, signal.SIGKILL)
    wait_for(lambda: jobs.get(record.spec.id).status.state == "failed", "the second kill was not noticed")
    stop_server(record.spec.id, workspace, jobs)
    assert running_containers(raw) == []


def test_a_worker_killed_while_it_starts_leaves_nothing_that_one_call_does_not_remove(
    jobs: JobStore, workspace: Workspace, raw: docker.APIClient, tmp_path: Path
) -> None:
    import_fake_nim(raw, "ftw-test/slow-nim:1", ready_after=600)
    record = submit_server(config(tmp_path, "ftw-test/slow-nim:1"), jobs)
    wait_for(lambda: running_containers(raw), "no container was made")
    os.kill(jobs.get(record.spec.id).status.pid, signal.SIGKILL)
    wait_for(lambda: jobs.get(record.spec.id).status.state == "failed", "the kill was not noticed")
    stop_server(record.spec.id, workspace, jobs)
    assert running_containers(raw) == []


def test_a_key_that_fetched_the_image_is_in_no_file_and_in_no_container(
    jobs: JobStore,
    workspace: Workspace,
    raw: docker.APIClient,
    locked_registry: str,
    fake_nim: str,
    tmp_path: Path,
) -> None:
    repository = f"{locked_registry}/nim/fake"
    raw.tag(fake_nim, repository, "1")
    auth = {"username": "$oauthtoken", "password": KEY}
    said = list(raw.push(repository, tag="1", stream=True, decode=True, auth_config=auth))
    assert not [message for message in said if "error" in message], said
    raw.remove_image(f"{repository}:1", force=True)

    wanted = config(tmp_path, f"{repository}:1", api_key_env="NGC_API_KEY")
    record = until_ready(jobs, submit_server(wanted, jobs))
    assert record.status.note["image_digest"].startswith(f"{repository}@sha256:")
    (container,) = running_containers(raw)
    shown = json.dumps(raw.inspect_container(container))
    cards = [card.model_dump_json() for card in find_servers(workspace, jobs)]
    plan = plan_server(wanted, workspace, jobs=jobs, environ=os.environ).model_dump_json()
    assert [text for text in (shown, plan, *cards) if KEY in text] == []
    jobs.control(record.spec.id, "stop")
    jobs.wait(record.spec.id, timeout=60)
    found = [
        path for path in workspace.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert found == []
