from __future__ import annotations

import json
import struct
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from workbench.containers.lines import LONGEST, LineSplitter, RingBuffer, split_frames
from workbench.containers.pulling import PullMeter, read_json_stream, read_pull_event
from workbench.schemas.containers import LogLine, PullEvent
from workbench.text.secrets import mask_values


def _reader(data: bytes, step: int) -> Callable[[int], bytes]:
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        part = data[position : position + min(count, step)]
        position += len(part)
        return part

    return read


def _frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


@given(cut=st.integers(1, 40))
def test_frames_survive_any_cut_of_the_network(cut: int) -> None:
    data = _frame(1, "日本".encode()) + _frame(2, b"err") + _frame(1, b"x" * 50)
    assert list(split_frames(_reader(data, cut))) == [
        ("stdout", "日本".encode()),
        ("stderr", b"err"),
        ("stdout", b"x" * 50),
    ]


@given(text=st.text(alphabet="ab\r\n日", max_size=30), cut=st.integers(1, 7))
def test_lines_do_not_depend_on_where_the_chunks_are_cut(text: str, cut: int) -> None:
    data = text.encode()
    whole, pieces = LineSplitter(lambda t: t), LineSplitter(lambda t: t)
    expected = [*whole.feed("stdout", data), *whole.finish()]
    parts = [data[i : i + cut] for i in range(0, len(data), cut)]
    found = [line for part in parts for line in pieces.feed("stdout", part)]
    assert [*found, *pieces.finish()] == expected


def test_a_secret_cut_between_chunks_is_masked() -> None:
    splitter = LineSplitter(lambda text: mask_values(text, ["nvapi-secret"]))
    lines = [*splitter.feed("stdout", b"key nvapi-se"), *splitter.feed("stdout", b"cret!\n")]
    assert [line.text for line in lines] == ["key ***!"]


def test_a_secret_across_the_cut_of_an_endless_line_is_masked() -> None:
    splitter = LineSplitter(lambda text: mask_values(text, ["nvapi-secret"]))
    data = b"x" * (LONGEST - 5) + b"nvapi-secret" + b"y" * 3000
    lines = [*splitter.feed("stdout", data), *splitter.finish()]
    assert len(lines) == 2
    assert "nvapi" not in "".join(line.text for line in lines)
    assert "secret" not in "".join(line.text for line in lines)


def test_colours_are_taken_out() -> None:
    splitter = LineSplitter(lambda text: text)
    assert [line.text for line in splitter.feed("stderr", b"\x1b[31mred\x1b[0m\x1b]0;title\x07\n")] == ["red"]


def test_the_ring_keeps_the_last_lines_and_one_progress_bar() -> None:
    ring = RingBuffer(3)
    for number in range(5):
        ring.add(LogLine(text=str(number)))
    ring.add(LogLine(text="10%", partial=True))
    ring.add(LogLine(text="20%", partial=True))
    ring.add(LogLine(text="done"))
    assert [line.text for line in ring.last()] == ["3", "4", "done"]
    assert [line.text for line in ring.last(1)] == ["done"]
    assert ring.seen == 8
    assert RingBuffer().last() == ()


@given(cut=st.integers(1, 30))
def test_messages_survive_any_cut_of_the_network(cut: int) -> None:
    messages = [{"status": "取得"}, {"status": "a", "id": "x", "progressDetail": {"current": 1, "total": 2}}]
    data = "\r\n".join(json.dumps(item, ensure_ascii=False) for item in messages).encode()
    assert list(read_json_stream(data[i : i + cut] for i in range(0, len(data), cut))) == messages


def _event(layer: str, status: str, current: int = 0, total: int = 0, unit: str = "bytes") -> PullEvent:
    return PullEvent.model_validate(
        {"layer": layer, "status": status, "current": current, "total": total, "unit": unit}
    )


def test_a_layer_never_goes_back() -> None:
    meter = PullMeter("x")
    meter.add(_event("a", "Downloading", 80, 100))
    assert meter.add(_event("a", "Downloading", 10, 100)).done_bytes == 80
    assert meter.add(_event("a", "Download complete")).done_bytes == 100
    assert meter.add(_event("a", "Extracting", 5, 100)).done_bytes == 100
    assert meter.add(_event("a", "Pull complete")).phase == "done"


def test_layers_that_have_not_told_their_size_are_counted() -> None:
    meter = PullMeter("x")
    meter.add(_event("a", "Pulling fs layer"))
    found = meter.add(_event("b", "Downloading", 5, 10))
    assert (found.layers, found.layers_unknown, found.total_bytes, found.phase) == (2, 1, 10, "downloading")


def test_seconds_are_not_bytes() -> None:
    meter = PullMeter("x")
    meter.add(_event("a", "Downloading", 10, 10))
    found = meter.add(_event("a", "Extracting", 3, 0, "seconds"))
    assert (found.done_bytes, found.total_bytes, found.unpacking_seconds, found.phase) == (
        10,
        10,
        3.0,
        "unpacking",
    )


def test_an_error_is_found_in_either_field() -> None:
    assert read_pull_event({"error": "boom"}).error == "boom"
    assert read_pull_event({"errorDetail": {"message": "boom"}}).error == "boom"
    assert read_pull_event({"progressDetail": {"current": 1, "units": "s"}}).unit == "seconds"
    assert read_pull_event({"progressDetail": {"hidecounts": True}}).total == 0
