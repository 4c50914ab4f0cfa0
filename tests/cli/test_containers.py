"""`workbench containers` and the checks of `doctor`, with engines that tests decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.cli.commands import containers as command
from workbench.cli.commands import doctor
from workbench.cli.main import main
from workbench.containers import Diagnosis, run_container
from workbench.containers.fakes import FakeEngine
from workbench.errors import ResourceError
from workbench.schemas.containers import ContainerSpec, EngineInfo

IMAGE = "ollama/ollama:0.30"
KEY = "nvapi-canary-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine()
    made.add_image(IMAGE)
    monkeypatch.setattr(command, "connect", lambda workspace, environ, mask: made)
    return made


def _run(
    arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str], code: int = 0
) -> Any:
    assert main([*arguments, "--json"], home) == code
    return json.loads(capsys.readouterr().out)


def _start(engine: FakeEngine, name: str) -> str:
    spec = ContainerSpec(image=IMAGE, name=name, ports={8000: 0}, secret_env=("NGC_API_KEY",))
    return run_container(engine, spec, {"NGC_API_KEY": KEY}).id


def test_the_list_shows_state_and_health_apart(
    engine: FakeEngine, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.become(_start(engine, "one"), "unhealthy", "gone")
    engine.add_foreign("postgres")
    found = _run(["containers", "list"], home, capsys)["containers"]
    assert [(item["name"], item["state"], item["health"], item["end"]) for item in found] == [
        ("ftw-one", "running", "unhealthy", "running")
    ]
    everything = _run(["containers", "list", "--all"], home, capsys)["containers"]
    assert [(item["name"], item["owned"]) for item in everything] == [("ftw-one", True), ("postgres", False)]
    assert main(["containers", "list", "--all"], home) == 0
    assert "not of this workspace" in capsys.readouterr().out


def test_an_empty_list_is_said(
    engine: FakeEngine, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["containers", "list"], home) == 0
    assert capsys.readouterr().out.strip() == "This workspace has no containers."


def test_logs_are_masked_and_bounded(
    engine: FakeEngine, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    container = _start(engine, "one")
    engine.say(container, f"one\ntwo {KEY}\n")
    assert [line["text"] for line in _run(["containers", "logs", "ftw-one"], home, capsys)["lines"]] == [
        "one",
        "two ***",
    ]
    assert len(_run(["containers", "logs", "ftw-one", "--tail", "1"], home, capsys)["lines"]) == 1
    engine.finish(container)
    assert main(["containers", "logs", "ftw-one", "--follow"], home) == 0
    assert capsys.readouterr().out == "one\ntwo ***\n"


def test_stop_remove_and_prune(
    engine: FakeEngine, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = _start(engine, "one"), _start(engine, "two")
    third = engine.create(ContainerSpec(image=IMAGE, name="three")).id
    assert _run(["containers", "remove", "ftw-one"], home, capsys, 3)["error"]["code"] == "container_running"
    assert _run(["containers", "stop", "ftw-one"], home, capsys)["end"] == "stopped"
    assert _run(["containers", "prune"], home, capsys)["removed"] == [first, third]
    assert _run(["containers", "remove", "ftw-two", "--force"], home, capsys)["removed"] == [second]
    assert _run(["containers", "show", "ftw-two"], home, capsys, 3)["error"]["code"] == "container_unknown"


def test_a_foreign_container_is_left_alone(
    engine: FakeEngine, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.add_foreign("postgres")
    for arguments in (["stop", "postgres"], ["remove", "postgres", "--force"]):
        assert _run(["containers", *arguments], home, capsys, 3)["error"]["code"] == "container_foreign"
    assert _run(["containers", "prune"], home, capsys)["removed"] == []


def test_an_image_outside_the_list_is_refused_before_a_job_is_made(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _run(["containers", "pull", "evil/image:1"], home, capsys, 3)["error"]["code"] == "image_not_allowed"
    )
    assert _run(["jobs", "list"], home, capsys) == {"jobs": []}


def test_without_an_engine_the_words_say_what_to_install(
    home: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environ = {**home, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    error = _run(["containers", "list"], environ, capsys, 3)["error"]
    assert error["code"] == "engine_not_running"
    assert "systemctl" in error["hint"]


@pytest.mark.parametrize(
    ("found", "states"),
    [
        (Diagnosis(None, ResourceError("engine_not_installed")), {"docker": "warn"}),
        (
            Diagnosis(EngineInfo(gpu="cdi", data_root="/nowhere/at/all", version="29.0")),
            {"docker": "ok", "docker_gpu": "ok"},
        ),
        (
            Diagnosis(EngineInfo(kind="podman", differences=("podman_gpu",))),
            {"docker": "ok", "docker_gpu": "warn"},
        ),
    ],
)
def test_doctor_tells_engine_gpu_and_disk(
    found: Diagnosis,
    states: dict[str, str],
    home: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "diagnose", lambda environ: found)
    main(["doctor", "--json"], home)
    checks = {item["name"]: item for item in json.loads(capsys.readouterr().out)["checks"]}
    assert {name: checks[name]["state"] for name in checks if name.startswith("docker")} == states


def test_doctor_measures_the_disk_of_the_engine(
    home: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = Diagnosis(EngineInfo(data_root=str(tmp_path), socket="unix:///x"))
    monkeypatch.setattr(doctor, "diagnose", lambda environ: found)
    for needed, state in ((1, "ok"), (2**60, "warn")):
        monkeypatch.setattr(doctor, "NEEDED_IMAGE_DISK", needed)
        main(["doctor", "--json"], home)
        checks = {item["name"]: item for item in json.loads(capsys.readouterr().out)["checks"]}
        assert checks["docker_disk"]["state"] == state
