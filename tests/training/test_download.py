"""Models from a hub, fetched from a server on the loopback interface that speaks the hub's protocol."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from tests.training.fake_hub import SHA, FakeHub
from tests.training.support import event_codes, events_of, make_job
from workbench.errors import EndpointError, InputError, ResourceError, StateError, WorkbenchError
from workbench.jobs import PauseRequested
from workbench.paths import Workspace
from workbench.schemas.training import DownloadConfig
from workbench.training import download
from workbench.training.hub import HuggingFaceHub, is_wanted


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir() if path.is_file()}
    files["README.md"] = b"---\nlicense: apache-2.0\n---\n# tiny\n"
    extra = {"pytorch_model.bin": b"pickle" * 300, "onnx/model.onnx": b"x" * 2000, ".gitattributes": b"*"}
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with FakeHub({**files, **extra}) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.hub_url)
        yield fake


def fetch(
    workspace: Workspace, job_id: str = "job-1", environ: dict[str, str] | None = None, **changes: Any
) -> Any:
    job = make_job(workspace, "download", job_id, environ=environ)
    config = DownloadConfig(**{"repo_id": "acme/tiny", **changes})
    try:
        return download.run(config.model_dump(mode="json"), job), job
    finally:
        job.close()


def refused(workspace: Workspace, **changes: Any) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        fetch(workspace, **changes)
    return caught.value


def test_a_model_arrives_whole_with_its_licence_told(workspace: Workspace, hub: FakeHub) -> None:
    result, job = fetch(workspace)
    folder = workspace.models / "acme--tiny"
    assert result["path"] == str(folder)
    assert result["license"] == "apache-2.0"
    assert result["sha"] == SHA
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert events_of(job)[0]["params"] == {"repo": "acme/tiny", "license": "apache-2.0"}
    assert list(workspace.models.iterdir()) == [folder]


def test_only_what_the_model_needs_is_fetched(workspace: Workspace, hub: FakeHub) -> None:
    fetch(workspace)
    names = {path.name for path in (workspace.models / "acme--tiny").iterdir()}
    assert names == {name for name in hub.files if is_wanted(name)} | {".hub.json"}
    assert not names & {"pytorch_model.bin", "model.onnx", ".gitattributes"}


def test_progress_counts_bytes_to_the_end(workspace: Workspace, hub: FakeHub) -> None:
    result, job = fetch(workspace)
    status = json.loads((job.folder / "status.json").read_text())
    progress = status["progress"]
    assert (progress["phase"], progress["unit"]) == ("download_files", "bytes")
    assert progress["done"] == progress["total"] == result["bytes"]


def test_a_broken_connection_goes_on_where_it_stopped(
    workspace: Workspace, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    # what came of an unfinished chunk is lost with the connection
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.break_after = 5000
    fetch(workspace)
    assert "bytes=5000-" in [seen.range for seen in hub.seen]
    assert (workspace.models / "acme--tiny" / "model.safetensors").is_file()


def test_a_paused_download_is_resumed_without_asking_for_the_same_bytes_again(
    workspace: Workspace, hub: FakeHub
) -> None:
    job = make_job(workspace, "download", asked=(1, "pause"))
    half = len(hub.files["model.safetensors"]) // 2
    incoming = workspace.models / f".incoming-acme--tiny-{SHA[:8]}"
    incoming.mkdir()
    with pytest.raises(PauseRequested):
        download.run({"repo_id": "acme/tiny"}, job)
    job.close()
    (incoming / "model.safetensors.part").write_bytes(hub.files["model.safetensors"][:half])
    fetch(workspace)
    asked = [
        seen.range for seen in hub.seen if seen.server == "store" and seen.path.endswith("model.safetensors")
    ]
    assert asked == [f"bytes={half}-"]
    stored = (workspace.models / "acme--tiny" / "model.safetensors").read_bytes()
    assert stored == hub.files["model.safetensors"]


def test_a_second_download_of_the_same_commit_fetches_nothing(workspace: Workspace, hub: FakeHub) -> None:
    first, _ = fetch(workspace)
    before = len(hub.paths("store"))
    second, job = fetch(workspace, job_id="job-2")
    assert second["path"] == first["path"]
    assert len(hub.paths("store")) == before
    assert "download_present" in event_codes(job)


def test_another_commit_does_not_replace_a_model_that_is_there(workspace: Workspace, hub: FakeHub) -> None:
    older = workspace.models / "acme--tiny"
    older.mkdir()
    (older / ".hub.json").write_text('{"sha": "older"}')
    result, _ = fetch(workspace)
    assert result["path"] == str(workspace.models / f"acme--tiny--{SHA[:8]}")
    assert older.is_dir()


def test_the_token_goes_to_the_hub_and_not_to_its_file_store(workspace: Workspace, hub: FakeHub) -> None:
    hub.token = "hf_secret_value"
    fetch(workspace, environ={"HUB_TOKEN": "hf_secret_value"}, token_env="HUB_TOKEN")
    assert {seen.authorization for seen in hub.seen if seen.server == "hub"} == {"Bearer hf_secret_value"}
    assert {seen.authorization for seen in hub.seen if seen.server == "store"} == {""}


def test_a_token_that_is_not_set_lets_the_job_wait(workspace: Workspace, hub: FakeHub) -> None:
    error = refused(workspace, token_env="HUB_TOKEN")
    assert isinstance(error, StateError)
    assert error.code == "secret_missing"


def test_a_missing_repository_says_so(workspace: Workspace, hub: FakeHub) -> None:
    assert refused(workspace, repo_id="acme/other").code == "hub_repo_missing"


def test_a_missing_revision_says_so(workspace: Workspace, hub: FakeHub) -> None:
    error = refused(workspace, revision="v9")
    assert (error.code, error.params["revision"]) == ("hub_revision_missing", "v9")


def test_a_gated_repository_says_how_to_get_in(workspace: Workspace, hub: FakeHub) -> None:
    hub.token, hub.gated = "needed", True
    assert refused(workspace).code == "hub_gated"


@pytest.mark.parametrize(("status", "code"), [(500, "hub_failed"), (403, "hub_token_refused")])
def test_a_hub_that_answers_badly_is_named(
    workspace: Workspace, hub: FakeHub, status: int, code: str
) -> None:
    hub.status = status
    assert refused(workspace).code == code


def test_a_hub_that_cannot_be_reached_is_named(
    workspace: Workspace, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refused(workspace)
    assert isinstance(error, EndpointError)
    assert error.code == "hub_unreachable"


def test_offline_mode_is_named(workspace: Workspace, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refused(workspace).code == "hub_offline"


@pytest.mark.parametrize(
    ("drop", "code"),
    [("config.json", "hub_not_a_model"), ("model.safetensors", "hub_pickle_only")],
)
def test_a_repository_without_a_usable_model_is_refused_before_downloading(
    workspace: Workspace, hub: FakeHub, drop: str, code: str
) -> None:
    del hub.files[drop]
    error = refused(workspace)
    assert isinstance(error, InputError)
    assert error.code == code
    assert hub.paths("store") == []


def test_a_full_disk_is_noticed_before_downloading(
    workspace: Workspace, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(workspace.root)._replace(free=10_000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    error = refused(workspace)
    assert isinstance(error, ResourceError)
    assert error.code == "hub_disk_full"
    assert hub.paths("store") == []


def test_a_damaged_file_is_thrown_away(workspace: Workspace, hub: FakeHub) -> None:
    hub.damage = True
    error = refused(workspace)
    assert error.code == "hub_file_damaged"
    hub.damage = False
    assert fetch(workspace, job_id="job-2")[0]["sha"] == SHA


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model-00001-of-00002.safetensors", True),
        ("tokenizer.model", True),
        ("chat_template.jinja", True),
        ("README.md", True),
        ("../config.json", False),
        ("sub/config.json", False),
        (".hidden.json", False),
        ("pytorch_model.bin", False),
        ("pytorch_model.bin.index.json", False),
        ("consolidated.safetensors", False),
        ("model.gguf", False),
    ],
)
def test_files_are_chosen_by_name(name: str, wanted: bool) -> None:
    assert is_wanted(name) is wanted


def test_without_a_token_none_is_sent(hub: FakeHub) -> None:
    HuggingFaceHub(hub.hub_url).describe("acme/tiny", "main")
    assert {seen.authorization for seen in hub.seen} == {""}
