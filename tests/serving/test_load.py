from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.serving.fake_server import FakeModelServer
from workbench.serving.load import REPORT_FILE, run


class FakeJob:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[dict[str, Any]] = []
        self.shown: list[tuple[Any, ...]] = []
        self.early = False

    def progress(self, *values: Any) -> None:
        self.shown.append(values)

    def metric(self, **values: Any) -> None:
        self.lines.append(values)

    def check(self) -> bool:
        return False

    def mark_stopped_early(self) -> None:
        self.early = True


def test_each_level_becomes_a_line_of_the_chart_and_the_report_is_kept(tmp_path: Path) -> None:
    job = FakeJob(tmp_path)
    with FakeModelServer("nim", ("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        endpoint = {"name": "e", "base_url": url, "model": "base", "engine": "nim"}
        report = run({"endpoint": endpoint, "levels": [1, 4], "rounds": 2}, job)  # type: ignore[arg-type]
    assert [line["in_flight"] for line in job.lines] == [1, 4]
    assert all(line["tokens_per_second"] > 0 for line in job.lines)
    assert job.shown[-1] == ("load_probing", 2, 2, "levels")
    assert json.loads((tmp_path / REPORT_FILE).read_text()) == report
    assert report["knee"] in (1, 4)
    assert not job.early
