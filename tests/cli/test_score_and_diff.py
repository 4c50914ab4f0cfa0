from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.cli.main import main
from workbench.evaluation.protocols import PROTOCOLS
from workbench.i18n import LANGUAGES


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    rows = [
        {"id": "1", "question": "？", "expected": "2", "prediction": "2"},
        {"id": "2", "question": "？", "expected": "2", "prediction": "1"},
        {"id": "3", "question": "？", "expected": "2", "prediction": ""},
        {"id": "4", "question": "？", "expected": "2", "prediction": None, "error": "timeout"},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_scores_come_as_one_json_document(
    answers: Path, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(answers), "--protocol", "jcq_chat", "--json"], home) == 0
    found = _json(capsys)
    assert found["n"] == 4
    assert found["metrics"] == {"correct": pytest.approx(1 / 3), "parsed": 1.0}
    assert found["items"] == [
        {"id": "1", "state": "answered", "scores": {"correct": 1.0, "parsed": 1.0}},
        {"id": "2", "state": "answered", "scores": {"correct": 0.0, "parsed": 1.0}},
        {"id": "3", "state": "empty", "scores": {}},
        {"id": "4", "state": "error", "scores": {}},
    ]
    assert found["states"] == {"answered": 2, "empty": 1, "error": 1}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_scores_are_told_in_words(
    answers: Path, home: dict[str, str], tmp_path: Path, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "score",
        str(answers),
        "--protocol",
        "jcq_chat",
        "--out",
        str(tmp_path / "o"),
        "--lang",
        lang,
    ]
    assert main(arguments, home) == 0
    told = capsys.readouterr().out
    assert "jcq_chat@1" in told
    assert "correct: 0.333" in told
    assert str(tmp_path / "o") in told
    assert "cli." not in told


def test_differences_come_as_one_json_document(
    answers: Path, home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = tmp_path / "b.jsonl"
    after.write_text(answers.read_text(encoding="utf-8").replace('"1"}', '"2"}'), encoding="utf-8")
    assert main(["diff", str(answers), str(after), "--protocol", "jcq_chat", "--json"], home) == 0
    found = _json(capsys)
    assert {"n", "a", "b", "delta", "ci", "p", "lost", "gained", "decomposition"} <= set(found)
    assert (found["n"], found["gained"], found["lost"], found["p"]) == (3, 1, 0, 1.0)
    assert (found["a"]["correct"], found["b"]["correct"]) == (1, 2)
    assert found["b"]["mean"] == pytest.approx(2 / 3)
    assert [warning["code"] for warning in found["warnings"]] == ["diff_left_out"]
    # two files are compared without a workspace
    assert not Path(home["WORKBENCH_HOME"]).exists()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_differences_are_told_in_words(
    answers: Path, home: dict[str, str], lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(answers), str(answers), "--protocol", "char_f1", "--lang", lang], home) == 0
    told = capsys.readouterr().out
    assert "char_f1@1" in told
    assert "cli." not in told
    assert "sentence." not in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["score", "none.jsonl", "--protocol", "jcq_chat"], "answers_missing"),
        (["score", "none.jsonl", "--protocol", "bleu"], "protocol_unknown"),
        (["score", "none.jsonl"], "usage"),
        (["score", "none.json", "--protocol", "jcq_chat", "--side", "raft"], "answers_missing"),
        (["diff", "none.jsonl", "other.jsonl", "--protocol", "jcq_chat"], "answers_missing"),
        (["diff", "none.jsonl", "--protocol", "jcq_chat"], "usage"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_scored_is_one_json_error_with_exit_code_3(
    arguments: list[str], code: str, lang: str, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json", "--lang", lang], home) == 3
    error = _json(capsys)["error"]
    assert error["code"] == code
    assert error["message"]
    assert not error["message"].startswith("error.")


def test_a_scored_folder_takes_the_place_of_a_file(
    answers: Path, home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["score", str(answers), "--protocol", "jcq_chat", "--out", str(out), "--json"]
    assert main(command, home) == 0
    first = _json(capsys)
    assert first["out"] == str(out)
    assert main(["diff", str(out), str(answers), "--protocol", "jcq_chat", "--json"], home) == 0
    found = _json(capsys)
    assert (found["n"], found["delta"]) == (3, 0.0)


def test_every_protocol_is_registered_under_its_own_name() -> None:
    assert {name: protocol.name for name, protocol in PROTOCOLS.items()} == {name: name for name in PROTOCOLS}
    wanted = {"seed001_raft", "jcq_chat", "jcq_llmjp", "char_f1", "squad_v2", "gsm8k"}
    assert wanted <= set(PROTOCOLS)
