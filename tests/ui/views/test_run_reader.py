import json
from pathlib import Path

from workbench.ui.views.run_reader import RunReader, RunReaders


def write(path: Path, *rows: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def test_only_new_lines_change_the_stamp(tmp_path: Path) -> None:
    reader = RunReader(tmp_path)
    reader.refresh()
    before = reader.stamp
    reader.refresh()
    assert reader.stamp == before
    write(tmp_path / "metrics.jsonl", {"step": 1, "loss": 2.0})
    reader.refresh()
    assert reader.stamp != before
    assert list(reader.curves["loss"].y) == [2.0]


def test_a_step_without_a_number_leaves_a_gap_and_not_a_broken_curve(tmp_path: Path) -> None:
    write(
        tmp_path / "metrics.jsonl",
        {"step": 1, "loss": 2.0},
        {"step": 2, "loss": None},
        {"step": 3, "loss": 1.0},
    )
    reader = RunReader(tmp_path)
    reader.refresh()
    assert list(reader.curves["loss"].x) == [1.0, 3.0]


def test_events_are_kept_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", {"code": "a"}, {"code": "b"})
    reader = RunReader(tmp_path)
    reader.refresh()
    write(tmp_path / "events.jsonl", {"code": "c"})
    reader.refresh()
    assert [event["code"] for event in reader.events] == ["a", "b", "c"]


def test_a_run_is_read_by_one_reader_and_few_are_kept(tmp_path: Path) -> None:
    readers = RunReaders()
    first = readers.of(tmp_path / "1")
    assert readers.of(tmp_path / "1") is first
    for name in ("2", "3", "4", "5"):
        readers.of(tmp_path / name)
    assert readers.of(tmp_path / "1") is not first
