"""The fake keeps the rules of the real one; and what is built on engines works with it."""

from __future__ import annotations

import itertools
import threading

import pytest

from workbench.containers import RegistryLogin, run_container, verify_gpu, wait_ready
from workbench.containers.fakes import FakeEngine
from workbench.containers.protocol import ContainerEngine, ExecResult
from workbench.errors import NotFoundError, ResourceError, StateError, WorkbenchError
from workbench.schemas.containers import ContainerSpec, PullEvent, PullProgress, Readiness

IMAGE = "ollama/ollama:0.30"
KEY = "nvapi-canary-0123456789"
SPEC = ContainerSpec(image=IMAGE, name="before", ports={8000: 0})


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.add_image(IMAGE)
    return made


def test_it_is_an_engine(engine: FakeEngine) -> None:
    same: ContainerEngine = engine
    assert same.info().kind == "docker"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("port is already allocated", "container_port_taken"),
        ("could not select device driver", "gpu_toolkit_missing"),
    ],
)
def test_a_start_that_fails_leaves_nothing(engine: FakeEngine, said: str, code: str) -> None:
    engine.breaks["start"] = said
    with pytest.raises(WorkbenchError) as caught:
        run_container(engine, SPEC)
    assert caught.value.code == code
    assert engine.list() == ()


def test_the_first_error_is_told_even_where_the_cleaning_up_fails(engine: FakeEngine) -> None:
    engine.breaks |= {"start": "could not select device driver", "remove": "busy"}
    with pytest.raises(ResourceError) as caught:
        run_container(engine, SPEC)
    assert caught.value.code == "gpu_toolkit_missing"


def test_foreign_containers_are_seen_and_never_touched(engine: FakeEngine) -> None:
    foreign = engine.add_foreign("postgres")
    assert engine.list() == ()
    assert [record.name for record in engine.list(everything=True)] == ["postgres"]
    for action in (engine.stop, engine.remove, engine.start, engine.logs, engine.stats):
        with pytest.raises(StateError) as caught:
            action(foreign.id)
        assert caught.value.code == "container_foreign"


def test_ready_is_200_and_nothing_less(engine: FakeEngine) -> None:
    record = run_container(engine, SPEC)
    answers = iter([None, 503, 404, 200])
    asked: list[tuple[int, str]] = []

    def probe(port: int, path: str) -> int | None:
        asked.append((port, path))
        return next(answers)

    seen: list[int | None] = []
    ready = wait_ready(engine, record.id, Readiness(port=8000, path="/v1/health/ready"), probe=probe,
                       on_wait=lambda _, status: seen.append(status), sleep=lambda seconds: None)  # fmt: skip
    assert ready.id == record.id
    assert seen == [None, 503, 404]
    assert set(asked) == {(record.ports[8000], "/v1/health/ready")}


def test_waiting_ends_with_the_patience(engine: FakeEngine) -> None:
    record = run_container(engine, SPEC)
    ticks = itertools.count()
    with pytest.raises(ResourceError) as caught:
        wait_ready(engine, record.id, Readiness(port=8000, timeout_s=5), probe=lambda port, path: 503,
                   clock=lambda: float(next(ticks)), sleep=lambda seconds: None)  # fmt: skip
    assert caught.value.params == {"name": "ftw-before", "seconds": 5, "answer": "503"}


def test_waiting_can_be_stopped_and_leaves_the_container(engine: FakeEngine) -> None:
    record = run_container(engine, SPEC)
    with pytest.raises(StateError) as caught:
        wait_ready(engine, record.id, Readiness(port=8000), should_stop=lambda: True)
    assert caught.value.code == "start_cancelled"
    assert engine.inspect(record.id).state == "running"


def test_a_server_that_runs_out_of_memory_while_it_loads_is_said(engine: FakeEngine) -> None:
    record = run_container(engine, SPEC)

    def probe(port: int, path: str) -> int | None:
        engine.finish(record.id, 137, oom=True)
        return None

    with pytest.raises(ResourceError) as caught:
        wait_ready(engine, record.id, Readiness(port=8000), probe=probe, sleep=lambda seconds: None)
    assert caught.value.code == "container_out_of_memory"


def test_the_tool_of_the_gpu_tells_its_name(engine: FakeEngine) -> None:
    record = run_container(engine, SPEC)
    engine.answers["nvidia-smi", "-L"] = ExecResult(0, "GPU 0: NVIDIA GB10 (UUID: GPU-1)\n")
    assert verify_gpu(engine, record.id) == ("NVIDIA GB10",)
    engine.answers["nvidia-smi", "-L"] = ExecResult(0, "No devices found.\n")
    with pytest.raises(ResourceError) as caught:
        verify_gpu(engine, record.id)
    assert caught.value.code == "gpu_not_inside"
    engine.answers["ls", "/dev"] = ExecResult(0, "null\nnvidia0\nnvidia-uvm\n")
    assert verify_gpu(engine, record.id) == ("nvidia0",)


def test_a_pull_of_the_fake_fails_as_a_real_one_does(engine: FakeEngine) -> None:
    events = (
        PullEvent(layer="a", status="Downloading", current=1, total=2),
        PullEvent(error=f"no space left on device {KEY}"),
    )
    engine.offer("nvcr.io/nim/x:1", events, password=KEY)
    seen: list[PullProgress] = []
    with pytest.raises(ResourceError) as caught:
        engine.pull("nvcr.io/nim/x:1", login=RegistryLogin("$oauthtoken", KEY), on_progress=seen.append)
    assert caught.value.code == "pull_no_space"
    assert KEY not in str(caught.value)
    assert len(seen) == 1
    with pytest.raises(ResourceError):
        engine.pull("nvcr.io/nim/x:1")
    with pytest.raises(NotFoundError):
        engine.pull("nvcr.io/nim/y:1")
    with pytest.raises(StateError):
        engine.pull("nvcr.io/nim/x:1", login=RegistryLogin("$oauthtoken", KEY), should_stop=lambda: True)


def test_a_log_can_be_followed_and_its_secrets_are_masked(engine: FakeEngine) -> None:
    spec = SPEC.model_copy(update={"secret_env": ("NGC_API_KEY",)})
    record = run_container(engine, spec, {"NGC_API_KEY": KEY})
    following, texts = engine.follow(record.id), list[str]()
    reader = threading.Thread(target=lambda: texts.extend(line.text for line in following))
    reader.start()
    engine.say(record.id, f"key={KEY}\n")
    engine.finish(record.id)
    reader.join(5)
    assert texts == ["key=***"]


def test_events_come_in_order(engine: FakeEngine) -> None:
    events = engine.events()
    record = run_container(engine, SPEC)
    engine.stop(record.id)
    engine.remove(record.id)
    assert [event.action for event in itertools.islice(iter(events), 4)] == [
        "create",
        "start",
        "die",
        "destroy",
    ]
    events.close()
