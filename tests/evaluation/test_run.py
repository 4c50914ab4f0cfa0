from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.makers import DOCUMENTS, PLAIN, QUOTED, REFUSAL
from workbench.artifacts import ArtifactStore, read_jsonl
from workbench.errors import EndpointError
from workbench.evaluation import run as run_module
from workbench.evaluation.compare import run as run_comparison
from workbench.inference import MockClient
from workbench.jobs import FakeExecutor, JobContext, JobFolder, JobStore, run_job
from workbench.jobs.folder import Control
from workbench.paths import Workspace
from workbench.schemas.base import parse
from workbench.schemas.evaluation import CompareConfig, EvaluateConfig
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint
from workbench.schemas.job import ControlVerb, JobKind, JobRecord

COUNT = 6


def write_tests(folder: Path) -> dict[str, str]:
    blocks = "".join(f"参考文書{number}:\n{text}\n\n" for number, text in enumerate(DOCUMENTS, start=1))
    rows = [
        {
            "messages": [{"role": "user", "content": f"{blocks}質問: 手数料は？ {index}"}],
            "metadata": {
                "id": f"r{index}",
                "question": f"手数料は？ {index}",
                "oracle_position": 1,
                "has_oracle": True,
                "reference_short": PLAIN,
            },
        }
        for index in range(COUNT)
    ]
    general = [{"id": "g0", "question": "果物は？", "choices": ["犬", "りんご"], "answer": 1}]
    paths: dict[str, str] = {}
    for name, lines in (("answerable", rows), ("general", general)):
        path = folder / f"{name}.jsonl"
        path.write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
        paths[name] = str(path)
    return paths


def answer(request: ChatRequest) -> str:
    content = request.messages[-1].content
    if "番号だけ" in content:
        return "1"
    return REFUSAL if content.endswith("0") else QUOTED


