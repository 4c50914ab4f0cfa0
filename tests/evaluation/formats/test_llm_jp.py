from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.artifacts import ArtifactStore, read_jsonl
from workbench.errors import InputError
from workbench.evaluation.formats import export_run, import_results, read_results
from workbench.evaluation.runs import load_run
from workbench.paths import Workspace

HEAD = "### 回答形式\n選択肢の番号または文字のみで回答してください\n\n"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "target_dataset": "jcommonsenseqa",
        "id": "0",
        "input": "質問：果物は？",
        "output": " 1\n説明",
        "pred": "1",
        "true": "1",
        "prompt": f"{HEAD}### 入力:\n例\n### 応答:\n1\n\n### 入力:\n質問：果物は？\n### 応答:\n",
        "exact": 1,
        "char_f1": 1.0,
        **changes,
    }


def write_result(path: Path, records: list[Any], **config: Any) -> Path:
    content = {
        "config": {"version": "2.1.5", "run_name": "r", **config},
        "evaluation": {"scores": {"jcommonsenseqa_exact_match": 1.0}},
        "records": records,
    }
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def notes_of(path: Path) -> set[str]:
    return {note.code for note in read_results([path]).notes}


@pytest.mark.data
def test_a_real_result_file_is_read_and_scored_equal(shared_data: Path) -> None:
    run = read_results([shared_data / "llm_jp_eval_v2_result_sample" / "result_run_a.json"])
    assert len(run.answers) == 20
    assert {note.code for note in run.notes} == {"import_scores_equal", "import_partial"}
    assert {note.params["asked"] for note in run.notes if note.code == "import_partial"} == {100}
    assert {name: figures.shots for name, figures in run.tasks.items()} == dict.fromkeys(
        ("jcommonsenseqa", "jnli", "jsquad", "jsts"), 4
    )
    assert run.tasks["jcommonsenseqa"].protocol == "jcq_llmjp@1"
    assert run.label == "baseline-cptbfinalfixed"


def test_a_score_that_differs_is_told(tmp_path: Path) -> None:
    assert notes_of(write_result(tmp_path / "a.json", [record()])) == {"import_scores_equal"}
    assert notes_of(write_result(tmp_path / "b.json", [record(exact=0)])) == {"import_scores_differ"}


def test_what_was_taken_out_by_a_rule_of_the_file_s_own_is_taken_as_recorded(tmp_path: Path) -> None:
    custom = record(target_dataset="jmmlu", prompt="", output="理由… 答えは B です", pred="B", true="B")
    run = read_results([write_result(tmp_path / "a.json", [custom])])
    assert (run.answers[0].rule, run.answers[0].prediction) == ("as_recorded", "理由… 答えは B です")
    assert run.answers[0].scores["exact_match"] == 1.0


def test_an_empty_answer_keeps_its_state(tmp_path: Path) -> None:
    empty = record(output="", pred="", exact=0, char_f1=0.0)
    run = read_results([write_result(tmp_path / "a.json", [empty])])
    assert (run.answers[0].state, run.answers[0].scores) == ("empty", {})
    assert {note.code for note in run.notes} == {"import_scores_equal"}


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([record(), record()], "import_ids_repeat"),
        ([{"target_dataset": "x"}], "import_record_bad"),
        (["x"], "import_record_bad"),
        ([], "import_empty"),
    ],
)
def test_a_wrong_result_file_gets_one_sentence(tmp_path: Path, records: list[Any], code: str) -> None:
    with pytest.raises(InputError, match=code):
        read_results([write_result(tmp_path / "a.json", records)])


def test_an_imported_run_is_an_evaluation_like_any_other(workspace: Workspace, tmp_path: Path) -> None:
    artifacts = ArtifactStore(workspace)
    path = write_result(tmp_path / "a.json", [record(), record(id="1", true="2", exact=0, char_f1=0.0)])
    artifact, _ = import_results([path], artifacts, label="theirs")
    side = load_run(artifact.id, artifacts)
    assert (side.label, len(side.answers), side.tasks["jcommonsenseqa"].shots) == ("theirs", 2, 1)
    assert artifact.numbers["jcommonsenseqa"] == 0.5
    assert artifact.details["reported"] == {"jcommonsenseqa_exact_match": 1.0}
    assert artifact.inputs[0].id == str(path)


def test_what_is_written_is_read_again_with_the_same_scores(workspace: Workspace, tmp_path: Path) -> None:
    artifacts = ArtifactStore(workspace)
    rows = [record(), record(id="1", output="2", pred="2", exact=0, char_f1=0.0)]
    artifact, before = import_results([write_result(tmp_path / "a.json", rows)], artifacts)
    written = export_run(artifact.id, "llm-jp-eval", tmp_path / "out", artifacts)
    result = next(Path(name) for name in written["files"] if Path(name).name.startswith("result_"))
    content = json.loads(result.read_text(encoding="utf-8"))
    assert content["evaluation"]["scores"] == {
        "jcommonsenseqa_exact_match": 0.5,
        "jcommonsenseqa_char_f1": 0.5,
        "jcommonsenseqa_ool": 0.0,
        "CR": 0.5,
        "AVG": 0.5,
    }
    again = read_results([result])
    assert [answer.scores for answer in again.answers] == [answer.scores for answer in before.answers]
    assert {note.code for note in again.notes} == {"import_scores_equal"}


def test_generations_are_written_for_llm_jp_eval_to_score(workspace: Workspace, tmp_path: Path) -> None:
    artifacts = ArtifactStore(workspace)
    artifact, _ = import_results([write_result(tmp_path / "a.json", [record()])], artifacts)
    export_run(artifact.id, "llm-jp-eval", tmp_path / "out", artifacts)
    path = tmp_path / "out" / "jcommonsenseqa.eval-generated.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    (sample,) = content["samples"]
    assert (sample["input"], sample["gold"], sample["generated"]) == ("質問：果物は？", "1", " 1\n説明")
    assert sample["prompt"] == record()["prompt"]
    config = json.loads((tmp_path / "out" / "_config.json").read_text(encoding="utf-8"))
    assert config["inference_result_info"]["dataset_profiles"]["jcommonsenseqa"]["num_prompt"] == 1


def test_an_evaluation_without_tasks_and_other_things_are_not_exported(
    workspace: Workspace, tmp_path: Path
) -> None:
    artifacts = ArtifactStore(workspace)
    draft = artifacts.begin("dataset", "d")
    (draft.folder / "x").write_text("x", encoding="utf-8")
    with pytest.raises(Exception, match="not_an_evaluation"):
        export_run(draft.commit().id, "llm-jp-eval", tmp_path, artifacts)
    with pytest.raises(InputError, match="run_export_unknown"):
        export_run("x", "csv", tmp_path, artifacts)


def test_answers_of_an_imported_run_are_lines_of_scored_answers(workspace: Workspace, tmp_path: Path) -> None:
    artifacts = ArtifactStore(workspace)
    artifact, _ = import_results([write_result(tmp_path / "a.json", [record()])], artifacts)
    (line,) = read_jsonl(artifacts.file(artifact.id, "answers.jsonl"))
    assert (line["task"], line["extracted"], line["primary"]) == ("jcommonsenseqa", "1", "exact_match")
