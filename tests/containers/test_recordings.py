"""What a real engine said, played again: for machines where the real one cannot be started."""

from __future__ import annotations

import json

import pytest

from tests.containers.conftest import Replay
from tests.containers.fake_api import RECORDINGS
from tests.containers.scenarios import SCENARIOS


def _play(
    replay: Replay, name: str, scenario: str = ""
) -> tuple[dict[str, object], list[tuple[str, str, object]]]:
    engine, server, reference = replay(name)
    return SCENARIOS[scenario or name](engine, reference), server.exchanges.asked


def test_a_pull_from_the_classic_store_ends_with_every_layer_whole(replay: Replay) -> None:
    facts, _ = _play(replay, "pull")
    seen = facts["seen"]
    assert facts["store"] == "classic"
    done = [item.done_bytes for item in seen]  # type: ignore[attr-defined]
    assert done == sorted(done)
    assert len(set(done)) > 3
    last = seen[-1]  # type: ignore[index]
    assert (last.phase, last.layers, last.layers_done) == ("done", 3, 3)
    assert last.done_bytes == last.total_bytes > 6_000_000
    assert "@sha256:" in str(facts["digest"])


def test_a_pull_into_the_containerd_store_tells_seconds_while_it_unpacks(replay: Replay) -> None:
    facts, _ = _play(replay, "pull_containerd", "pull")
    seen = facts["seen"]
    assert facts["store"] == "containerd"
    done = [item.done_bytes for item in seen]  # type: ignore[attr-defined]
    assert done == sorted(done)
    last = seen[-1]  # type: ignore[index]
    assert last.phase == "done"
    assert last.done_bytes == last.total_bytes > 6_000_000
    assert "@sha256:" in str(facts["digest"])


def test_an_error_that_comes_with_http_200_fails_the_pull(replay: Replay) -> None:
    exchanges = json.loads((RECORDINGS / "pull_error.json").read_text(encoding="utf-8"))["exchanges"]
    statuses = [item["status"] for item in exchanges if item["path"] == "/images/create"]
    assert statuses == [200]
    assert _play(replay, "pull_error")[0]["error"] == "pull_corrupt"


def test_a_wrong_key_is_said(replay: Replay) -> None:
    assert _play(replay, "pull_unauthorised")[0]["error"] == "pull_unauthorised"


@pytest.mark.parametrize(
    ("name", "code"), [("port_conflict", "container_port_taken"), ("gpu_error", "gpu_toolkit_missing")]
)
def test_a_start_that_fails_removes_what_was_made(replay: Replay, name: str, code: str) -> None:
    facts, asked = _play(replay, name)
    assert facts["error"] == code
    assert facts["left"] == ()
    steps = [
        method for method, path, _ in asked if method in ("POST", "DELETE") and path.startswith("/containers")
    ]
    assert steps == ["POST", "POST", "DELETE"]


def test_the_port_that_was_taken_is_named(replay: Replay) -> None:
    facts, _ = _play(replay, "port_conflict")
    assert facts["params"]["port"] == json.loads((RECORDINGS / "port_conflict.json").read_text())["reference"]  # type: ignore[index]


def test_running_out_of_memory_is_said_as_such(replay: Replay) -> None:
    assert _play(replay, "out_of_memory")[0] == {"end": "oom", "exit_code": 137}


def test_health_goes_from_starting_to_unhealthy_with_its_last_words(replay: Replay) -> None:
    facts, _ = _play(replay, "unhealthy")
    assert facts == {"first": "starting", "last": "unhealthy", "said": "the model is gone"}


def test_a_log_is_split_into_lines_and_streams(replay: Replay) -> None:
    facts, _ = _play(replay, "talk")
    lines = facts["lines"]
    texts = {(line.stream, line.text, line.partial) for line in lines}  # type: ignore[attr-defined]
    assert texts == {
        ("stdout", "日本語", False),
        ("stderr", "oops", False),
        ("stdout", "", True),
        ("stdout", "10%", True),
        ("stdout", "100%", False),
        ("stdout", "end", False),
    }


def test_what_is_asked_of_the_engine_is_never_privileged_and_never_public(replay: Replay) -> None:
    _, asked = _play(replay, "port_conflict")
    body = next(body for method, path, body in asked if path == "/containers/create")
    host = body["HostConfig"]  # type: ignore[index,call-overload]
    assert host["Privileged"] is False
    assert [item["HostIp"] for item in host["PortBindings"]["8000/tcp"]] == ["127.0.0.1"]
    assert "Binds" not in host
    assert host["RestartPolicy"] == {"Name": "no"}
