from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.makers import PLAIN, REFUSAL
from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.errors import WorkbenchError
from workbench.evaluation.diff_runs import diff, read_side
from workbench.evaluation.protocols import PROTOCOLS
from workbench.evaluation.score_file import score_path
from workbench.paths import Workspace
from workbench.schemas.scoring import DiffReport

Row = Mapping[str, Any]


def _write(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _no_store() -> ArtifactStore:
    raise AssertionError("no id was given")


def _diff(before: Path, after: Path, protocol: str) -> DiffReport:
    chosen = PROTOCOLS[protocol]
    sides = [read_side(str(path), chosen, _no_store) for path in (before, after)]
    return diff(sides[0], sides[1], chosen, draws=500)


def _files(tmp_path: Path, before: Sequence[Row], after: Sequence[Row]) -> tuple[Path, Path]:
    return _write(tmp_path / "a.jsonl", before), _write(tmp_path / "b.jsonl", after)


def _jcq(said: Sequence[object], **more: Any) -> list[Row]:
    return [
        {"id": str(number), "question": f"問{number}", "expected": "2", "prediction": text, **more}
        for number, text in enumerate(said)
    ]


def test_flips_between_right_and_wrong_are_tested_exactly(tmp_path: Path) -> None:
    # the article's table for JCommonsenseQA: 24 lost, 19 gained of 1,119
    before = ["2"] * 24 + ["1"] * 19 + ["2"] * 1005 + ["1"] * 71
    after = ["1"] * 24 + ["2"] * 19 + ["2"] * 1005 + ["1"] * 71
    found = _diff(*_files(tmp_path, _jcq(before), _jcq(after)), "jcq_chat")
    assert (found.n, found.a.correct, found.b.correct) == (1119, 1029, 1024)
    assert (found.lost, found.gained, found.verdict) == (24, 19, "no_difference")
    assert found.p == pytest.approx(0.54, abs=0.01)
    assert found.delta == pytest.approx(-0.0045, abs=2e-4)
    assert found.ci == pytest.approx((-0.0161, 0.0071), abs=2e-4)


def test_a_change_of_overlap_is_split_by_who_refused(tmp_path: Path) -> None:
    def rows(said: Sequence[str]) -> list[Row]:
        return [{"id": str(n), "expected": PLAIN, "prediction": text} for n, text in enumerate(said)]

    before, after = [REFUSAL] * 10 + [PLAIN] * 20, [PLAIN] * 10 + [PLAIN] * 15 + ["300円"] * 5
    found = _diff(*_files(tmp_path, rows(before), rows(after)), "seed001_raft")
    parts = {part.code: part for part in found.decomposition.parts}
    assert (parts["rescued"].n, parts["both_answered"].n) == (10, 20)
    assert parts["rescued"].contribution == pytest.approx(10 / 30)
    assert parts["both_answered"].contribution < 0
    assert sum(part.contribution for part in parts.values()) == pytest.approx(found.delta)
    assert (found.gained, found.lost) == (10, 5)
    assert found.ci is not None
    assert found.ci[0] < (found.delta or 0.0) < found.ci[1]


def test_what_only_one_side_has_is_left_out_and_said(tmp_path: Path) -> None:
    before = _jcq(["2", "2", "2", "1", "2"])
    after = [*_jcq(["2", "1", "2", "2"]), {"id": "x", "expected": "2", "prediction": "2"}]
    after[2] = {**after[2], "question": "別の質問"}
    after[3] = {**after[3], "error": "timeout"}
    found = _diff(*_files(tmp_path, before, after), "jcq_chat")
    told = {warning.code: warning.params["count"] for warning in found.warnings}
    assert told == {"diff_only_a": 1, "diff_only_b": 1, "diff_other_question": 1, "diff_left_out": 1}
    assert (found.n, found.lost, found.gained, found.verdict) == (2, 1, 0, "too_few")
    assert found.b.errors == 1


def test_an_unanswered_question_is_a_wrong_one_or_has_no_overlap(tmp_path: Path) -> None:
    before, after = _files(tmp_path, _jcq(["2", "2"]), _jcq(["2", ""]))
    judged = _diff(before, after, "jcq_chat")
    assert (judged.n, judged.lost, judged.b.unanswered) == (2, 1, 1)
    assert {part.code: part.contribution for part in judged.decomposition.parts}["other"] == -0.5
    measured = _diff(before, after, "char_f1")
    assert (measured.n, [warning.code for warning in measured.warnings]) == (1, ["diff_left_out"])


def test_files_without_a_common_question_are_refused(tmp_path: Path) -> None:
    other = [{"id": "x", "expected": "2", "prediction": "2"}]
    with pytest.raises(WorkbenchError) as caught:
        _diff(*_files(tmp_path, _jcq(["2"]), other), "jcq_chat")
    assert caught.value.code == "nothing_to_compare"


def test_lines_without_ids_are_paired_by_what_they_ask(tmp_path: Path) -> None:
    def unnamed(said: Sequence[object]) -> list[Row]:
        return [{key: value for key, value in row.items() if key != "id"} for row in _jcq(said)]

    found = _diff(*_files(tmp_path, unnamed(["2", "1"]), unnamed(["2", "2"])[::-1]), "jcq_chat")
    assert (found.n, found.gained) == (2, 1)
    assert [(warning.code, warning.params["count"]) for warning in found.warnings] == [("answers_unnamed", 4)]


def test_scored_folders_are_compared_like_their_files(tmp_path: Path) -> None:
    files = _files(tmp_path, _jcq(["2", "1", "2"]), _jcq(["2", "2", "1"]))
    for path in files:
        score_path(path, PROTOCOLS["jcq_chat"], out=tmp_path / path.stem)
    folders = _diff(tmp_path / "a", tmp_path / "b", "jcq_chat")
    assert folders == _diff(*files, "jcq_chat")
    # another protocol scores the stored texts again
    again = _diff(tmp_path / "a", tmp_path / "b", "char_f1")
    assert again.protocol == "char_f1@1"
    assert again.n == 3


def test_a_folder_that_the_protocol_cannot_score_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path, _jcq(["2"]), _jcq(["2"]))
    score_path(files[0], PROTOCOLS["jcq_chat"], out=tmp_path / "a")
    with pytest.raises(WorkbenchError) as caught:
        read_side(str(tmp_path / "a"), PROTOCOLS["choice"], _no_store)
    assert caught.value.code == "diff_not_scored_so"
    assert "jcq_chat@1" in str(caught.value.params["known"])


