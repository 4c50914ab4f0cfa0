"""A teacher behind an endpoint: two rounds, a journal, faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import EndpointError
from workbench.generation.teacher_endpoint import EndpointTeacher, load_teacher_prompt
from workbench.generation.teaching import Outcome, TeacherTask
from workbench.inference import MockClient
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint

TASKS = [
    TeacherTask(
        f"r{n}", f"質問{n}ですか。", (f"文書{n}には答えの{n}番が書かれています。", "別の文書です。"), 1
    )
    for n in range(6)
]
ENDPOINT = Endpoint(name="teacher", base_url="http://127.0.0.1:9/v1", model="m", max_in_flight=2)


def good(task: TeacherTask) -> str:
    return json.dumps(
        {
            "quote": task.oracle,
            "doc_no": 1,
            "reason": "そう書かれています。",
            "short_answer": "そのとおりです。",
        }
    )


def task_of(request: ChatRequest) -> TeacherTask:
    return next(task for task in TASKS if task.oracle in request.messages[1].content)


def teach(
    client: MockClient, journal: Path, *, should_stop: Callable[[], bool] = lambda: False
) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    teacher = EndpointTeacher(ENDPOINT, lambda: client, journal)

    def note(outcome: Outcome) -> None:
        assert outcome.id not in outcomes
        outcomes[outcome.id] = outcome

    try:
        teacher.teach(TASKS, note, should_stop)
    finally:
        assert client.closed
    return outcomes


def test_every_task_gets_a_lesson_and_the_prompt_names_the_right_document(tmp_path: Path):
    client = MockClient(lambda request: good(task_of(request)))
    outcomes = teach(client, tmp_path / "journal.jsonl")
    assert all(outcome.lesson is not None for outcome in outcomes.values())
    assert len(outcomes) == len(client.requests) == 6
    assert "参考文書1" in client.requests[0].messages[0].content
    assert "{" not in client.requests[0].messages[0].content


def test_a_wrong_answer_is_mended_once_and_then_given_up(tmp_path: Path):
    def say(request: ChatRequest) -> str:
        task = task_of(request)
        is_repair = len(request.messages) == 4
        if task.id == "r0" and not is_repair:
            return good(TeacherTask("x", "", ("文書にない引用をしてしまいました。",), 1))
        if task.id == "r1":
            return "??"
        return good(task)

    client = MockClient(say)
    outcomes = teach(client, tmp_path / "journal.jsonl")
    assert outcomes["r0"].lesson is not None
    assert (outcomes["r1"].lesson, outcomes["r1"].reason) == (None, "answer_not_json")
    repairs = [request.messages[-1].content for request in client.requests if len(request.messages) == 4]
    assert len(repairs) == 2
    assert any("一字一句" in repair for repair in repairs)


def test_an_answer_cut_off_is_asked_again_with_more_room(tmp_path: Path):
    def say(request: ChatRequest) -> ChatReply | str:
        short = request.sampling.max_tokens == 1024
        return (
            ChatReply(text="{", state="truncated")
            if short and task_of(request).id == "r2"
            else good(task_of(request))
        )

    client = MockClient(say)
    assert teach(client, tmp_path / "journal.jsonl")["r2"].lesson is not None
    assert client.requests[-1].sampling.max_tokens == 2048


@pytest.mark.parametrize("state", ["empty", "error"])
def test_a_reply_without_an_answer_is_a_reason_and_never_a_lesson(tmp_path: Path, state: str):
    client = MockClient(lambda _request: ChatReply.model_validate({"text": "", "state": state}))
    outcomes = teach(client, tmp_path / "journal.jsonl")
    assert {outcome.reason for outcome in outcomes.values()} == {f"teacher_{state}"}


def test_finished_calls_are_not_made_again(tmp_path: Path):
    journal = tmp_path / "journal.jsonl"
    calls = 0

    def say(request: ChatRequest) -> str | EndpointError:
        nonlocal calls
        calls += 1
        return good(task_of(request)) if calls <= 4 else EndpointError("endpoint_unauthorised")

    with pytest.raises(EndpointError, match="endpoint_unauthorised"):
        teach(MockClient(say), journal)
    journal.write_bytes(journal.read_bytes() + b'{"key": "torn')
    client = MockClient(lambda request: good(task_of(request)))
    outcomes = teach(client, journal)
    assert len(outcomes) == 6
    assert len(client.requests) == 2


def test_failed_calls_are_made_again(tmp_path: Path):
    journal = tmp_path / "journal.jsonl"
    teach(
        MockClient(lambda _request: ChatReply(text="", state="error", error_code="answer_timeout")), journal
    )
    client = MockClient(lambda request: good(task_of(request)))
    assert all(outcome.lesson for outcome in teach(client, journal).values())
    assert len(client.requests) == 6


def test_a_stop_leaves_the_rest_unanswered(tmp_path: Path):
    client = MockClient(lambda request: good(task_of(request)))
    assert len(teach(client, tmp_path / "journal.jsonl", should_stop=lambda: True)) < 6


def test_what_should_stop_raises_ends_the_work(tmp_path: Path):
    def stop() -> bool:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        teach(
            MockClient(lambda request: good(task_of(request))), tmp_path / "journal.jsonl", should_stop=stop
        )


def test_the_prompt_asks_for_the_four_fields():
    assert all(
        name in load_teacher_prompt() for name in ("quote", "doc_no", "reason", "short_answer", "{number}")
    )
