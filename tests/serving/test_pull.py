"""The job that pulls an image, with an engine in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.support import event_codes, make_job
from workbench.containers.fakes import FakeEngine
from workbench.errors import ResourceError, StateError, WorkbenchError
from workbench.jobs import CancelRequested, PauseRequested
from workbench.paths import Workspace
from workbench.schemas.containers import PullConfig, PullEvent
from workbench.schemas.job import ControlVerb
from workbench.serving import pull

IMAGE = "nvcr.io/nim/x:1"
KEY = "nvapi-canary-0123456789"
EVENTS = (
    PullEvent(layer="a", status="Downloading", current=5, total=10),
    PullEvent(layer="a", status="Pull complete"),
    PullEvent(status="Status: Downloaded newer image"),
)


def _pull(
    workspace: Workspace,
    engine: FakeEngine,
    environ: dict[str, str] | None = None,
    asked: Any = None,
    **changes: Any,
) -> Any:
    job = make_job(workspace, "pull", "job-1", environ=environ, asked=asked)
    config = PullConfig.model_validate({"reference": IMAGE, **changes})
    try:
        return pull.run(config.model_dump(mode="json"), job, lambda _: engine), job
    finally:
        job.close()


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.offer(IMAGE, EVENTS, password=KEY)
    return made


def test_a_pull_leaves_the_digest_to_run_by(workspace: Workspace, engine: FakeEngine) -> None:
    result, job = _pull(workspace, engine, {"NGC_API_KEY": KEY}, key_env="NGC_API_KEY")
    assert result["digest"].startswith("nvcr.io/nim/x@sha256:")
    assert result["arch"] == "amd64"
    assert engine.pulled == [(IMAGE, "$oauthtoken")]
    assert event_codes(job) == ["image_pulled"]
    written = "".join(path.read_text() for path in job.folder.rglob("*") if path.is_file())
    assert IMAGE in written
    assert KEY not in written


def test_a_key_that_is_not_there_lets_the_job_wait(workspace: Workspace, engine: FakeEngine) -> None:
    with pytest.raises(StateError) as caught:
        _pull(workspace, engine, {}, key_env="NGC_API_KEY")
    assert caught.value.code == "secret_missing"
    assert engine.pulled == []


def test_no_key_is_said_by_the_registry(workspace: Workspace, engine: FakeEngine) -> None:
    with pytest.raises(ResourceError) as caught:
        _pull(workspace, engine)
    assert caught.value.code == "pull_unauthorised"


def test_an_image_outside_the_list_needs_consent(workspace: Workspace, engine: FakeEngine) -> None:
    with pytest.raises(WorkbenchError) as caught:
        _pull(workspace, engine, reference="evil/image:1")
    assert caught.value.code == "image_not_allowed"
    engine.offer("evil/image:1", EVENTS)
    assert _pull(workspace, engine, reference="evil/image:1", confirmed=True)[0]["bytes"] > 0


@pytest.mark.parametrize(
    ("verb", "ends"), [("pause", PauseRequested), ("cancel", CancelRequested), ("stop", CancelRequested)]
)
def test_every_request_to_end_ends_the_pull(
    workspace: Workspace, engine: FakeEngine, verb: ControlVerb, ends: type[Exception]
) -> None:
    with pytest.raises(ends):
        _pull(workspace, engine, {"NGC_API_KEY": KEY}, asked=(1, verb), key_env="NGC_API_KEY")
    assert engine.find_image(IMAGE) is None
