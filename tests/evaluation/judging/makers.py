"""Runs to judge, and a judge that says what a test wants: in this process, or as a server over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.inference.fake_server import FakeServer, completion, error, running
from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.evaluation.judging.run import judge, prepare, run
from workbench.inference import MockClient
from workbench.jobs import FakeExecutor, JobContext, JobStore, run_job
from workbench.paths import Workspace
from workbench.schemas.base import parse
from workbench.schemas.evaluation import RunMetrics, SampleState, ScoredAnswer
from workbench.schemas.inference import ChatRequest
from workbench.schemas.job import JobRecord
from workbench.schemas.judging import JudgeConfig, Judgement, JudgementSummary

REASON = "資料の該当箇所と照らし合わせ、結論と数字が合っていることを確かめました。"
Said = str | dict[str, Any] | web.Response
Judge = Callable[[str, dict[str, Any]], Said]
"""The prompt of the user's turn and the whole body -> the judge's reply."""


def answer(
    number: int, text: str, state: SampleState = "answered", question: str = "", kind: str = "answerable"
) -> ScoredAnswer:
    return ScoredAnswer.model_validate(
        {
            "id": f"q{number}",
            "kind": kind,
            "question": question or f"{number} 番の手数料はいくらですか。",
            "documents": ("手数料は1通300円です。", "図書館は月曜日に休みます。"),
            "target": "300円です。",
            "prediction": text,
            "answer_state": "ok",
            "state": state,
        }
    )


def scores(accuracy: int, grounds: int, completeness: int, overall: int, reason: str = REASON) -> str:
    return f"{reason}\n\n正確性: [[{accuracy}]]\n根拠: [[{grounds}]]\n完結さ: [[{completeness}]]\n総合: [[{overall}]]"


def section(prompt: str, tag: str) -> str:
    """What stands between a tag of the prompt."""
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", prompt, re.DOTALL)
    return found.group(1) if found else ""


@contextmanager
def judge_server(say: Judge) -> Iterator[FakeServer]:
    """A chat server in a thread of its own; texts are answered as completions."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        said = say(body["messages"][-1]["content"], body)
        if isinstance(said, web.Response):
            return said
        return web.json_response(completion(said) if isinstance(said, str) else said)

    server = FakeServer(handle)
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with running(server):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


class Bench:
    """Saves runs and judges them in this process."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.store = JobStore(workspace, executor=FakeExecutor())
        self.artifacts = ArtifactStore(workspace)

    def save_run(self, answers: Sequence[ScoredAnswer], label: str = "finetuned", model: str = "ft") -> str:
        draft = self.artifacts.begin("evaluation", label)
        write_jsonl_atomic(draft.folder / "answers.jsonl", answers)
        write_json_atomic(draft.folder / "summary.json", RunMetrics(n=len(answers)))
        return draft.commit(details={"label": label, "endpoint": {"model": model}}).id

    def save_comparison(self, baseline: str, finetuned: str) -> str:
        draft = self.artifacts.begin("comparison", "比較")
        (draft.folder / "items.jsonl").write_text("{}\n", encoding="utf-8")
        return draft.commit(details={"baseline": baseline, "finetuned": finetuned}).id

    def submit(self, mode: str, evaluations: Sequence[str], url: str = "", **changes: Any) -> JobRecord:
        values: dict[str, Any] = {"mode": mode, "evaluations": list(evaluations)}
        if url:
            values["endpoint"] = {"name": "judge", "base_url": url, "model": "judge-9", "max_in_flight": 4}
        if mode != "reward":
            values["rubric"] = "raft_ja" if mode == "absolute" else "pairwise_ja"
        return self.store.submit("judge", "審査", parse(JudgeConfig, values | changes))

    def work(self, record: JobRecord) -> JobRecord:
        run_job(Path(record.folder), {"judge": run})
        return self.store.get(record.spec.id)

    def judge(self, mode: str, evaluations: Sequence[str], say: Judge, **changes: Any) -> JobRecord:
        """Judge with a judge in this process, which can say texts only."""

        def answer_as_told(request: ChatRequest) -> str:
            said = say(request.messages[-1].content, _show(request))
            assert isinstance(said, str)
            return said

        def work(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
            client = MockClient(answer_as_told)
            return judge(prepare(parse(JudgeConfig, config), job), job, client)

        record = self.submit(mode, evaluations, "http://127.0.0.1:9/v1", **changes)
        run_job(Path(record.folder), {"judge": work})
        return self.store.get(record.spec.id)

    def judge_over_http(self, mode: str, evaluations: Sequence[str], say: Judge, **changes: Any) -> JobRecord:
        with judge_server(say) as server:
            return self.work(self.submit(mode, evaluations, server.url, **changes))

    def summary(self, record: JobRecord) -> JudgementSummary:
        assert record.status.state == "succeeded", record.error
        assert record.result is not None
        return JudgementSummary.model_validate(record.result["summary"])

    def judgements(self, record: JobRecord) -> list[Judgement]:
        assert record.result is not None
        path = self.artifacts.file(record.result["artifact"], "judgements.jsonl")
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Judgement.model_validate_json(line) for line in lines]


def _show(request: ChatRequest) -> dict[str, Any]:
    messages = [message.model_dump() for message in request.messages]
    return {"messages": messages, **request.sampling.model_dump()}


def dying(say: Judge, after: int) -> Judge:
    """A judge whose server refuses the key after so many replies, as one that was shut down for good."""
    counted = {"calls": 0}

    def answered(prompt: str, body: dict[str, Any]) -> Said:
        counted["calls"] += 1
        return say(prompt, body) if counted["calls"] <= after else error(401, "gone")

    return answered