def test_evaluations_are_found_by_their_id(tmp_path: Path, workspace: Workspace) -> None:
    store = ArtifactStore(workspace)
    path = _write(tmp_path / "a.jsonl", _jcq(["2", "1"]))
    score_path(path, PROTOCOLS["jcq_chat"], out=tmp_path / "a")
    draft = store.begin("evaluation", "baseline")
    for name in ("answers.jsonl", "summary.json"):
        (draft.folder / name).write_bytes((tmp_path / "a" / name).read_bytes())
    artifact = draft.commit()
    protocol = PROTOCOLS["jcq_chat"]
    by_id = read_side(artifact.id, protocol, lambda: store)
    assert by_id == read_side(str(path), protocol, _no_store)
    with pytest.raises(WorkbenchError) as caught:
        read_side("no-such-run", protocol, lambda: store)
    assert caught.value.code == "answers_missing"


def test_an_evaluation_of_documents_can_be_read_by_the_articles_score(tmp_path: Path) -> None:
    from tests.evaluation.makers import scored

    folder = tmp_path / "run"
    folder.mkdir()
    write_jsonl_atomic(
        folder / "answers.jsonl", [scored(PLAIN), scored(REFUSAL, "s2"), scored("2", "g", "general")]
    )
    write_json_atomic(folder / "summary.json", {"n": 3})
    side = read_side(str(folder), PROTOCOLS["seed001_raft"], _no_store)
    assert [one.value for one in side.scored.values()] == [1.0, 0.0]
