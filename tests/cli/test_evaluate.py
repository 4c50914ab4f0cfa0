from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.formats.test_llm_jp import record, write_result
from tests.evaluation.judging.makers import judge_server
from tests.evaluation.tasks.files import write_questions, write_task
from workbench.cli.commands.evaluate import read_config
from workbench.cli.context import CliContext
from workbench.cli.main import main
from workbench.cli.output import Output
from workbench.cli.parser import build_parser
from workbench.inference import EndpointRegistry
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


def call(arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = main(["evaluate", *arguments, "--json"], home)
    return code, json.loads(capsys.readouterr().out)


def parse(*arguments: str) -> argparse.Namespace:
    given = ["evaluate", *arguments]
    return build_parser("en", given).parse_args(given)


def context(home: dict[str, str]) -> CliContext:
    return CliContext(Workspace(Path(home["WORKBENCH_HOME"])), "en", Output(as_json=True, lang="en"), home)


def test_the_catalogue_is_listed(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(["tasks"], home, capsys)
    assert code == 0
    assert "jcq_llmjp" in {task["name"] for task in told["tasks"]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "evaluate_needs"),
        (["--adapter", "x"], "evaluate_needs"),
        (["--task", "jcq_chat"], "evaluate_needs"),
        (["--task", "nothing", "--endpoint", URL, "--model", "m"], "task_unknown"),
        (["--task", "jcq_chat", "--endpoint", URL], "config_invalid"),
        (["--task", "jcq_chat", "--endpoint", "unknown"], "endpoint_missing"),
        (["--lm-eval", "gsm8k"], "evaluate_needs"),
    ],
)
def test_what_is_missing_or_wrong_is_told_before_anything_starts(
    home: dict[str, str], capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    exit_code, told = call(arguments, home, capsys)
    assert (exit_code, told["error"]["code"]) == (3, code)


def test_flags_become_an_evaluation_with_absolute_paths(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task = write_task(tmp_path)
    data = write_questions(tmp_path)
    flags = ["--endpoint", URL, "--model", "m", "--engine", "vllm", "--limit", "5", "--shots", "0"]
    config = read_config(
        context(home), parse("--task", f"{task.name}={data.name}", "--task", "ifeval_ja", *flags)
    )
    assert [(choice.task, choice.data) for choice in config.tasks] == [
        (str(task), str(data)),
        ("ifeval_ja", ""),
    ]
    assert (config.limit, config.tasks[0].shots, config.endpoint.max_in_flight) == (5, 0, 200)


def test_a_task_is_asked_without_loading_what_only_other_ways_need(
    home: dict[str, str], tmp_path: Path
) -> None:
    task = f"{write_task(tmp_path)}={write_questions(tmp_path)}"
    script = (
        "import sys; from workbench.cli.main import main; code = main(sys.argv[1:]);"
        "heavy = ('numpy', 'jinja2', 'rapidfuzz', 'aiohttp', 'openai', 'pandas', 'gradio');"
        "print(code, *(name for name in heavy if name in sys.modules))"
    )
    with judge_server(lambda prompt, body: "1") as server:
        flags = ["--task", task, "--endpoint", server.url, "--model", "base"]
        ran = subprocess.run(
            [sys.executable, "-c", script, "evaluate", *flags],
            env={**os.environ, **home},
            capture_output=True,
            text=True,
            check=True,
        )
    assert ran.stdout.splitlines()[-1] == "0", ran.stdout


def test_a_registered_endpoint_is_taken_by_its_name(home: dict[str, str]) -> None:
    workspace = Workspace(Path(home["WORKBENCH_HOME"]))
    prepare_workspace(workspace)
    EndpointRegistry(workspace).add(Endpoint(name="mine", base_url=URL, model="m", max_in_flight=3))
    config = read_config(
        context(home), parse("--task", "ifeval_ja", "--endpoint", "mine", "--label", "after")
    )
    assert (config.endpoint.name, config.endpoint.max_in_flight, config.label) == ("mine", 3, "after")


def test_a_result_file_is_imported_and_exported_again(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_result(tmp_path / "result.json", [record()])
    code, told = call(["import", str(path), "--label", "theirs"], home, capsys)
    assert (code, told["numbers"]["n"]) == (0, 1.0)
    assert [note["code"] for note in told["notes"]] == ["import_scores_equal"]
    for name in ("llm-jp-eval", "promptfoo"):
        out = tmp_path / name
        code, written = call(["export", told["artifact"], "--format", name, "--out", str(out)], home, capsys)
        assert code == 0
        assert all(Path(file).is_file() and Path(file).is_absolute() for file in written["files"])


@pytest.mark.data
def test_the_dataset_files_of_llm_jp_eval_are_built_from_what_was_published(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    published = shared_data / "jcommonsenseqa"
    arguments = ["dataset", str(published / "train-v1.3.json"), "--test", str(published / "valid-v1.3.json")]
    code, told = call([*arguments, "--out", str(tmp_path / "evaluation")], home, capsys)
    assert code == 0
    hashes = {Path(one["path"]).parent.name: one["sha256"] for one in told["files"]}
    # published by llm-jp for the dev file of v1.3.1 and v1.4.1
    assert hashes["dev"] == "ac30df014eee8d24d62a5e1fbd4ed1e3b5d76bffb836ffb4c9fa59e72a056591"
    test = json.loads((tmp_path / "evaluation" / "test" / "jcommonsenseqa.json").read_text(encoding="utf-8"))
    assert len(test["samples"]) == 1119


def test_every_note_has_its_words(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_result(tmp_path / "result.json", [record(exact=0)], max_num_samples=7)
    assert main(["evaluate", "import", str(path)], home) == 0
    said = capsys.readouterr().out
    assert "1 of 1 questions" in said
    assert "only 1 of the 7 records" in said


def test_a_file_that_does_not_exist_is_told(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(["import", "/nowhere/result.json"], home, capsys)
    assert (code, told["error"]["code"]) == (3, "task_data_missing")
