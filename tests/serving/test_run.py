from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.serving.makers import make_adapter, make_model
from workbench.artifacts import hash_folder
from workbench.errors import ConfigError, NotFoundError
from workbench.jobs import CancelRequested
from workbench.schemas.serving import ServeConfig
from workbench.serving import run as module
from workbench.serving.run import run


@dataclass
class FakeInfo:
    name: str
    notes: tuple[str, ...] = ()
    difference: float | None = None


@dataclass
class FakeEngine:
    answered: int = 0
    idle: float = 0.0

    def idle_seconds(self) -> float:
        return self.idle


@dataclass
class FakeServer:
    endpoint: str = "http://127.0.0.1:9/v1"
    models: tuple[FakeInfo, ...] = (
        FakeInfo("base"),
        FakeInfo("ft", difference=1.5),
        FakeInfo("hollow", ("adapter_has_no_effect",), 0.0),
    )
    facts: dict[str, Any] = field(default_factory=lambda: {"ignored_settings": ["num_beams"]})
    engine: FakeEngine = field(default_factory=FakeEngine)


class FakeJob:
    """Notes what it is told; ends as its script says."""

    def __init__(self, *checks: bool | Exception) -> None:
        self.checks = list(checks)
        self.ready: dict[str, Any] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.shown: list[tuple[Any, ...]] = []

    def check(self) -> bool:
        said = self.checks.pop(0) if self.checks else False
        if isinstance(said, Exception):
            raise said
        return said

    def progress(self, *values: Any) -> None:
        self.shown.append(values)

    def event(self, code: str, **params: Any) -> None:
        self.events.append((code, params))

    def server_ready(self, endpoint: str, **note: Any) -> None:
        self.ready = {"endpoint": endpoint, **note}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Replaces the embedded server by one that only asks whether it should stop."""
    fake = FakeServer()

    def serve(
        config: ServeConfig, port: int, on_ready: Callable[[Any], None], should_stop: Callable[[], bool]
    ) -> None:
        assert port == 0
        on_ready(fake)
        while not should_stop():
            fake.engine.answered += 1
            fake.engine.idle += 30

    monkeypatch.setitem(module.ENGINES, "embedded", serve)
    return fake


def serve_with(job: FakeJob, **values: Any) -> dict[str, Any]:
    return run({"model": "/m", "idle_seconds": 0, **values}, job)  # type: ignore[arg-type]


def test_a_ready_server_shows_its_address_and_what_was_found(server: FakeServer) -> None:
    job = FakeJob(False, True)
    serve_with(job)
    assert job.ready["endpoint"] == "http://127.0.0.1:9/v1"
    assert job.ready["models"] == ["base", "ft", "hollow"]
    assert job.ready["notes"] == {"hollow": ["adapter_has_no_effect"]}
    assert job.ready["differences"] == {"ft": 1.5, "hollow": 0.0}
    assert ("adapter_has_no_effect", {"name": "hollow"}) in job.events
    assert ("generation_setting_ignored", {"setting": "num_beams"}) in job.events


def test_answers_will_carry_which_weights_gave_them(server: FakeServer, tmp_path: Path) -> None:
    model, adapter = make_model(tmp_path / "model"), make_adapter(tmp_path / "adapter")
    job = FakeJob(False, True)
    serve_with(job, model=str(model), adapters=[{"name": "ft", "path": str(adapter)}])
    told = job.ready["provenance"]
    assert (told["base_sha256"], told["adapters"]) == (hash_folder(model), {"ft": hash_folder(adapter)})
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    again = FakeJob(False, True)
    serve_with(again, model=str(model), adapters=[{"name": "ft", "path": str(adapter)}])
    assert again.ready["provenance"]["adapters"] != told["adapters"]


def test_a_stopped_server_reports_what_it_did(server: FakeServer) -> None:
    result = serve_with(FakeJob(False, False, True))
    assert result == {"models": ["base", "ft", "hollow"], "requests": 2, "reason": "stopped"}


def test_an_idle_server_stops_itself_and_says_so(server: FakeServer) -> None:
    job = FakeJob()
    assert serve_with(job, idle_seconds=90)["reason"] == "idle"
    assert ("server_idle", {"minutes": 1.5}) in job.events
    assert job.shown[-1] == ("serving", 3, 0, "requests")


def test_a_cancelled_server_passes_the_request_on(server: FakeServer) -> None:
    with pytest.raises(CancelRequested):
        serve_with(FakeJob(False, CancelRequested()))


def test_bad_settings_are_all_reported(server: FakeServer) -> None:
    with pytest.raises(ConfigError) as caught:
        serve_with(FakeJob(), max_batch_size=0, max_context=3)
    assert {problem.field for problem in caught.value.problems} == {
        "ServeConfig.max_batch_size",
        "ServeConfig.max_context",
    }


def test_a_missing_model_is_reported_by_the_real_engine() -> None:
    with pytest.raises(NotFoundError, match="model_folder_missing"):
        serve_with(FakeJob(), model="/no/such/folder")
