from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.tasks.files import write_jsonl, write_questions, write_task
from workbench.artifacts import ArtifactStore, read_jsonl
from workbench.errors import EndpointError
from workbench.evaluation import run as run_module
from workbench.inference import MockClient
from workbench.jobs import FakeExecutor, JobContext, JobFolder, JobStore, run_job
from workbench.jobs.folder import Control
from workbench.paths import Workspace
from workbench.schemas.base import parse
from workbench.schemas.evaluation import EvaluateConfig
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint
from workbench.schemas.job import JobRecord

COUNT = 5


class Bench:
    """Runs evaluations of one task of its own in this process."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.store = JobStore(workspace, executor=FakeExecutor())
        self.artifacts = ArtifactStore(workspace)
        write_questions(folder, COUNT)
        self.task = write_task(folder, sampling={"max_tokens": 3, "max_tokens_delta": 1, "stop": ["\n"]})

    def submit(self, *tasks: dict[str, Any], in_flight: int = 1) -> JobRecord:
        endpoint = Endpoint(name="mock", base_url="http://127.0.0.1:9/v1", model="m", max_in_flight=in_flight)
        chosen = tasks or ({"task": str(self.task)},)
        values = {"endpoint": endpoint.model_dump(), "label": "mock", "tasks": list(chosen)}
        return self.store.submit("evaluate", "mock", parse(EvaluateConfig, values))

    def run(self, record: JobRecord, client: MockClient) -> JobRecord:
        def work(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
            return run_module.evaluate(parse(EvaluateConfig, config), job, client)

        run_job(Path(record.folder), {"evaluate": work})
        return self.store.get(record.spec.id)

    def lines(self, record: JobRecord, name: str) -> list[dict[str, Any]]:
        return list(read_jsonl(Path(record.folder) / name))


@pytest.fixture
def bench(workspace: Workspace, tmp_path: Path) -> Bench:
    return Bench(workspace, tmp_path)


def answer(request: ChatRequest) -> str:
    return str(int(request.messages[-1].content.split()[0]) + 1)


def result_of(record: JobRecord) -> dict[str, Any]:
    assert record.status.state == "succeeded", record.error
    assert record.result is not None
    return record.result


def test_a_task_is_asked_with_its_own_sampling_and_scored_by_its_protocol(bench: Bench) -> None:
    client = MockClient(answer)
    result = result_of(bench.run(bench.submit(), client))
    assert {(request.sampling.max_tokens, request.sampling.stop) for request in client.requests} == {
        (4, ("\n",))
    }
    figures = result["metrics"]["tasks"]["mine"]
    assert (figures["n"], figures["protocol"], figures["primary"]) == (COUNT, "char_f1@1", "char_f1")
    assert figures["metrics"]["char_f1"]["value"] == 1.0
    artifact = bench.artifacts.get(result["artifact"])
    facts = artifact.details["tasks"]["mine"]
    assert (facts["protocol"], facts["shots"], len(facts["template_sha256"])) == ("char_f1@1", 0, 64)
    assert artifact.numbers["mine"] == 1.0
    assert str(bench.task.parent / "data.jsonl") in {ref.id for ref in artifact.inputs}
    answers = list(read_jsonl(bench.artifacts.file(artifact.id, "answers.jsonl")))
    assert [line["id"] for line in answers] == [f"q{number}" for number in range(COUNT)]
    assert answers[0]["messages"] == [{"role": "user", "content": "0 の次は？"}]


def test_two_tasks_may_use_the_same_ids(bench: Bench, tmp_path: Path) -> None:
    other = write_task(tmp_path, "other", protocol="exact_match_ja")
    client = MockClient(answer)
    result = result_of(bench.run(bench.submit({"task": str(bench.task)}, {"task": str(other)}), client))
    assert {name: figures["n"] for name, figures in result["metrics"]["tasks"].items()} == {
        "mine": COUNT,
        "other": COUNT,
    }
    assert len(client.requests) == 2 * COUNT


def test_a_broken_run_of_a_task_goes_on_where_it_stopped(bench: Bench) -> None:
    record = bench.submit()
    failed = bench.run(record, MockClient(["1", "2", EndpointError("endpoint_unreachable", url="x")]))
    assert failed.status.state == "failed"
    assert len(bench.lines(record, "work/journal.jsonl")) == 2
    bench.store.resume(record.spec.id)
    client = MockClient(answer)
    assert result_of(bench.run(record, client))["metrics"]["tasks"]["mine"]["n"] == COUNT
    assert len(client.requests) == COUNT - 2


def test_a_task_that_was_stopped_is_published_with_what_is_there(bench: Bench) -> None:
    record = bench.submit()

    class Stopping(MockClient):
        async def complete(self, request: ChatRequest) -> ChatReply:
            if len(self.requests) == 2:
                JobFolder(Path(record.folder)).write_control(Control(verb="stop", at=0.0))
                await asyncio.sleep(1)
            return await super().complete(request)

    ended = bench.run(record, Stopping(answer))
    assert ended.status.stopped_early
    assert 1 <= result_of(ended)["metrics"]["tasks"]["mine"]["n"] < COUNT


def test_shots_that_the_template_does_not_show_are_told(bench: Bench, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "ex.jsonl", [{"question": "例", "answer": "答"}])
    source = {"reader": "table", "data": {"path": "data.jsonl"}, "examples": {"path": "ex.jsonl"}}
    task = write_task(tmp_path, "silent", source=source, shots=1)
    record = bench.submit({"task": str(task)})
    result = result_of(bench.run(record, MockClient(answer)))
    assert result["metrics"]["tasks"]["silent"]["shots"] == 0
    (event,) = [line for line in bench.lines(record, "events.jsonl") if line["code"] == "task_shots_differ"]
    assert event["params"] == {"task": "silent", "asked": 1, "found": 0}


def test_a_wrong_task_fails_before_anything_is_asked(bench: Bench, tmp_path: Path) -> None:
    client = MockClient(answer)
    ended = bench.run(bench.submit({"task": str(tmp_path / "none.yaml")}), client)
    assert ended.error is not None
    assert (ended.error.code, client.requests) == ("task_file_missing", [])


def test_progress_is_not_told_for_every_one_of_a_thousand_quick_answers(bench: Bench, tmp_path: Path) -> None:
    write_questions(tmp_path, 1000)
    record = bench.submit(in_flight=50)
    result_of(bench.run(record, MockClient(answer)))
    told = bench.lines(record, "metrics.jsonl")
    assert told[-1]["step"] == 1000
    assert len(told) < 500
    assert len(bench.lines(record, "work/journal.jsonl")) == 1000
