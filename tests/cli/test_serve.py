"""`workbench serve ...` as a script calls it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.serving.fake_server import FakeModelServer
from tests.serving.makers import make_adapter, make_gguf, make_model
from workbench.cli.main import main

CANARY = "nvapi-canary-0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # no engine is found there, whatever this machine has
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


def call(arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = main(["serve", *arguments, "--json"], home)
    return code, json.loads(capsys.readouterr().out)


def test_the_plan_of_a_container_shows_the_command_and_what_stands_in_the_way(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, adapter = make_model(tmp_path / "m"), make_adapter(tmp_path / "a")
    code, told = call(
        [
            "plan",
            "--engine",
            "nim1",
            "--model",
            str(model),
            "--adapter",
            f"ft={adapter}",
            "--context",
            "2048",
        ],
        home,
        capsys,
    )
    assert code == 0
    assert (told["server"], told["state"], told["endpoint"]) == (None, "planned", None)
    assert told["command"][:2] == ["docker", "run"]
    assert "NIM_MAX_MODEL_LEN=2048" in told["command"]
    assert told["models"] == ["base", "ft"]
    levels = {check["code"]: check for check in told["preflight"]}
    assert levels["engine_stopped"]["level"] == "stop"
    assert levels["licence_open"]["hint"]
    assert levels["key_unnamed"]["sentence"]


def test_the_plan_of_the_built_in_server_needs_no_engine(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model(tmp_path / "m")
    code, told = call(["plan", "--model", str(model), "--port", "8123"], home, capsys)
    assert code == 0
    assert told["command"] == [
        *("workbench", "serve", "start", "--engine", "embedded", "--model", str(model)),
        *("--port", "8123"),
    ]
    assert told["preflight"] == []


def test_the_printed_command_makes_the_same_plan_again(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gguf = make_gguf(tmp_path / "m.gguf")
    arguments = ["--engine", "llamacpp", "--model", str(gguf), "--concurrency", "3", "--memory-share", "0.25"]
    _, first = call(["plan", *arguments, "--role", "before", "--gpus", "0", "--accept-licence"], home, capsys)
    again = ["plan", *first["workbench_command"][3:]]
    _, second = call(again, home, capsys)
    assert second["workbench_command"] == first["workbench_command"]
    assert second["command"] == first["command"]


def test_a_start_that_cannot_work_says_so_at_once_and_submits_nothing(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model(tmp_path / "m")
    code, told = call(["start", "--engine", "vllm", "--model", str(model)], home, capsys)
    assert (code, told["error"]["code"]) == (3, "serve_not_startable")
    assert "Docker" in told["error"]["message"]
    assert list((tmp_path / "home" / "jobs").iterdir()) == []


def test_no_key_is_printed_by_a_plan(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["plan", "--engine", "nim_spark", "--model", "nemotron", "--key-env", "MY_NGC"]
    assert main(["serve", *arguments], {**home, "MY_NGC": CANARY}) == 0
    text = capsys.readouterr().out
    assert "NGC_API_KEY" in text
    assert CANARY not in text


def test_an_adapter_needs_a_name(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = call(["plan", "--model", str(make_model(tmp_path / "m")), "--adapter", "x"], home, capsys)
    assert (code, told["error"]["code"]) == (3, "adapter_flag_malformed")


def test_bad_values_are_all_reported(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(make_model(tmp_path / "m"))
    arguments = ["--engine", "vllm", "--gpus", "some", "--memory-share", "2", "--run-as", "me"]
    code, told = call(["plan", "--model", model, *arguments], home, capsys)
    assert (code, told["error"]["code"]) == (3, "config_invalid")


def test_with_nothing_running_a_stop_says_so_and_the_list_is_empty(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = call(["stop"], home, capsys)
    assert (code, told["error"]["code"]) == (3, "server_not_running")
    code, told = call(["list"], home, capsys)
    assert (code, told) == (0, {"servers": []})


def test_any_address_can_be_tried(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with FakeModelServer("nim", ("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        code, told = call(["probe", url, "--model", "base", "--engine", "nim"], home, capsys)
    assert code == 0
    assert told["models"] == ["base", "ft"]
    assert told["answer"]
    assert told["leaves_house"] is False


def test_an_unknown_endpoint_is_said(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(["probe", "nobody"], home, capsys)
    assert (code, told["error"]["code"]) == (3, "endpoint_missing")


def test_levels_that_are_no_numbers_are_refused(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = call(["load", "http://127.0.0.1:9/v1", "--model", "m", "--levels", "1,x"], home, capsys)
    assert (code, told["error"]["code"]) == (3, "load_levels_malformed")


@pytest.mark.slow
def test_a_load_trial_runs_as_a_job_and_names_the_knee(
    home: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, repo_root: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    with FakeModelServer("nim", ("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        code, told = call(["load", url, "--model", "base", "--levels", "1,2", "--tokens", "4"], home, capsys)
    assert code == 0
    assert [level["in_flight"] for level in told["levels"]] == [1, 2]
    assert told["knee"] in (1, 2)


def test_the_help_names_every_action(repo_root: Path) -> None:
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "workbench", "serve", "--help"],
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plan|start|stop|list|probe|load|guard" in done.stdout
