"""The serve job of a container, with an engine in memory and a real HTTP server where the container's would be."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.fake_server import FakeModelServer
from tests.serving.makers import make_adapter, make_gguf, make_model
from workbench.containers.fakes import FakeEngine
from workbench.errors import ResourceError, StateError, WorkbenchError
from workbench.jobs import CancelRequested, FakeExecutor, JobContext, JobFolder, JobStore
from workbench.jobs.context import ControlWatch, StatusBoard
from workbench.jobs.folder import Control
from workbench.jobs.machine import Memory
from workbench.jobs.processes import process_started_at
from workbench.paths import Workspace
from workbench.schemas.containers import EngineInfo, PullEvent
from workbench.schemas.job import ControlVerb, JobRecord, JobStatus
from workbench.schemas.serving import ServeConfig
from workbench.serving.containered import serve_in_container
from workbench.serving.engines import LABEL, Place, build_spec
from workbench.serving.planning import plan_server, submit_server
from workbench.serving.recipes import load_recipe
from workbench.serving.servers import find_servers, reattach_server, stop_server

NIM = "nvcr.io/nim/nvidia/llm-nim:1.15.0"
CANARY = "nvapi-canary-0123456789abcdef"
GIB = 2**30


class Rig:
    """A workspace with an engine, a job, and time that passes when nobody waits."""

    def __init__(self, workspace: Workspace, tmp_path: Path) -> None:
        self.workspace = workspace
        self.engine = FakeEngine(engine=EngineInfo(version="28", arch="amd64", gpu="toolkit"))
        self.engine.add_image(NIM)
        self.engine.answers[("nvidia-smi", "-L")] = type(
            "Said", (), {"exit_code": 0, "output": "GPU 0: NVIDIA GB10 (UUID: x)\n"}
        )()
        self.executor = FakeExecutor()
        self.jobs = JobStore(
            workspace, executor=self.executor, memory=lambda: Memory(256 * GIB, 250 * GIB, 0)
        )
        self.contexts: list[JobContext] = []
        self.model = make_model(tmp_path / "model")
        self.tmp_path = tmp_path

    def connect(self, workspace: Workspace) -> FakeEngine:
        return self.engine

    def config(self, port: int, **values: Any) -> ServeConfig:
        given = {
            "engine": "nim1",
            "model": str(self.model),
            "accept_licence": True,
            "port": port,
            "idle_seconds": 0,
            "memory_share": 0.1,
        }
        return ServeConfig.model_validate({**given, **values})

    def submit(self, config: ServeConfig) -> JobRecord:
        record = submit_server(config, self.jobs)
        self.folder = JobFolder(Path(record.folder))
        return record

    def context(self, environ: dict[str, str] | None = None) -> JobContext:
        pid = os.getpid()
        status = JobStatus(
            state="running", updated_at=time.time(), pid=pid, pid_started_at=process_started_at(pid)
        )
        self.folder.write_status(status)
        context = JobContext(
            self.folder,
            board=StatusBoard(self.folder, status, time.time, time.monotonic),
            watch=ControlWatch(self.folder),
            workspace=self.workspace,
            environ=environ or {},
            clock=time.time,
            steady=time.monotonic,
        )
        self.contexts.append(context)
        return context

    def ask(self, verb: ControlVerb) -> None:
        self.folder.write_control(Control(verb=verb, at=time.time()))

    def status(self) -> JobStatus:
        status = self.folder.read_status()
        assert status is not None
        return status

    def events(self) -> list[str]:
        return [json.loads(line)["code"] for line in self.folder.events_file.read_text().splitlines()]


@pytest.fixture
def rig(workspace: Workspace, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(workspace, tmp_path)
    yield made
    for context in made.contexts:
        context.close()


@pytest.fixture
def nim() -> Iterator[FakeModelServer]:
    with FakeModelServer("nim", ("127.0.0.1", 0)) as server:
        yield server


class Serving(threading.Thread):
    """The job in a thread of its own; what it raised is raised again by `result`."""

    def __init__(self, rig: Rig, config: ServeConfig, job: JobContext, **values: Any) -> None:
        super().__init__(daemon=True)
        self._call: Callable[[], dict[str, Any]] = lambda: serve_in_container(
            config, job, connect=rig.connect, sleep=lambda seconds: time.sleep(0.02), **values
        )
        self._result: dict[str, Any] | None = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as exc:  # noqa: BLE001
            self._error = exc

    def ready(self, rig: Rig) -> JobStatus:
        """The status once the server is ready; what ended it before is raised."""
        wait_for(lambda: rig.status().ready or not self.is_alive())
        if not rig.status().ready:
            self.result()
        return rig.status()

    def result(self) -> dict[str, Any]:
        self.join(20)
        assert not self.is_alive()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def serve(rig: Rig, config: ServeConfig, **environ: str) -> Serving:
    rig.submit(config)
    return Serving(rig, config, rig.context(dict(environ)))


def test_a_server_comes_up_is_told_of_and_is_cleared_away(rig: Rig, nim: FakeModelServer) -> None:
    nim.ready_after = 0.3
    running = serve(rig, rig.config(nim.port, role="before"))
    status = running.ready(rig)
    assert status.endpoint == f"http://127.0.0.1:{nim.port}/v1"
    assert status.note["models"] == ["base"]
    assert status.note["provenance"]["image_digest"].endswith("d" * 64)
    assert status.note["provenance"]["quantisation"] == "bfloat16"
    assert len(status.note["provenance"]["base_sha256"]) == 64
    (record,) = rig.engine.list()
    assert record.labels[f"{LABEL}.role"] == "before"
    assert record.labels[f"{LABEL}.job"] == rig.folder.id
    rig.ask("stop")
    assert running.result() == {"models": ["base"], "reason": "stopped"}
    assert rig.engine.list() == ()
    assert {"gpu_inside", "server_ready"} <= set(rig.events())


def test_base_and_adapter_are_proved_before_anybody_is_told_that_they_are_ready(
    rig: Rig, nim: FakeModelServer
) -> None:
    adapter = make_adapter(rig.tmp_path / "ft")
    config = rig.config(nim.port, adapters=[{"name": "ft", "path": str(adapter)}])
    running = serve(rig, config)
    running.ready(rig)
    note = rig.status().note
    assert note["guard"]["state"] == "held"
    assert note["guard"]["method"] == "logprobs"
    assert note["differences"]["ft"] > 0
    assert set(note["endpoints"]) == {"base", "ft"}
    assert len(note["provenance"]["adapters"]["ft"]) == 64
    rig.ask("stop")
    running.result()


def test_an_adapter_that_changes_nothing_is_said_and_not_hidden(rig: Rig, nim: FakeModelServer) -> None:
    nim.effect = 0.0
    adapter = make_adapter(rig.tmp_path / "ft")
    running = serve(rig, rig.config(nim.port, adapters=[{"name": "ft", "path": str(adapter)}]))
    running.ready(rig)
    assert rig.status().note["guard"]["state"] == "no_effect"
    assert "adapter_has_no_effect" in rig.events()
    rig.ask("stop")
    running.result()


def test_an_adapter_that_the_server_does_not_list_ends_the_start(rig: Rig, nim: FakeModelServer) -> None:
    adapter = make_adapter(rig.tmp_path / "gone")
    running = serve(rig, rig.config(nim.port, adapters=[{"name": "gone", "path": str(adapter)}]))
    with pytest.raises(StateError, match="serve_names_missing"):
        running.result()
    assert rig.engine.list() == ()


def test_llama_cpp_s_sides_are_held_apart_by_scales_in_every_request(rig: Rig) -> None:
    rig.engine.add_image("ghcr.io/ggml-org/llama.cpp:server-cuda")
    with FakeModelServer("llamacpp", ("127.0.0.1", 0)) as server:
        base = make_gguf(rig.tmp_path / "m.gguf")
        adapter = make_gguf(rig.tmp_path / "ft.gguf", adapter=True)
        config = rig.config(
            server.port, engine="llamacpp", model=str(base), adapters=[{"name": "ft", "path": str(adapter)}]
        )
        running = serve(rig, config)
        running.ready(rig)
        assert rig.status().note["guard"]["state"] == "held"
        assert all(body["lora"] for body in server.bodies)
        rig.ask("stop")
        running.result()


def test_an_image_that_is_not_here_is_pulled_with_the_key_and_run_by_its_digest(
    rig: Rig, nim: FakeModelServer
) -> None:
    rig.engine.images.clear()
    events = [
        PullEvent(layer="a", status="Downloading", current=50, total=100),
        PullEvent(layer="a", status="Pull complete"),
    ]
    rig.engine.offer(NIM, events, password=CANARY)
    config = rig.config(nim.port, api_key_env="NGC_API_KEY")
    rig.jobs = JobStore(
        rig.workspace,
        executor=rig.executor,
        environ={"NGC_API_KEY": CANARY},
        memory=lambda: Memory(256 * GIB, 250 * GIB, 0),
    )
    os.environ["NGC_API_KEY"] = CANARY
    try:
        running = serve(rig, config, NGC_API_KEY=CANARY)
        running.ready(rig)
        assert rig.engine.pulled == [(NIM, "$oauthtoken")]
        (container,) = rig.engine.containers.values()
        assert container.spec.digest.startswith("nvcr.io/nim/nvidia/llm-nim@sha256:") or container.spec.digest
        assert CANARY not in json.dumps(container.payload)
        rig.ask("stop")
        running.result()
    finally:
        del os.environ["NGC_API_KEY"]


def test_a_wrong_key_is_said_and_leaves_nothing(
    rig: Rig, nim: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGC_API_KEY", "nvapi-wrong-key")
    rig.engine.images.clear()
    rig.engine.offer(NIM, password=CANARY)
    running = serve(rig, rig.config(nim.port, api_key_env="NGC_API_KEY"), NGC_API_KEY="nvapi-wrong-key")
    with pytest.raises(ResourceError, match="pull_unauthorised"):
        running.result()
    assert rig.engine.list() == ()


def test_a_start_that_is_cancelled_leaves_nothing(rig: Rig, nim: FakeModelServer) -> None:
    nim.ready_after = 60
    running = serve(rig, rig.config(nim.port))
    wait_for(lambda: rig.engine.list())
    rig.ask("cancel")
    with pytest.raises(CancelRequested):
        running.result()
    assert rig.engine.list() == ()


def test_a_start_that_is_stopped_ends_in_peace(rig: Rig, nim: FakeModelServer) -> None:
    nim.ready_after = 60
    running = serve(rig, rig.config(nim.port))
    wait_for(lambda: rig.engine.list())
    rig.ask("stop")
    assert running.result() == {"models": [], "reason": "stopped"}
    assert rig.engine.list() == ()


def test_a_container_that_ran_out_of_memory_says_so(rig: Rig, nim: FakeModelServer) -> None:
    running = serve(rig, rig.config(nim.port))
    running.ready(rig)
    (record,) = rig.engine.list()
    rig.engine.finish(record.id, 137, oom=True)
    with pytest.raises(ResourceError, match="container_out_of_memory"):
        running.result()
    assert rig.engine.list() == ()


def test_an_idle_server_stops_itself(rig: Rig, nim: FakeModelServer) -> None:
    config = rig.config(nim.port, idle_seconds=60)
    rig.submit(config)
    now = [0.0]

    def clock() -> float:
        now[0] += 10.0
        return now[0]

    running = Serving(rig, config, rig.context(), clock=clock)
    assert running.result()["reason"] == "idle"
    assert "server_idle" in rig.events()
    assert rig.engine.list() == ()


def test_a_server_that_tells_nothing_of_its_use_goes_on_and_says_why(rig: Rig) -> None:
    with FakeModelServer("nim", ("127.0.0.1", 0), names=("base",)) as server:
        server.kind = "silent"
        original = server.RequestHandlerClass.do_GET

        def get(handler: Any) -> None:
            if handler.path == "/v1/metrics":
                handler._json({"error": {"message": "off"}}, 404)
            else:
                original(handler)

        server.RequestHandlerClass = type("Silent", (server.RequestHandlerClass,), {"do_GET": get})  # type: ignore[assignment]
        config = rig.config(server.port, idle_seconds=1)
        running = serve(rig, config)
        running.ready(rig)
        wait_for(lambda: "server_idle_unknown" in rig.events())
        time.sleep(1.2)
        assert running.is_alive()
        rig.ask("stop")
        assert running.result()["reason"] == "stopped"


def test_what_stands_in_the_way_ends_the_start_before_anything_is_made(
    rig: Rig, nim: FakeModelServer
) -> None:
    running = serve(rig, rig.config(nim.port, accept_licence=False))
    with pytest.raises(StateError) as caught:
        running.result()
    assert (caught.value.code, caught.value.params["check"]) == ("serve_preflight_stopped", "licence_open")
    assert rig.engine.list() == ()


def test_a_gpu_that_did_not_arrive_ends_the_start(rig: Rig, nim: FakeModelServer) -> None:
    rig.engine.answers.clear()
    running = serve(rig, rig.config(nim.port))
    with pytest.raises(ResourceError, match="gpu_not_inside"):
        running.result()
    assert rig.engine.list() == ()


def test_one_model_server_starts_at_a_time(rig: Rig, nim: FakeModelServer) -> None:
    nim.ready_after = 60
    first = serve(rig, rig.config(nim.port))
    wait_for(lambda: rig.engine.list())
    slow_folder = rig.folder
    with FakeModelServer("nim", ("127.0.0.1", 0), names=("second",)) as other:
        second = serve(rig, rig.config(other.port, model_name="second"))
        wait_for(lambda: rig.status().progress.phase == "serve_waiting_turn")
        assert len(rig.engine.list()) == 1
        nim.ready_after = 0
        second.ready(rig)
        rig.ask("stop")
        assert second.result()["reason"] == "stopped"
    rig.folder = slow_folder
    rig.ask("stop")
    first.result()


def leave_behind(rig: Rig, port: int, **values: Any) -> JobRecord:
    """A worker that was killed: its job is dead, its container goes on."""
    config = rig.config(port, **values)
    record = rig.submit(config)
    place = Place(rig.workspace.engine_caches, 1000, 1000, gpu="toolkit", job=record.spec.id)
    made = rig.engine.create(build_spec(config, load_recipe("nim1"), place))
    rig.engine.start(made.id)
    pid = rig.executor.started[-1].pid
    running = JobStatus(state="running", updated_at=1.0, pid=pid, pid_started_at=float(pid))
    rig.folder.write_status(running)
    rig.executor.end(pid)
    return record


def test_a_container_that_a_killed_worker_left_is_found_and_removed_with_one_call(
    rig: Rig, nim: FakeModelServer
) -> None:
    record = leave_behind(rig, nim.port, role="judge")
    (card,) = find_servers(rig.workspace, rig.jobs, connect=rig.connect)
    assert (card.state, card.role, card.job, card.can_reattach) == ("orphaned", "judge", record.spec.id, True)
    stop_server(card.id, rig.workspace, rig.jobs, connect=rig.connect)
    assert rig.engine.list() == ()
    (card,) = find_servers(rig.workspace, rig.jobs, connect=rig.connect)
    assert card.state == "failed"


def test_a_container_that_a_killed_worker_left_is_taken_up_again(rig: Rig, nim: FakeModelServer) -> None:
    record = leave_behind(rig, nim.port)
    before = rig.engine.list()[0].id
    reattach_server(record.spec.id, rig.workspace, rig.jobs, connect=rig.connect)
    running = Serving(rig, rig.config(nim.port), rig.context())
    running.ready(rig)
    assert [one.id for one in rig.engine.list()] == [before]
    assert "server_reattached" in rig.events()
    rig.ask("stop")
    running.result()
    assert rig.engine.list() == ()


def test_a_container_without_a_job_is_a_card_of_its_own(rig: Rig, nim: FakeModelServer) -> None:
    record = leave_behind(rig, nim.port)
    rig.jobs.get(record.spec.id)
    rig.jobs.dispatch()
    rig.jobs.delete(record.spec.id)
    (card,) = find_servers(rig.workspace, rig.jobs, connect=rig.connect)
    assert (card.state, card.job, card.engine) == ("orphaned", "", "nim1")
    stop_server(card.id, rig.workspace, rig.jobs, connect=rig.connect)
    assert find_servers(rig.workspace, rig.jobs, connect=rig.connect) == ()


def test_without_an_engine_the_cards_come_from_the_jobs(rig: Rig, nim: FakeModelServer) -> None:
    record = rig.submit(rig.config(nim.port))

    def missing(workspace: Workspace) -> FakeEngine:
        raise ResourceError("engine_not_installed")

    (card,) = find_servers(rig.workspace, rig.jobs, connect=missing)
    assert card.job == record.spec.id
    assert card.container == ""


def test_foreign_containers_are_never_among_the_cards(rig: Rig) -> None:
    rig.engine.add_foreign("postgres")
    assert find_servers(rig.workspace, rig.jobs, connect=rig.connect) == ()
    with pytest.raises(WorkbenchError, match="server_unknown"):
        stop_server("postgres", rig.workspace, rig.jobs, connect=rig.connect)
    assert len(rig.engine.list(everything=True)) == 1


def test_no_key_stands_in_any_file_plan_card_or_command(
    rig: Rig, nim: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NGC", CANARY)
    rig.engine.images.clear()
    spark = "nvcr.io/nim/nvidia/nvidia-nemotron-nano-9b-v2-dgx-spark:1.0.0-variant"
    rig.engine = FakeEngine(engine=EngineInfo(version="28", arch="arm64", gpu="toolkit"))
    rig.engine.answers[("nvidia-smi", "-L")] = type("S", (), {"exit_code": 0, "output": "GPU 0: GB10\n"})()
    rig.engine.offer(spark, arch="arm64", password=CANARY)
    rig.jobs = JobStore(
        rig.workspace,
        executor=rig.executor,
        environ={"MY_NGC": CANARY},
        memory=lambda: Memory(256 * GIB, 250 * GIB, 0),
    )
    config = rig.config(nim.port, engine="nim_spark", model="nemotron", api_key_env="MY_NGC")
    plan = plan_server(config, rig.workspace, jobs=rig.jobs, environ={"MY_NGC": CANARY}, connect=rig.connect)
    assert "NGC_API_KEY" in plan.run_command
    running = serve(rig, config, MY_NGC=CANARY)
    running.ready(rig)
    (container,) = rig.engine.containers.values()
    # the one place where it must be: the container that fetches its weights itself
    assert container.secrets == (CANARY,)
    rig.engine.say(container.record.id, f"using key {CANARY}\n")
    cards = find_servers(rig.workspace, rig.jobs, connect=rig.connect)
    shown = [plan.model_dump_json(), *(card.model_dump_json() for card in cards), " ".join(plan.run_command)]
    shown += [line.text for line in rig.engine.logs(container.record.id)]
    shown.append(container.spec.model_dump_json())
    shown.append(container.record.model_dump_json())
    rig.ask("stop")
    running.result()
    assert [text for text in shown if CANARY in text] == []
    files = [path for path in rig.workspace.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