class Bench:
    """Submits and runs evaluations in this process."""

    def __init__(self, workspace: Workspace, tests: dict[str, str]) -> None:
        self.store = JobStore(workspace, executor=FakeExecutor())
        self.artifacts = ArtifactStore(workspace)
        self.tests = tests

    def config(self, label: str = "baseline") -> EvaluateConfig:
        endpoint = Endpoint(name="mock", base_url="http://127.0.0.1:9/v1", model="base", max_in_flight=1)
        return parse(EvaluateConfig, {"endpoint": endpoint.model_dump(), "label": label, "tests": self.tests})

    def submit(self, label: str = "baseline") -> JobRecord:
        return self.store.submit("evaluate", label, self.config(label))

    def run(self, record: JobRecord, client: MockClient) -> JobRecord:
        def work(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
            return run_module.evaluate(parse(EvaluateConfig, config), job, client)

        return self.finish(record, "evaluate", work)

    def finish(
        self, record: JobRecord, kind: JobKind, work: Callable[[dict[str, Any], JobContext], dict[str, Any]]
    ) -> JobRecord:
        run_job(Path(record.folder), {kind: work})
        return self.store.get(record.spec.id)

    def journal(self, record: JobRecord) -> list[dict[str, Any]]:
        return list(read_jsonl(Path(record.folder) / "work" / "journal.jsonl"))


@pytest.fixture
def bench(workspace: Workspace, tmp_path: Path) -> Bench:
    return Bench(workspace, write_tests(tmp_path))


def test_an_evaluation_leaves_answers_figures_and_its_protocol(bench: Bench) -> None:
    client = MockClient(answer)
    done = bench.run(bench.submit(), client)
    assert done.status.state == "succeeded", done.error
    assert done.result is not None
    assert done.result["metrics"]["over_refusal_rate"] == pytest.approx(1 / COUNT)
    assert done.result["metrics"]["general_accuracy"] == 1.0
    artifact = bench.artifacts.get(done.result["artifact"])
    assert artifact.kind == "evaluation"
    assert artifact.details["label"] == "baseline"
    assert artifact.details["sampling"]["temperature"] == 0.0
    assert len(artifact.details["tests"]["answerable"]) == 64
    assert len(artifact.inputs) == 2
    lines = list(read_jsonl(bench.artifacts.file(artifact.id, "answers.jsonl")))
    assert [line["id"] for line in lines] == [*(f"r{index}" for index in range(COUNT)), "g0"]
    assert client.closed


def test_a_label_gets_few_tokens(bench: Bench) -> None:
    client = MockClient(answer)
    bench.run(bench.submit(), client)
    assert {request.sampling.max_tokens for request in client.requests} == {512, 16}


def test_the_journal_holds_each_finished_call_for_a_live_table(bench: Bench) -> None:
    record = bench.submit()
    bench.run(record, MockClient(answer))
    lines = bench.journal(record)
    assert len(lines) == COUNT + 1
    assert {"id", "kind", "question", "prediction", "state", "quotes", "seconds", "key", "reply"} <= set(
        lines[0]
    )
    assert "documents" not in lines[0]


def test_a_broken_run_goes_on_where_it_stopped(bench: Bench) -> None:
    record = bench.submit()
    dying = MockClient([QUOTED, QUOTED, EndpointError("endpoint_unreachable", url="x")])
    failed = bench.run(record, dying)
    assert failed.status.state == "failed"
    assert len(bench.journal(record)) == 2

    bench.store.resume(record.spec.id)
    client = MockClient(answer)
    done = bench.run(record, client)
    assert done.status.state == "succeeded", done.error
    assert len(client.requests) == COUNT + 1 - 2
    assert done.result is not None
    # the two answers from before count: question 0 was answered then and would be refused now
    assert done.result["metrics"]["over_refusal_rate"] == 0.0


def test_a_half_written_line_of_the_journal_is_asked_again(bench: Bench) -> None:
    record = bench.submit()
    bench.run(record, MockClient([QUOTED, QUOTED, EndpointError("endpoint_unreachable", url="x")]))
    path = Path(record.folder) / "work" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    bench.store.resume(record.spec.id)
    client = MockClient(answer)
    assert bench.run(record, client).status.state == "succeeded"
    assert len(client.requests) == COUNT


def test_a_changed_question_is_asked_again(bench: Bench) -> None:
    record = bench.submit()
    bench.run(record, MockClient([QUOTED, QUOTED, EndpointError("endpoint_unreachable", url="x")]))
    path = Path(bench.tests["answerable"])
    path.write_text(path.read_text(encoding="utf-8").replace("300円です", "400円です"), encoding="utf-8")
    bench.store.resume(record.spec.id)
    client = MockClient(answer)
    bench.run(record, client)
    assert len(client.requests) == COUNT + 1


def test_an_error_is_counted_and_in_no_figure(bench: Bench) -> None:
    def flaky(request: ChatRequest) -> str | ChatReply:
        if request.messages[-1].content.endswith("0"):
            return ChatReply(text="", state="error", error_code="endpoint_timeout")
        return answer(request)

    done = bench.run(bench.submit(), MockClient(flaky))
    assert done.result is not None
    assert done.result["metrics"]["errors"] == 1
    assert done.result["metrics"]["intervals"]["over_refusal_rate"]["n"] == COUNT - 1
    assert done.result["metrics"]["over_refusal_rate"] == 0.0


def test_errors_everywhere_fail_the_job(bench: Bench) -> None:
    done = bench.run(
        bench.submit(), MockClient([ChatReply(text="", state="error", error_code="endpoint_timeout")])
    )
    assert done.status.state == "failed"
    assert done.error is not None
    assert done.error.code == "evaluation_no_answers"
    assert bench.artifacts.list("evaluation") == []


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_pause_and_cancel_keep_what_was_answered(bench: Bench, verb: ControlVerb, state: str) -> None:
    record = bench.submit()

    def interrupting(request: ChatRequest) -> str:
        ask(record, verb)
        return answer(request)

    ended = bench.run(record, SlowClient(interrupting))
    assert ended.status.state == state
    assert 1 <= len(bench.journal(record)) < COUNT + 1
    assert bench.artifacts.list("evaluation") == []


def test_stop_publishes_what_is_there(bench: Bench) -> None:
    record = bench.submit()

    def stopping(request: ChatRequest) -> str:
        ask(record, "stop")
        return answer(request)

    ended = bench.run(record, SlowClient(stopping))
    assert ended.status.state == "succeeded"
    assert ended.status.stopped_early
    assert ended.result is not None
    assert 1 <= ended.result["metrics"]["n"] < COUNT + 1


def ask(record: JobRecord, verb: ControlVerb) -> None:
    """Leave a request, as the store does for a job whose worker lives."""
    JobFolder(Path(record.folder)).write_control(Control(verb=verb, at=0.0))


class SlowClient(MockClient):
    """Takes long enough after its second answer for a request to be noticed."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        import asyncio

        if len(self.requests) >= 2:
            await asyncio.sleep(1)
        return await super().complete(request)


def test_a_missing_key_lets_the_job_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_TEST_KEY", raising=False)
    config = bench.config()
    endpoint = config.endpoint.model_copy(update={"api_key_env": "SOME_TEST_KEY"})
    record = bench.store.submit("evaluate", "x", config.model_copy(update={"endpoint": endpoint}))
    ended = bench.finish(record, "evaluate", run_module.run)
    assert (ended.status.state, ended.status.waiting_for) == ("paused", "secret")


def test_two_evaluations_become_a_comparison(bench: Bench) -> None:
    before = bench.run(
        bench.submit("baseline"), MockClient(lambda request: "1" if "番号" in str(request) else REFUSAL)
    )
    after = bench.run(bench.submit("finetuned"), MockClient(answer))
    assert before.result is not None
    assert after.result is not None
    config = CompareConfig(
        baseline=before.result["artifact"], finetuned=after.result["artifact"], bootstrap=200
    )
    done = bench.finish(bench.store.submit("compare", "c", config), "compare", run_comparison)
    assert done.status.state == "succeeded", done.error
    assert done.result is not None
    assert done.result["differ"] == COUNT - 1
    assert set(done.result["metrics"]) == {"baseline", "finetuned"}
    assert done.result["metrics"]["baseline"]["over_refusal_rate"] == 1.0
    assert all(set(sentence) == {"code", "params"} for sentence in done.result["sentences"])
    artifact = bench.artifacts.get(done.result["artifact"])
    assert artifact.kind == "comparison"
    assert {ref.id for ref in artifact.inputs} == {config.baseline, config.finetuned}
    items = list(read_jsonl(bench.artifacts.file(artifact.id, "items.jsonl")))
    assert len(items) == COUNT + 1
    assert items[1]["category"] == "rescued"
    assert (bench.artifacts.folder(artifact.id) / "summary.json").is_file()


def test_something_else_than_an_evaluation_is_not_compared(bench: Bench) -> None:
    draft = bench.artifacts.begin("dataset", "d")
    (draft.folder / "x").write_text("x", encoding="utf-8")
    dataset = draft.commit()
    record = bench.store.submit("compare", "c", CompareConfig(baseline=dataset.id, finetuned=dataset.id))
    done = bench.finish(record, "compare", run_comparison)
    assert done.error is not None
    assert done.error.code == "not_an_evaluation"
