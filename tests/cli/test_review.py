from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.review.makers import item, publish_comparison, vote
from workbench.artifacts import ArtifactStore
from workbench.cli.main import main
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.review import VoteStore


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    workspace = Workspace(tmp_path / "home")
    prepare_workspace(workspace)
    return {"WORKBENCH_HOME": str(workspace.root), "WORKBENCH_LANG": "ja"}


@pytest.fixture
def comparison(home: dict[str, str]) -> str:
    workspace = Workspace(Path(home["WORKBENCH_HOME"]))
    made = publish_comparison(ArtifactStore(workspace), [item("s0"), item("s1")])
    VoteStore(workspace).cast(vote("s0", comparison=made))
    return made


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_comparisons_are_listed_with_their_votes(
    home: dict[str, str], comparison: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "list", "--json"], home) == 0
    assert _json(capsys) == {
        "comparisons": [{"comparison": comparison, "name": "tuned", "votes": 1, "reviewers": {"佐藤": 1}}]
    }


def test_a_review_is_shown_as_figures_and_in_words(
    home: dict[str, str], comparison: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "show", comparison, "--json"], home) == 0
    shown = _json(capsys)
    assert set(shown) == {"summary", "disagreements", "metrics"}
    assert shown["summary"]["finetuned"] == 1
    assert main(["review", "show", comparison], home) == 0
    assert "1 問のうち、1 問（100 %）" in capsys.readouterr().out


def test_a_training_file_is_saved_and_its_questions_are_counted(
    home: dict[str, str], comparison: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "pairs.jsonl"
    assert main(["review", "export", comparison, "--format", "dpo", "--out", str(out), "--json"], home) == 0
    told = _json(capsys)
    assert told == {
        "path": str(out),
        "format": "dpo",
        "bytes": out.stat().st_size,
        "rows": 1,
        "marked": 1,
        "rebuilt": 1,
    }


def test_what_cannot_be_saved_is_one_error_with_exit_code_3(
    home: dict[str, str], comparison: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["review", "export", comparison, "--json", "--format"]
    assert main([*call, "sft", "--out", str(tmp_path / "x")], home) == 3
    assert _json(capsys)["error"]["code"] == "export_no_rows_sft"
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main([*call, "csv", "--out", str(tmp_path / "file" / "x.csv")], home) == 3
    assert _json(capsys)["error"]["code"] == "out_not_writable"
    assert main(["review", "show", "comparison-gone", "--json"], home) == 3
    assert _json(capsys)["error"]["code"] == "artifact_missing"
