"""The end of a log."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.ui.components.log_view import log_payload, read_tail


def test_a_short_log_is_read_whole_and_a_long_one_from_the_start_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {i}\n" for i in range(100)), encoding="utf-8")
    assert read_tail(log).startswith("line 0\n")
    assert read_tail(log, 20) == "line 98\nline 99\n"


def test_a_missing_log_and_broken_bytes_are_no_error(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none.txt") == ""
    (tmp_path / "bad").write_bytes(b"\xff\xfeok")
    assert read_tail(tmp_path / "bad").endswith("ok")


def test_a_log_cannot_open_tags() -> None:
    assert "<" not in log_payload("<script>")
    assert json.loads(log_payload("<script>"))["text"] == "<script>"
