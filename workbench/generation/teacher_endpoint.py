"""A teacher behind a chat API: writes quotation, reason and short answer, and is checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from workbench.artifacts import JsonlWriter, read_jsonl
from workbench.generation.lessons import Fault, judge_answer
from workbench.generation.teaching import OnOutcome, Outcome, ShouldStop, TeacherTask, TokenCount
from workbench.generation.templates import build_user_prompt
from workbench.inference import ChatClient, complete_all
from workbench.paths import assets_dir
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling

MAX_TOKENS = 1024
TEMPERATURE = 0.3

_REPAIRS: dict[Fault, str] = {
    "answer_not_json": "JSON として読めませんでした。JSON オブジェクトだけを返してください。",
    "answer_incomplete": "項目が足りません。quote、doc_no、reason、short_answer のすべてを書いてください。",
    "document_wrong": "doc_no が違います。答えが書かれているのは参考文書{number}です。",
    "quote_too_short": "引用が短すぎます。8文字以上の一続きの文を書き写してください。",
    "quote_not_found": "引用が参考文書{number}の中に見つかりません。一字一句そのまま書き写してください。",
    "quote_brackets": "引用の中のかぎかっこが閉じていません。かっこの対がそろう範囲を書き写してください。",
    "number_unsupported": "short_answer に文書にない数字があります。文書の数字だけを使ってください。",
    "teacher_refused": "参考文書{number}に答えが書かれています。それを根拠に答えてください。",
}


class _Turn(NamedTuple):
    """One question to the teacher."""

    task: TeacherTask
    request: ChatRequest
    is_repair: bool


@cache
def load_teacher_prompt() -> str:
    """The system prompt of the teacher."""
    return (assets_dir() / "prompts" / "raft_teacher_ja.txt").read_text(encoding="utf-8").strip()


class EndpointTeacher:
    """Asks a model, checks what it says, and gives it one chance to mend it.

    Every finished call is in the journal before it counts; calls found there are not made again.

    Args:
        endpoint: Which model.
        make_client: Opens a connection; called once per `teach`, inside the event loop.
        journal: File of finished calls; survives a resume.
        seed: Handed to the model's sampler.
    """

    def __init__(
        self, endpoint: Endpoint, make_client: Callable[[], ChatClient], journal: Path, *, seed: int = 0
    ) -> None:
        self.name = f"endpoint:{endpoint.model}"
        self.tokens = TokenCount()
        self._endpoint = endpoint
        self._make_client = make_client
        self._journal = journal
        self._seed = seed

    def teach(self, tasks: Sequence[TeacherTask], on_outcome: OnOutcome, should_stop: ShouldStop) -> None:
        """Two rounds: every task, then those whose answer has to be mended."""
        finished = _read_journal(self._journal)
        with JsonlWriter(self._journal) as journal:
            classroom = _Classroom(self, journal, on_outcome)
            turns = [_Turn(task, self._ask(task), False) for task in tasks]
            asyncio.run(self._run(classroom, turns, finished, should_stop))

    async def _run(
        self,
        classroom: _Classroom,
        turns: Sequence[_Turn],
        finished: Mapping[str, ChatReply],
        should_stop: ShouldStop,
    ) -> None:
        client = self._make_client()
        try:
            while turns:
                new = classroom.replay(turns, finished)
                await complete_all(
                    client,
                    [(key, turn.request) for key, turn in new.items()],
                    in_flight=self._endpoint.max_in_flight,
                    on_reply=classroom.hear,
                    should_stop=should_stop,
                )
                turns = [] if should_stop() else classroom.collect_repairs()
        finally:
            await client.close()

    def _ask(self, task: TeacherTask) -> ChatRequest:
        system = load_teacher_prompt().format(number=task.oracle_position)
        user = build_user_prompt(task.documents, task.question)
        messages = (ChatMessage(role="system", content=system), ChatMessage(role="user", content=user))
        sampling = Sampling(temperature=TEMPERATURE, top_p=1.0, max_tokens=MAX_TOKENS, seed=self._seed)
        return ChatRequest(messages=messages, sampling=sampling)

    def key(self, request: ChatRequest) -> str:
        """Name of a call in the journal: the same question to the same model is the same call."""
        text = f"{self._endpoint.base_url}|{self._endpoint.model}|{request.model_dump_json()}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Classroom:
    """Journals replies, decides on them, and collects what has to be asked again."""

    def __init__(self, teacher: EndpointTeacher, journal: JsonlWriter, on_outcome: OnOutcome) -> None:
        self._teacher = teacher
        self._journal = journal
        self._on_outcome = on_outcome
        self._waiting: dict[str, _Turn] = {}
        self._repairs: list[_Turn] = []

    def replay(self, turns: Sequence[_Turn], finished: Mapping[str, ChatReply]) -> dict[str, _Turn]:
        """Decide on turns that the journal holds; the others, by key, have to be asked."""
        self._waiting = {}
        for turn in turns:
            key = self._teacher.key(turn.request)
            if key in finished:
                self._decide(turn, finished[key])
            else:
                self._waiting[key] = turn
        return self._waiting

    def hear(self, key: str, reply: ChatReply) -> None:
        """A call ended: write it down, then let it count."""
        turn = self._waiting[key]
        self._journal.append({"key": key, "row": turn.task.id, "reply": reply.model_dump(mode="json")})
        self._decide(turn, reply)

    def collect_repairs(self) -> list[_Turn]:
        """Turns that ask for a better answer; emptied by the call."""
        repairs, self._repairs = self._repairs, []
        return repairs

    def _decide(self, turn: _Turn, reply: ChatReply) -> None:
        self._teacher.tokens.prompt += reply.prompt_tokens
        self._teacher.tokens.completion += reply.completion_tokens
        task = turn.task
        if reply.state in ("truncated", "thinking_truncated") and not turn.is_repair:
            self._repairs.append(_Turn(task, _lengthen(turn.request), True))
            return
        if reply.state != "ok":
            self._on_outcome(Outcome(task.id, None, f"teacher_{reply.state}"))
            return
        judged = judge_answer(reply.text, task)
        if judged.fault is not None and not turn.is_repair:
            self._repairs.append(_Turn(task, _ask_again(turn.request, reply.text, judged.fault, task), True))
            return
        self._on_outcome(Outcome(task.id, judged.lesson, judged.fault or ""))


def _lengthen(request: ChatRequest) -> ChatRequest:
    sampling = request.sampling.model_copy(update={"max_tokens": request.sampling.max_tokens * 2})
    return request.model_copy(update={"sampling": sampling})


def _ask_again(request: ChatRequest, answer: str, fault: Fault, task: TeacherTask) -> ChatRequest:
    messages = (
        *request.messages,
        ChatMessage(role="assistant", content=answer),
        ChatMessage(role="user", content=_REPAIRS[fault].format(number=task.oracle_position)),
    )
    return request.model_copy(update={"messages": messages})


def _read_journal(path: Path) -> dict[str, ChatReply]:
    """Finished calls by key; calls that failed are asked again."""
    if not path.exists():
        return {}
    replies: dict[str, ChatReply] = {}
    for record in read_jsonl(path):
        reply = ChatReply.model_validate(record["reply"])
        if reply.state != "error":
            replies[str(record["key"])] = reply
    return replies
