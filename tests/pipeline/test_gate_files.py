"""Gates from files, runs from folders and artifacts, opinions from where people and judges left them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.evaluation.run_makers import JCQ, article, task_answer, task_run
from tests.pipeline.test_gate import votes
from tests.review.makers import answer
from workbench.artifacts import ArtifactStore, write_json_atomic, write_jsonl_atomic
from workbench.cli.main import main
from workbench.errors import ConfigError, InputError, NotFoundError, StateError
from workbench.evaluation.runs import Side, load_run
from workbench.jobs import FakeExecutor, JobStore, run_job
from workbench.paths import Workspace
from workbench.pipeline import gate_job, load_recipe
from workbench.pipeline.gate_files import dump_gate, load_gate, run_gate
from workbench.pipeline.gate_memory import recall_note
from workbench.review import VoteStore
from workbench.review.exports import GateNote
from workbench.schemas.artifact import Artifact
from workbench.schemas.gate import GateConfig, GateSpec
from workbench.schemas.review import StateOverride

TWO_RULES = """
version: 1
baseline: ./base
regression:
  - {bench: jcq_chat, tier: critical, min_ratio: 0.95, decide_on: point}
  - {bench: jcq_chat, max_drop: 0.015}
"""


def save(folder: Path, run: Side) -> Path:
    folder.mkdir(parents=True)
    write_jsonl_atomic(folder / "answers.jsonl", run.answers)
    return folder


def publish(artifacts: ArtifactStore, run: Side) -> Artifact:
    draft = artifacts.begin("evaluation", run.label)
    write_jsonl_atomic(draft.folder / "answers.jsonl", run.answers)
    return draft.commit(details=dict(run.details))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    before, after = article()
    save(tmp_path / "base", before)
    save(tmp_path / "ft", after)
    (tmp_path / "gate.yaml").write_text(TWO_RULES, encoding="utf-8")
    return tmp_path


@pytest.fixture
def artifacts(workspace: Workspace) -> ArtifactStore:
    return ArtifactStore(workspace)


def call(folders: Path, workspace: Workspace, *arguments: str) -> int:
    gate = str(folders / "gate.yaml")
    return main(["gate", gate, "--workspace", str(workspace.root), *arguments], {})


def test_the_command_says_inconclusive_with_exit_code_two(
    folders: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(folders, workspace, "--candidate", str(folders / "ft"), "--json")
    document = json.loads(capsys.readouterr().out)
    assert code == 2
    assert document["verdict"] == "inconclusive"
    assert [one["outcome"] for one in document["conditions"]] == ["pass", "inconclusive"]


@pytest.mark.parametrize(("limit", "code"), [("min_value: 0.5", 0), ("min_value: 0.99", 1)])
def test_the_exit_code_is_the_verdict(
    folders: Path, workspace: Workspace, limit: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "gate.yaml").write_text(f"regression: [{{bench: {JCQ}, {limit}}}]", encoding="utf-8")
    flags = ["--candidate", str(folders / "ft"), "--baseline", str(folders / "base")]
    assert call(folders, workspace, *flags) == code
    assert JCQ in capsys.readouterr().out


def test_an_error_has_exit_code_three_and_a_sentence(
    folders: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(folders, workspace, "--candidate", str(folders / "nowhere"), "--json") == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "run_missing"


def test_the_flag_wins_over_the_files_baseline(
    folders: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    save(folders / "other", task_run("other", [0.0] * 1119))
    flags = ["--candidate", str(folders / "ft"), "--baseline", str(folders / "other"), "--json"]
    call(folders, workspace, *flags)
    assert json.loads(capsys.readouterr().out)["baseline"] == str(folders / "other")


def test_reports_are_written_where_asked(folders: Path, workspace: Workspace) -> None:
    outs = [folders / "new" / "gate.md", folders / "new" / "gate.xml"]
    flags = ["--candidate", str(folders / "ft"), "--markdown", str(outs[0]), "--junit", str(outs[1])]
    call(folders, workspace, *flags)
    assert outs[0].read_text(encoding="utf-8").startswith("# 関門の判定: 判定保留")
    assert outs[1].read_bytes().startswith(b"<?xml")


def test_the_report_of_a_review_tells_what_the_gate_said_last_of_its_two_runs(
    artifacts: ArtifactStore, workspace: Workspace, folders: Path
) -> None:
    ids = [publish(artifacts, run).id for run in article()]
    draft = artifacts.begin("comparison", "c")
    write_jsonl_atomic(draft.folder / "items.jsonl", [])
    pair = draft.commit(details={"baseline": ids[0], "finetuned": ids[1]})
    assert recall_note(workspace, pair, "ja") is None
    flags = ["--candidate", ids[1], "--baseline", ids[0]]
    assert call(folders, workspace, *flags) == 2
    note = recall_note(workspace, pair, "ja")
    assert note is not None
    assert note.verdict == "inconclusive"
    assert len(note.reasons) == 1, "the condition that holds needs no reason"
    (folders / "gate.yaml").write_text(f"regression: [{{bench: {JCQ}, min_value: 0.5}}]", encoding="utf-8")
    assert call(folders, workspace, *flags) == 0
    assert recall_note(workspace, pair, "en") == GateNote("pass")


def test_a_report_that_cannot_be_written_is_told(
    folders: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--candidate", str(folders / "ft"), "--markdown", str(folders / "gate.yaml" / "x.md"), "--json"]
    assert call(folders, workspace, *flags) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "out_not_writable"


def test_runs_are_found_by_id_by_folder_and_by_file(artifacts: ArtifactStore, folders: Path) -> None:
    published = publish(artifacts, article()[0])
    for name in (
        published.id,
        f"run:{published.id}",
        str(folders / "base"),
        str(folders / "base" / "answers.jsonl"),
    ):
        assert len(load_run(name, artifacts).answers) == 1119


def test_a_name_that_is_no_run_is_refused(artifacts: ArtifactStore, tmp_path: Path) -> None:
    for name in ("", "run:", "../../etc", str(tmp_path)):
        with pytest.raises(NotFoundError, match="run_missing"):
            load_run(name, artifacts)
    draft = artifacts.begin("dataset", "d")
    (draft.folder / "x").write_text("x", encoding="utf-8")
    with pytest.raises(StateError, match="not_an_evaluation"):
        load_run(draft.commit().id, artifacts)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("", "answers_unreadable"),
        ("{no json", "answers_line_bad"),
        ('{"id": "a"}', "answers_line_bad"),
        ("[1]", "answers_line_bad"),
        ("\n".join([task_answer("a", 1.0).model_dump_json()] * 2), "run_ids_repeat"),
    ],
)
def test_answers_that_cannot_be_trusted_are_refused(
    artifacts: ArtifactStore, tmp_path: Path, lines: str, code: str
) -> None:
    (tmp_path / "answers.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match=code):
        load_run(str(tmp_path), artifacts)


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "!!python/object:os.system {}", "x: \x00"])
def test_a_file_that_is_no_gate_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="gate_not_yaml"):
        load_gate(path)


def test_all_wrong_lines_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("baseline: 0.9\nregression: [{bench: a}, {bench: b, max_drop: -1}]", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_gate(path)
    assert len(caught.value.problems) == 3


def test_without_a_baseline_nothing_is_compared(artifacts: ArtifactStore, folders: Path) -> None:
    (folders / "gate.yaml").write_text(f"regression: [{{bench: {JCQ}, max_drop: 0.1}}]", encoding="utf-8")
    spec = load_gate(folders / "gate.yaml")
    with pytest.raises(InputError, match="gate_no_baseline"):
        run_gate(spec, artifacts, lambda _: [], candidate=str(folders / "ft"))
    with pytest.raises(InputError, match="gate_same_run"):
        run_gate(spec, artifacts, lambda _: [], candidate=str(folders / "ft"), baseline=str(folders / "ft"))


@pytest.mark.parametrize("name", ["raft.yaml", "regression_ratio.yaml"])
def test_the_samples_are_gates_and_survive_being_written_again(
    repo_root: Path, tmp_path: Path, name: str
) -> None:
    spec = load_gate(repo_root / "assets" / "gates" / name)
    (tmp_path / name).write_text(dump_gate(spec), encoding="utf-8")
    assert load_gate(tmp_path / name) == spec
    assert yaml.safe_load(dump_gate(spec))["version"] == 1


def test_the_newest_review_of_these_two_runs_decides(artifacts: ArtifactStore, workspace: Workspace) -> None:
    before, after = (publish(artifacts, run) for run in article())
    draft = artifacts.begin("comparison", "c")
    (draft.folder / "items.jsonl").write_text("", encoding="utf-8")
    (draft.folder / "summary.json").write_text("{}", encoding="utf-8")
    comparison = draft.commit(details={"baseline": before.id, "finetuned": after.id})
    for summary in (votes(45, 5), votes(5, 45)):
        draft = artifacts.begin("review", "r")
        write_json_atomic(draft.folder / "summary.json", summary)
        review = draft.commit(details={"comparison": comparison.id})
    spec = load_gate_text("human: {min_win_rate: 0.55}", workspace)
    found = run_gate(spec, artifacts, VoteStore(workspace).votes, candidate=after.id, baseline=before.id)
    assert found.conditions[0].outcome == "pass"
    chosen = load_gate_text(f"human: {{min_win_rate: 0.55, review: {review.id}}}", workspace)
    found = run_gate(chosen, artifacts, VoteStore(workspace).votes, candidate=after.id, baseline=before.id)
    assert found.conditions[1].outcome == "fail"
    # the same votes say nothing of the two the other way round
    found = run_gate(spec, artifacts, VoteStore(workspace).votes, candidate=before.id, baseline=after.id)
    assert found.conditions[0].reason == "no_votes"


def test_what_reviewers_call_an_answer_counts_in_the_gate_and_is_told(
    artifacts: ArtifactStore, workspace: Workspace
) -> None:
    refused = {"state": "refused", "scores": {"refused": 1.0, "partial": 0.0, "char_f1": 0.1}}
    answers = [answer(f"s{number}", "300円です。", **refused) for number in range(20)]
    before, after = (publish(artifacts, Side(name, answers, {"label": name})) for name in ("base", "ft"))
    gate = "regression: [{bench: raft, metric: over_refusal_rate, max_value: 0.5, decide_on: point}]"
    spec, opinions = load_gate_text(gate, workspace), VoteStore(workspace).votes
    found = run_gate(spec, artifacts, opinions, candidate=after.id, baseline=before.id)
    assert (found.verdict, found.conditions[0].after) == ("fail", 1.0)
    draft = artifacts.begin("comparison", "c")
    write_jsonl_atomic(draft.folder / "items.jsonl", [])
    comparison = draft.commit(details={"baseline": before.id, "finetuned": after.id})
    overrides = [
        StateOverride(sample_id=f"s{number}", side="finetuned", state="answered", reviewer="佐藤")
        for number in range(15)
    ]
    draft = artifacts.begin("review", "r")
    write_json_atomic(
        draft.folder / "summary.json", votes(1, 1).model_copy(update={"overrides": tuple(overrides)})
    )
    draft.commit(details={"comparison": comparison.id})
    found = run_gate(spec, artifacts, opinions, candidate=after.id, baseline=before.id)
    assert (found.verdict, found.conditions[0].after) == ("pass", 0.25)
    assert found.notes[-1].params == {"count": 15}


def load_gate_text(text: str, workspace: Workspace) -> GateSpec:
    path = workspace.root / "g.yaml"
    path.write_text(text, encoding="utf-8")
    return load_gate(path)


def test_a_gate_is_a_step_of_a_recipe(folders: Path) -> None:
    path = folders / "recipe.yaml"
    step = "{name: gate, kind: gate, config: {file: ./gate.yaml, baseline: ./base, candidate: ./ft}}"
    path.write_text(f"name: r\nsteps: [{step}]", encoding="utf-8")
    assert load_recipe(path).steps[0].config["file"] == str(folders / "gate.yaml")
    path.write_text(f"name: r\nsteps: [{step.replace('file: ./gate.yaml, ', '')}]", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe(path)
    assert caught.value.problems[0].code == "gate_file_or_inline"


def test_the_job_returns_the_report(folders: Path, workspace: Workspace) -> None:
    jobs = JobStore(workspace, executor=FakeExecutor(), environ={})
    config = GateConfig(file=str(folders / "gate.yaml"), candidate=str(folders / "ft"))
    record = jobs.submit("gate", "gate", config)
    run_job(Path(record.folder), {"gate": gate_job.run})
    done = jobs.get(record.spec.id)
    assert done.status.state == "succeeded"
    assert done.result is not None
    assert done.result["verdict"] == "inconclusive"
