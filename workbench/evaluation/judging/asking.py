"""Asks a judge, and asks again where its reply cannot be used; every call is in the journal before it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.evaluation.journal import JOURNAL, Journal, read_journal, request_key
from workbench.evaluation.judging.material import Ask
from workbench.evaluation.judging.parsing import Reading
from workbench.inference import ChatClient, complete_all
from workbench.jobs import JobContext
from workbench.schemas.inference import ChatReply, ChatRequest, Sampling
from workbench.schemas.judging import JudgeCall

PHASE = "judge"
RETRY_TEMPERATURE = 0.3
"""A judge that is asked again word for word at temperature 0 says the same again."""
MAX_TOKENS = 16_384
"""To which the answer of a judge that was cut off may grow, by doubling."""

Read = Callable[[ChatReply], Reading]


class LoggedCall(JudgeCall):
    """A call as the journal shows it; what was said stands beside it, in the reply."""

    id: str
    question: str


class Asking:
    """All judgements of one job and what was said so far, earlier runs of the job included.

    Args:
        asks: What to ask.
        sampling: Of the first try; repeats and later tries have seeds of their own.
        tries: Asks per judgement while the reply cannot be used.
        read: Takes scores or a verdict out of a reply.
        job: Where the journal lies, and whom to tell.
    """

    def __init__(
        self, asks: Sequence[Ask], *, sampling: Sampling, tries: int, read: Read, job: JobContext
    ) -> None:
        self._asks = {ask.name: ask for ask in asks}
        self._sampling = sampling
        self._tries = tries
        self._read = read
        self._job = job
        self._calls: dict[str, JudgeCall] = {}
        self._done = 0
        self._judged = 0
        self._earlier = read_journal(job.work_dir / JOURNAL)
        self._journal: Journal | None = None
        self.stopped = False
        for ask in asks:
            self._recall(ask)
        if self._done:
            job.event("judging_continued", done=self._done, total=len(asks))
        self._tell()

    def __enter__(self) -> Asking:
        self._journal = Journal(self._job.work_dir / JOURNAL)
        self._journal.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        if self._journal is not None:
            self._journal.__exit__(*details)

    @property
    def calls(self) -> Mapping[str, JudgeCall]:
        """The last call about each judgement, by the ask's name."""
        return self._calls

    def open_requests(self) -> list[tuple[str, ChatRequest]]:
        """Name and request of every judgement that is still wanted."""
        return [(name, self._request(ask)) for name, ask in self._asks.items() if self._is_open(name)]

    def take(self, name: str, reply: ChatReply) -> None:
        """Take in one finished call: the journal first."""
        ask = self._asks[name]
        key = request_key(name, self._request(ask))
        call = self._to_call(ask, reply)
        if self._journal is not None:
            self._journal.add(key, reply, _log(ask, call))
        self._keep(name, call)
        if call.state != "ok" and not self._is_open(name):
            self._job.event("judging_call_failed", id=ask.subject.answer.id, reason=call.state)
        self._tell()

    def should_stop(self) -> bool:
        """Whether "stop and keep" was asked for; pause and cancel pass as exceptions."""
        if self._job.check() and self._done:
            self._job.mark_stopped_early()
            self.stopped = True
        return self.stopped

    def _recall(self, ask: Ask) -> None:
        """Replay what the journal holds of a judgement, try by try: each try depends on the one before."""
        while self._is_open(ask.name):
            reply = self._earlier.get(request_key(ask.name, self._request(ask)))
            if reply is None:
                return
            self._keep(ask.name, self._to_call(ask, reply))

    def _keep(self, name: str, call: JudgeCall) -> None:
        self._calls[name] = call
        self._done += not self._is_open(name)
        self._judged += call.state == "ok"

    def _is_open(self, name: str) -> bool:
        call = self._calls.get(name)
        # the client has tried often enough already where a call ended in an error
        return call is None or (call.state not in ("ok", "error") and call.tries < self._tries)

    def _request(self, ask: Ask) -> ChatRequest:
        before = self._calls.get(ask.name)
        tried = before.tries if before else 0
        changes: dict[str, Any] = {"seed": self._sampling.seed + ask.repeat * self._tries + tried}
        if tried:
            changes["temperature"] = max(self._sampling.temperature, RETRY_TEMPERATURE)
        if before and before.state == "truncated":
            wanted = self._sampling.max_tokens
            changes["max_tokens"] = max(wanted, min(MAX_TOKENS, wanted * 2**tried))
        return ChatRequest(messages=ask.messages, sampling=self._sampling.model_copy(update=changes))

    def _to_call(self, ask: Ask, reply: ChatReply) -> JudgeCall:
        reading, before = self._read(reply), self._calls.get(ask.name)
        return JudgeCall(
            repeat=ask.repeat,
            side=ask.side,
            state=reading.state,
            scores=reading.scores,
            choice=reading.choice,
            has_reason=reading.has_reason,
            raw=reply.text,
            tries=(before.tries if before else 0) + 1,
            tokens=reply.completion_tokens + (before.tokens if before else 0),
            seconds=reply.seconds,
            error_code=reply.error_code,
        )

    def _tell(self) -> None:
        self._job.progress(PHASE, done=self._done, total=len(self._asks), unit="judge_calls")
        if self._done:
            self._job.metric(step=self._done, judged=self._judged, errors=self._done - self._judged)


def _log(ask: Ask, call: JudgeCall) -> LoggedCall:
    answer = ask.subject.answer
    return LoggedCall(**call.model_dump(exclude={"raw"}), id=answer.id, question=answer.question)


async def ask_all(asking: Asking, client: ChatClient, in_flight: int) -> None:
    """Ask until every judgement has a usable reply, has used up its tries, or somebody stops the job.

    Args:
        asking: What to ask.
        client: Whom to ask; closed here.
        in_flight: Requests at the same time.

    Raises:
        EndpointError: The endpoint cannot be used; what was said before is in the journal.
    """
    try:
        with asking:
            while not asking.stopped and (requests := asking.open_requests()):
                await complete_all(
                    client,
                    requests,
                    in_flight=in_flight,
                    on_reply=asking.take,
                    should_stop=asking.should_stop,
                )
    finally:
        await client.close()
