from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web

from tests.inference.fake_server import FakeServer, completion, error, running
from workbench.errors import EndpointError
from workbench.inference.load_probe import find_knee, percentile, probe_load, summarise
from workbench.schemas.inference import ChatReply, Endpoint
from workbench.schemas.probing import LoadLevel, LoadProbeConfig


class Slots:
    """Answers as a server with so many places: the others wait."""

    def __init__(self, places: int, seconds: float = 0.03) -> None:
        self.free = asyncio.Semaphore(places)
        self.seconds = seconds
        self.most = 0
        self.now = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        async with self.free:
            await asyncio.sleep(self.seconds)
        self.now -= 1
        return web.json_response(completion("2"))


def config(server: FakeServer, **values: Any) -> LoadProbeConfig:
    endpoint = Endpoint(name="e", base_url=server.url, model="base", engine="vllm")
    return LoadProbeConfig.model_validate({"endpoint": endpoint, "rounds": 3, **values})


async def test_each_level_keeps_so_many_requests_under_way_and_the_knee_is_where_places_run_out() -> None:
    slots = Slots(4, 0.1)
    async with running(FakeServer(slots)) as server:
        seen: list[int] = []
        report = await probe_load(
            config(server, levels=(16, 1, 4)), environ={}, on_level=lambda level: seen.append(level.in_flight)
        )
    assert seen == [1, 4, 16]
    assert slots.most == 16
    one, four, sixteen = report.levels
    assert (one.requests, four.requests, sixteen.requests) == (3, 12, 48)
    assert four.tokens_per_second > 2 * one.tokens_per_second
    assert sixteen.p95_seconds is not None
    assert four.p95_seconds is not None
    assert sixteen.p95_seconds > 2 * four.p95_seconds
    assert report.knee in (4, 16)
    assert report.ended == "done"


async def test_the_budget_ends_a_level_that_is_under_way() -> None:
    async with running(FakeServer(Slots(1, 5.0))) as server:
        started = time.monotonic()
        report = await probe_load(config(server, levels=(1, 4), budget_seconds=1.0), environ={})
    assert report.ended == "budget"
    assert time.monotonic() - started < 8


async def test_a_person_can_end_it_at_any_moment() -> None:
    class Enough(Exception):
        pass

    def stop() -> bool:
        raise Enough

    async with running(FakeServer(Slots(1, 5.0))) as server:
        with pytest.raises(Enough):
            await probe_load(config(server), environ={}, should_stop=stop)


async def test_a_server_that_turns_half_away_is_not_asked_with_more() -> None:
    busy = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal busy
        busy += 1
        try:
            await asyncio.sleep(0.05)
            return error(503, "full") if busy > 1 else web.json_response(completion("2"))
        finally:
            busy -= 1

    async with running(FakeServer(answer)) as server:
        report = await probe_load(config(server, levels=(1, 8, 64)), environ={})
    assert [level.in_flight for level in report.levels] == [1, 8]
    assert report.ended == "errors"
    assert report.levels[1].errors > report.levels[1].ok
    assert report.levels[1].error_code == "answer_server_error"


async def test_a_server_that_never_answers_is_an_error() -> None:
    async with running(FakeServer(error(500, "broken"))) as server:
        with pytest.raises(EndpointError, match="endpoint_server_error"):
            await probe_load(config(server, levels=(1,)), environ={})


async def test_no_request_is_the_same_as_another() -> None:
    server = FakeServer(completion("2"))
    async with running(server):
        await probe_load(config(server, levels=(4,)), environ={})
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(set(asked)) == len(asked) == 12


def level(in_flight: int, speed: float, **values: Any) -> LoadLevel:
    given = {"in_flight": in_flight, "requests": 1, "ok": 1, "seconds": 1, "requests_per_second": speed}
    return LoadLevel.model_validate({**given, "tokens_per_second": speed, **values})


def test_the_knee_is_the_smallest_number_that_reaches_nearly_all_of_the_best() -> None:
    assert find_knee([level(1, 10), level(4, 38), level(16, 95), level(64, 100)]) == 16
    assert find_knee([level(1, 10), level(4, 9), level(16, 5)]) == 1
    assert find_knee([level(1, 10), level(4, 100, complete=False)]) == 1
    assert find_knee([level(1, 0, ok=0)]) is None


def test_a_server_that_counts_no_tokens_is_measured_by_requests() -> None:
    levels = [level(1, 10, tokens_per_second=0), level(4, 40, tokens_per_second=0)]
    assert find_knee(levels) == 4


def test_the_waits_of_a_level_are_those_of_its_good_answers() -> None:
    replies = [ChatReply(text="a", seconds=second, completion_tokens=10) for second in (1, 2, 3, 4)]
    bad = ChatReply(text="", state="error", error_code="answer_timeout", seconds=99)
    found = summarise(2, 5, [*replies, bad], 10.0)
    assert (found.ok, found.errors, found.p50_seconds, found.p95_seconds) == (4, 1, 2, 4)
    assert (found.tokens_per_second, found.requests_per_second) == (4.0, 0.4)
    assert percentile([1.0], 0.95) == 1.0
