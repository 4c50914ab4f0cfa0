from __future__ import annotations

import os
from pathlib import Path

from workbench.artifacts import append_jsonl, repair_tail
from workbench.jobs import JsonlTail


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as handle:
        handle.write(data)


def test_each_read_brings_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = JsonlTail(path)
    assert tail.read() == []
    append_jsonl(path, [{"a": 1}, {"a": 2}])
    assert tail.read() == [{"a": 1}, {"a": 2}]
    assert tail.read() == []
    append_jsonl(path, [{"a": 3}])
    assert tail.read() == [{"a": 3}]
    assert tail.restarts == 0


def test_old_lines_are_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_jsonl(path, [{"n": n} for n in range(10_000)])
    tail = JsonlTail(path)
    tail.read()
    with path.open("r+b") as handle:
        # were the beginning read again, this would be seen as a broken line
        handle.write(b"x" * 100)
    append_jsonl(path, [{"n": 10_000}])
    assert tail.read() == [{"n": 10_000}]


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = JsonlTail(path)
    _append(path, b'{"a": 1}\n{"a"')
    assert tail.read() == [{"a": 1}]
    _append(path, b": 2")
    assert tail.read() == []
    _append(path, b"}\n")
    assert tail.read() == [{"a": 2}]


def test_a_half_line_that_the_next_writer_cuts_off_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = JsonlTail(path)
    _append(path, b'{"a": 1}\n{"a": 2, "lo')
    assert tail.read() == [{"a": 1}]
    repair_tail(path)
    append_jsonl(path, [{"a": 2}])
    assert tail.read() == [{"a": 2}]
    assert tail.restarts == 0


def test_characters_of_several_bytes_cut_in_the_middle_are_whole_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = '{"a": "市役所"}\n'.encode()
    tail = JsonlTail(path)
    _append(path, line[:9])
    assert tail.read() == []
    _append(path, line[9:])
    assert tail.read() == [{"a": "市役所"}]


def test_a_truncated_file_is_read_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_jsonl(path, [{"step": n} for n in range(5)])
    tail = JsonlTail(path)
    tail.read()
    os.truncate(path, len(b'{"step": 0}\n'))
    assert tail.read() == [{"step": 0}]
    assert tail.restarts == 1


def test_a_file_rewritten_longer_than_before_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_jsonl(path, [{"step": n, "run": 1} for n in range(3)])
    tail = JsonlTail(path)
    tail.read()
    path.unlink()
    append_jsonl(path, [{"step": n, "run": 2} for n in range(9)])
    assert [record["run"] for record in tail.read()] == [2] * 9
    assert tail.restarts == 1


def test_a_file_that_vanished_brings_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_jsonl(path, [{"a": 1}])
    tail = JsonlTail(path)
    tail.read()
    path.unlink()
    assert tail.read() == []


def test_broken_lines_in_the_middle_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    _append(path, b'{"a": 1}\n\0\0\0\0\n{"a": 2, \xff}\n[3]\n{"a": 4}\n')
    assert JsonlTail(path).read() == [{"a": 1}, {"a": 4}]


def test_a_line_with_two_objects_is_skipped_and_not_miscounted(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    _append(path, b'{"a": 1}, {"a": 2}\n{"a": 3}\n')
    assert JsonlTail(path).read() == [{"a": 3}]
