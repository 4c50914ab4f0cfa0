from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from workbench.artifacts.files import (
    JsonlWriter,
    append_jsonl,
    dump_json,
    read_json,
    read_jsonl,
    repair_tail,
    write_json_atomic,
    write_jsonl_atomic,
)
from workbench.errors import InputError
from workbench.schemas.artifact import FileEntry


def test_a_reader_never_sees_a_half_written_file(tmp_path: Path) -> None:
    target = tmp_path / "status.json"
    write_json_atomic(target, {"n": 0, "filler": "x" * 5000})
    done = threading.Event()
    torn: list[str] = []

    def read_all_the_time() -> None:
        while not done.is_set():
            try:
                json.loads(target.read_bytes())
            except ValueError as exc:
                torn.append(str(exc))

    reader = threading.Thread(target=read_all_the_time)
    reader.start()
    for n in range(500):
        write_json_atomic(target, {"n": n, "filler": "x" * (n * 37 % 9000)}, durable=False)
    done.set()
    reader.join()
    assert torn == []
    assert read_json(target)["n"] == 499


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "status.json"
    write_json_atomic(target, {"n": 1})
    with pytest.raises(TypeError):
        write_json_atomic(target, {"n": object()})
    assert read_json(target) == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_writing_into_a_folder_that_is_gone_leaves_no_litter(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_json_atomic(tmp_path / "gone" / "a.json", {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_json_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert caught.value.code == "json_unreadable"
    assert caught.value.params["path"] == str(path)


def test_numbers_that_are_not_finite_become_null() -> None:
    assert dump_json({"loss": float("nan"), "deep": [float("inf")]}) == b'{"loss": null, "deep": [null]}'


class Row(BaseModel):
    """What a job writes: numbers that may not be finite, and names of broken files."""

    losses: dict[str, tuple[float, ...]]
    name: str = ""


def test_a_record_is_written_as_the_same_mapping_is() -> None:
    row = Row(losses={"train": (float("nan"), 0.5, float("-inf"))}, name="a\ud800")
    assert dump_json(row) == dump_json({"losses": {"train": [None, 0.5, None]}, "name": "a\ud800"})
    assert json.loads(dump_json(row))["name"] == "a\ud800"


def test_records_and_paths_become_plain_json(tmp_path: Path) -> None:
    entry = FileEntry(path="a", bytes=1, sha256="0")
    assert json.loads(dump_json({"entry": entry, "path": tmp_path, "both": (1, 2)})) == {
        "entry": {"path": "a", "bytes": 1, "sha256": "0"},
        "path": str(tmp_path),
        "both": [1, 2],
    }


def test_what_json_does_not_know_is_found_however_deep_it_stands(tmp_path: Path) -> None:
    entry = FileEntry(path="a", bytes=1, sha256="0")
    deep = {"a": [{"b": (entry, {1.5}, tmp_path)}], 3: frozenset({"x"}), "n": float("nan")}
    assert json.loads(dump_json(deep)) == {
        "a": [{"b": [{"path": "a", "bytes": 1, "sha256": "0"}, [1.5], str(tmp_path)]}],
        "3": ["x"],
        "n": None,
    }
    with pytest.raises(TypeError):
        dump_json({"a": object()})


def test_japanese_stays_readable_and_broken_names_survive() -> None:
    assert "市役所".encode() in dump_json({"name": "市役所"})
    assert json.loads(dump_json({"name": "\udcff"})) == {"name": "\udcff"}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"", b""),
        (b'{"a": 1}\n', b'{"a": 1}\n'),
        (b'{"a": 1}\n{"b": ', b'{"a": 1}\n'),
        (b'{"b": ', b""),
        (b"\n" + b"x" * 200_000, b"\n"),
    ],
)
def test_a_half_written_last_line_is_cut_off(tmp_path: Path, content: bytes, kept: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    assert repair_tail(path) == len(content) - len(kept)
    assert path.read_bytes() == kept


def test_a_writer_goes_on_after_a_crash_without_merging_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2, "lo')
    with JsonlWriter(path) as writer:
        writer.append({"step": 2})
        writer.sync()
    assert list(read_jsonl(path)) == [{"step": 1}, {"step": 2}]


def test_threads_that_share_a_writer_keep_lines_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    with JsonlWriter(path) as writer:

        def write(name: int) -> None:
            for n in range(200):
                writer.append({"name": name, "n": n, "filler": "x" * 300})

        threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    records = list(read_jsonl(path))
    assert len(records) == 800
    for name in range(4):
        assert [record["n"] for record in records if record["name"] == name] == list(range(200))


def test_lines_that_are_no_objects_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n[1]\nnonsense\n\n{"a": 2}\n{"a": ')
    assert list(read_jsonl(path)) == [{"a": 1}, {"a": 2}]


def test_appending_and_replacing_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_jsonl(path, [{"a": 1}], durable=True)
    append_jsonl(path, [{"a": 2}, {"a": 3}])
    assert [record["a"] for record in read_jsonl(path)] == [1, 2, 3]
    assert write_jsonl_atomic(path, [{"b": 1}]) == 1
    assert list(read_jsonl(path)) == [{"b": 1}]
