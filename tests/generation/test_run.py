"""The job that builds a data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.generation.faqs import write_faq
from workbench.artifacts import ArtifactStore
from workbench.errors import EndpointError
from workbench.generation import raft
from workbench.generation import run as job_module
from workbench.inference import MockClient
from workbench.jobs import FakeExecutor, JobStore, run_job
from workbench.paths import Workspace
from workbench.schemas.generation import RaftConfig
from workbench.schemas.inference import ChatRequest
from workbench.schemas.job import JobRecord

SIZES = {"train": 20, "test": 6, "unseen": 4, "unanswerable": 4}
ENDPOINT = {"name": "t", "base_url": "http://127.0.0.1:9/v1", "model": "big", "max_in_flight": 1}


def submit(workspace: Workspace, tmp_path: Path, **changes: Any) -> tuple[JobStore, str]:
    path = write_faq(tmp_path / "faq.csv", 120, ["市民課", "税務課"])
    values = {"source": {"path": str(path), "license": "CC0"}, "group": "市民課", **SIZES, **changes}
    jobs = JobStore(workspace, executor=FakeExecutor())
    return jobs, jobs.submit("generate_raft", "data", RaftConfig.model_validate(values)).spec.id


def work(jobs: JobStore, job_id: str) -> JobRecord:
    run_job(Path(jobs.get(job_id).folder), {"generate_raft": job_module.run})
    return jobs.get(job_id)


def answer(request: ChatRequest) -> str:
    number = int(request.messages[0].content.split("答えが書かれているのは参考文書")[1][0])
    quote = request.messages[1].content.split(f"参考文書{number}:\n")[1].split("。")[0]
    return json.dumps({"quote": quote, "doc_no": number, "reason": "", "short_answer": "そのとおりです。"})


def give(monkeypatch: pytest.MonkeyPatch, script: Sequence[Any] | Any) -> MockClient:
    client = MockClient(script)
    monkeypatch.setattr("workbench.generation.teachers.create_client", lambda *_args, **_named: client)
    return client


def test_the_result_names_the_files_and_the_artifact_knows_its_source(workspace: Workspace, tmp_path: Path):
    jobs, job_id = submit(workspace, tmp_path)
    record = work(jobs, job_id)
    assert record.status.state == "succeeded", record.error
    assert record.result is not None
    assert (record.result["requested"], record.result["kept"], record.result["listed"]) == (34, 34, [])
    artifact = ArtifactStore(workspace).get(record.result["artifact"])
    assert (artifact.kind, artifact.license, artifact.job_id) == ("dataset", "CC0", job_id)
    assert artifact.inputs[0].id == str(tmp_path / "faq.csv")
    assert all(Path(path).is_file() for path in record.result["files"].values())
    assert {entry.path for entry in artifact.files} >= {"train.jsonl", "card.md", "manifest.json"}


def test_a_file_that_cannot_be_used_fails_the_job_with_its_code_and_leaves_nothing(
    workspace: Workspace, tmp_path: Path
):
    jobs, job_id = submit(workspace, tmp_path, group="総務課")
    record = work(jobs, job_id)
    assert record.status.state == "failed"
    assert record.error is not None
    assert record.error.code == "faq_group_unknown"
    assert list(workspace.artifacts.iterdir()) == []


def test_a_teacher_that_refuses_stops_the_job_and_a_resume_goes_on(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calls = 0

    def say(request: ChatRequest) -> str | EndpointError:
        nonlocal calls
        calls += 1
        return (
            answer(request)
            if calls <= 5
            else EndpointError("endpoint_unauthorised", endpoint="t", url="u", detail="-")
        )

    jobs, job_id = submit(workspace, tmp_path, teacher="endpoint", endpoint=ENDPOINT)
    give(monkeypatch, say)
    record = work(jobs, job_id)
    assert record.status.state == "failed"
    assert record.error is not None
    assert record.error.code == "endpoint_unauthorised"
    client = give(monkeypatch, answer)
    jobs.resume(job_id)
    record = work(jobs, job_id)
    assert record.status.state == "succeeded", record.error
    assert len(client.requests) == 17 - 5


def test_a_teacher_that_does_not_answer_for_now_pauses_the_job(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jobs, job_id = submit(workspace, tmp_path, teacher="endpoint", endpoint=ENDPOINT)
    give(monkeypatch, [EndpointError("endpoint_unstable", endpoint="t", failed=11, calls=20)])
    record = work(jobs, job_id)
    assert record.status.state == "paused"
    assert "raft_teacher_waits" in (Path(record.folder) / "events.jsonl").read_text(encoding="utf-8")
    assert list(workspace.artifacts.iterdir()) == []


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_pause_and_cancel_end_the_work_at_the_next_row(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Any, state: str
):
    jobs, job_id = submit(workspace, tmp_path)
    _ask_after(monkeypatch, jobs, job_id, verb)
    record = work(jobs, job_id)
    assert record.status.state == state
    assert record.result is None
    assert list(workspace.artifacts.iterdir()) == []


def test_stop_and_keep_the_best_writes_what_is_there(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jobs, job_id = submit(workspace, tmp_path)
    _ask_after(monkeypatch, jobs, job_id, "stop")
    record = work(jobs, job_id)
    assert record.status.state == "succeeded"
    assert record.status.stopped_early
    assert record.result is not None
    assert {entry["reason"] for entry in record.result["listed"]} == {"stopped"}
    assert record.result["kept_sizes"]["test"] == 6


def _ask_after(monkeypatch: pytest.MonkeyPatch, jobs: JobStore, job_id: str, verb: Any) -> None:
    """Let the request arrive while the documents are drawn."""
    draw = raft.Drafter.draw_all

    def draw_and_ask(self: raft.Drafter) -> Any:
        (Path(jobs.get(job_id).folder) / "control.json").write_text(json.dumps({"verb": verb, "at": 0.0}))
        return draw(self)

    monkeypatch.setattr(raft.Drafter, "draw_all", draw_and_ask)
