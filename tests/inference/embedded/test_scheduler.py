from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from workbench.errors import EndpointError
from workbench.inference.embedded import scheduler as module
from workbench.inference.embedded.rows import Event, Row
from workbench.inference.embedded.scheduler import SLICE_STEPS, Scheduler


class FakeChooser:
    is_plain = True

    def choose(self, logits: object, tokens: Sequence[int]) -> int:
        raise AssertionError


class FakeGroup:
    """Gives every row the token 7, and writes down who was served."""

    def __init__(self, log: list[tuple[str, int]]) -> None:
        self.rows: list[Row] = []
        self._log = log

    def admit(self, rows: Sequence[Row]) -> None:
        self._log.append((f"read {rows[0].model}", len(rows)))
        self._give(list(rows))
        self.rows += [row for row in rows if not row.leaves]

    def step(self) -> None:
        self.rows = [row for row in self.rows if not row.leaves]
        if not self.rows:
            return
        self._log.append((self.rows[0].model, len(self.rows)))
        self._give(self.rows)
        self.rows = [row for row in self.rows if not row.leaves]

    def _give(self, rows: list[Row]) -> None:
        for row in rows:
            row.accept(7)


class Bench:
    """A scheduler whose requests all stand in line before it starts."""

    def __init__(self, **settings: Any) -> None:
        self.log: list[tuple[str, int]] = []
        self.active: list[str] = []
        self.left = 0
        self.done = threading.Event()
        self.scheduler = Scheduler(
            self.active.append,
            lambda: FakeGroup(self.log),  # type: ignore[arg-type,return-value]
            **{"max_rows": 4, "cache_kind": "joins", **settings},
        )

    def put(self, model: str, tokens: int, prompt: int = 3) -> Row:
        self.left += 1
        row = Row(model, (1,) * prompt, tokens, frozenset(), FakeChooser(), self._listen, lambda _: "")
        self.scheduler._waiting.append(row)
        return row

    def run(self) -> list[tuple[str, int]]:
        self.scheduler.start()
        assert self.done.wait(20)
        self.scheduler.close()
        return self.log

    def _listen(self, event: Event) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()


def test_requests_of_one_name_share_passes_up_to_the_limit() -> None:
    bench = Bench()
    for _ in range(6):
        bench.put("a", 3)
    assert bench.run() == [("read a", 4), ("a", 4), ("a", 4), ("read a", 2), ("a", 2), ("a", 2)]


def test_a_place_that_becomes_free_is_taken_at_once() -> None:
    bench = Bench(max_rows=2)
    bench.put("a", 9)
    bench.put("a", 2)
    bench.put("a", 4)
    assert bench.run()[:4] == [("read a", 2), ("a", 2), ("read a", 1), ("a", 2)]


def test_rows_do_not_join_where_the_cache_cannot() -> None:
    bench = Bench(max_rows=2, cache_kind="shrinks")
    bench.put("a", 5)
    bench.put("a", 2)
    bench.put("a", 2)
    assert bench.run() == [("read a", 2), ("a", 2), ("a", 1), ("a", 1), ("a", 1), ("read a", 1), ("a", 1)]


def test_one_row_at_a_time_where_rows_cannot_have_neighbours() -> None:
    bench = Bench(cache_kind="single")
    bench.put("a", 2)
    bench.put("a", 2)
    assert max(rows for _, rows in bench.run()) == 1


def test_names_take_turns_and_never_share_a_pass() -> None:
    bench = Bench()
    bench.put("a", 100)
    bench.put("b", 100)
    bench.put("a", 100)
    log = bench.run()
    served = [name for name, _ in log]
    first_b = served.index("read b")
    # one slice of a, then b, although a is far from done
    assert served[:first_b].count("a") == SLICE_STEPS
    assert ("a", 2) in log
    assert bench.active[:4] == ["a", "b", "a", "b"]


def test_a_new_name_waits_for_one_slice_only() -> None:
    bench = Bench()
    for name in "ab":
        bench.put(name, 200)
    bench.put("c", 5)
    served = [name for name, _ in bench.run()]
    assert served.index("read c") <= 2 * (SLICE_STEPS + 1)


def test_long_prompts_are_read_in_several_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PREFILL_TOKENS", 25)
    bench = Bench()
    for _ in range(3):
        bench.put("a", 3, prompt=10)
    bench.put("a", 3, prompt=90)
    reads = [rows for name, rows in bench.run() if name == "read a"]
    assert reads == [2, 1, 1]


def test_a_request_cancelled_in_line_is_never_read() -> None:
    bench = Bench()
    gone = bench.put("a", 3)
    bench.put("b", 3)
    gone.cancelled = True
    bench.left -= 1
    assert [name for name, _ in bench.run()] == ["read b", "b", "b"]
    assert gone.made == 0


def test_a_line_that_is_too_long_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 0)
    bench = Bench()
    bench.scheduler.start()
    with pytest.raises(EndpointError) as caught:
        bench.scheduler.submit(bench.put("a", 1))
    assert caught.value.code == "serve_line_full"
    assert caught.value.retry_after == 1.0
    bench.scheduler.close()


def test_an_engine_that_never_started_takes_no_requests() -> None:
    bench = Bench()
    with pytest.raises(EndpointError, match="serve_stopping"):
        bench.scheduler.submit(bench.put("a", 1))
