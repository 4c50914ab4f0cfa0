from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.tasks.files import write_jsonl
from workbench.errors import EndpointError, InputError, StateError
from workbench.evaluation.formats import read_results
from workbench.evaluation.formats.lm_eval import task_name
from workbench.evaluation.formats.lm_eval_child import build_command, find_python, run_lm_eval
from workbench.schemas.inference import Endpoint

ENDPOINT = Endpoint(name="e", base_url="http://127.0.0.1:9/v1", model="m", engine="vllm")
NAME = "samples_gsm8k_2026-02-22T10-11-12.123456.jsonl"


def sample(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "doc_id": number,
        "doc": {"question": f"問{number}", "answer": "#### 2"},
        "target": "2",
        "arguments": {"gen_args_0": {"arg_0": "prompt"}},
        "resps": [["答えは 2"]],
        "filtered_resps": ["2"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        **changes,
    }


def test_samples_are_read_with_the_scores_that_lm_eval_gave(tmp_path: Path) -> None:
    lines = [sample(0), sample(1, exact_match=0.0), sample(0, filter="flexible-extract", exact_match=0.0)]
    run = read_results([write_jsonl(tmp_path / NAME, lines)])
    assert [answer.id for answer in run.answers] == ["0", "1"]
    assert run.answers[0].scores == {"exact_match,strict-match": 1.0, "exact_match,flexible-extract": 0.0}
    assert (run.answers[0].question, run.answers[0].prediction, run.answers[0].extracted) == (
        "問0",
        "答えは 2",
        "2",
    )
    figures = run.tasks["gsm8k"]
    assert (figures.protocol, figures.metrics["exact_match,strict-match"].value) == ("lm-eval:gsm8k@0", 0.5)
    assert {note.code for note in run.notes} == {"import_scores_reported"}


def test_an_empty_answer_is_no_wrong_answer(tmp_path: Path) -> None:
    run = read_results([write_jsonl(tmp_path / NAME, [sample(0), sample(1, resps=[[""]])])])
    assert (run.answers[1].state, run.answers[1].scores, run.tasks["gsm8k"].empty) == ("empty", {}, 1)


def test_a_folder_of_lm_eval_gives_all_its_tasks(tmp_path: Path) -> None:
    inner = tmp_path / "m"
    inner.mkdir()
    write_jsonl(inner / NAME, [sample(0)])
    write_jsonl(inner / NAME.replace("gsm8k", "my_task"), [sample(0)])
    assert set(read_results([tmp_path]).tasks) == {"gsm8k", "my_task"}
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="import_folder_empty"):
        read_results([tmp_path / "none"])


def test_the_task_s_name_is_in_the_file_s_name() -> None:
    assert task_name(Path(NAME)) == "gsm8k"
    assert task_name(Path("samples_a_b.jsonl")) == "a_b"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([sample(0), sample(0)], "import_ids_repeat"),
        ([sample(0), {"doc_id": 1}], "import_line_bad"),
        ([{"id": "x"}], "import_unknown"),
        ([], "import_unknown"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, lines: list[Any], code: str) -> None:
    with pytest.raises(InputError, match=code):
        read_results([write_jsonl(tmp_path / NAME, lines)])


def test_the_call_names_the_endpoint_and_not_its_key(tmp_path: Path) -> None:
    command = build_command("python3", ENDPOINT, ["gsm8k", "ifeval"], tmp_path, limit=5, include="/tasks")
    assert command[:3] == ["python3", "-m", "lm_eval"]
    assert "model=m,base_url=http://127.0.0.1:9/v1/chat/completions,num_concurrent=200" in " ".join(command)
    assert command[command.index("--tasks") + 1] == "gsm8k,ifeval"
    assert command[-4:] == ["--limit", "5", "--include_path", "/tasks"]
    with pytest.raises(InputError, match="lm_eval_task_bad"):
        build_command("python3", ENDPOINT, ["--trust_remote_code"], tmp_path)


def fake_lm_eval(folder: Path, body: str) -> list[str]:
    """A process in lm-eval's place."""
    script = folder / "fake.py"
    script.write_text(f"import os, sys\n{body}\n", encoding="utf-8")
    return [sys.executable, str(script)]


def test_the_samples_of_the_child_are_found_and_the_key_reaches_it_by_its_environment(tmp_path: Path) -> None:
    body = (
        f"assert os.environ['OPENAI_API_KEY'] == 'sesame'\nopen({str(tmp_path / NAME)!r}, 'w').write('{{}}')"
    )
    endpoint = ENDPOINT.model_copy(update={"api_key_env": "MY_KEY"})
    found = run_lm_eval(fake_lm_eval(tmp_path, body), endpoint, {"MY_KEY": "sesame"}, tmp_path)
    assert [path.name for path in found] == [NAME]


def test_a_failing_child_is_told_without_the_key(tmp_path: Path) -> None:
    endpoint = ENDPOINT.model_copy(update={"api_key_env": "MY_KEY"})
    command = fake_lm_eval(tmp_path, "sys.exit('bad key ' + os.environ['OPENAI_API_KEY'])")
    with pytest.raises(EndpointError) as caught:
        run_lm_eval(command, endpoint, {"MY_KEY": "sesame"}, tmp_path)
    assert (caught.value.code, caught.value.params["detail"]) == ("lm_eval_failed", "bad key ***")


def test_the_extra_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StateError, match="lm_eval_missing"):
        find_python("")
    assert find_python("/opt/python") == "/opt/python"
    with pytest.raises(StateError, match="lm_eval_missing"):
        run_lm_eval([str(tmp_path / "none")], ENDPOINT, {}, tmp_path)
