from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.judging.makers import Bench, answer, judge_server, scores
from workbench.cli.commands import judge as command
from workbench.cli.main import main
from workbench.inference import EndpointRegistry
from workbench.jobs import JobStore, prepare_workspace
from workbench.paths import Workspace
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import JobRecord

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    workspace = Workspace(tmp_path / "home")
    prepare_workspace(workspace)
    return Bench(workspace)


@pytest.fixture
def home(bench: Bench) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(bench.workspace.root), "WORKBENCH_LANG": "ja"}


class Submitted(Exception):
    """Stands for the job that would have started."""


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The configurations that were submitted, none of which is started."""
    found: list[dict[str, Any]] = []

    def submit(jobs: JobStore, config: Any, title: str) -> JobRecord:
        found.append(config.model_dump(mode="json"))
        raise Submitted

    monkeypatch.setattr(command, "submit_judge", submit)
    return found


def test_a_run_is_judged_from_the_command_line(
    bench: Bench, home: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.save_run([answer(number, f"300円です。{number}") for number in range(3)])

    def work_here(context: Any, jobs: JobStore, job_id: str) -> JobRecord:
        return bench.work(bench.store.get(job_id))

    monkeypatch.setattr(command, "follow", work_here)
    monkeypatch.setattr("workbench.cli.context.JobStore", lambda workspace: bench.store)
    with judge_server(lambda prompt, body: scores(5, 4, 4, 5)) as server:
        arguments = [
            "judge",
            run,
            "--rubric",
            "raft",
            "--endpoint",
            server.url,
            "--model",
            "judge-9",
            "--json",
        ]
        assert main(arguments, home) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["criteria"]["overall"]["value"] == 5.0
    assert told["check"] == told["check"] | {"n": 0, "usable": False, "reason": "too_few"}
    assert Path(told["folder"], "judgements.jsonl").is_file()


def test_the_other_run_is_the_baseline(
    home: dict[str, str], bench: Bench, caught: list[dict[str, Any]]
) -> None:
    one, other = bench.save_run([answer(1, "a")]), bench.save_run([answer(1, "b")], "baseline")
    with pytest.raises(Submitted):
        run_raising(["judge", one, "--pairwise", other, "--endpoint", URL, "--model", "m"], home)
    assert caught[0]["mode"] == "pairwise"
    assert caught[0]["evaluations"] == [other, one]
    assert caught[0]["rubric"] == "pairwise_ja"


def test_a_comparison_is_judged_in_pairs_without_being_asked(
    home: dict[str, str], bench: Bench, caught: list[dict[str, Any]]
) -> None:
    comparison = bench.save_comparison("a", "b")
    with pytest.raises(Submitted):
        run_raising(["judge", comparison, "--endpoint", URL, "--model", "m", "--lang", "en"], home)
    assert (caught[0]["mode"], caught[0]["rubric"]) == ("pairwise", "pairwise_en")


def test_an_endpoint_that_was_set_up_is_found_by_name(
    home: dict[str, str], bench: Bench, caught: list[dict[str, Any]]
) -> None:
    known = Endpoint(name="big", base_url=URL, model="m1", engine="vllm", api_key_env="BIG_KEY")
    EndpointRegistry(bench.workspace).add(known)
    with pytest.raises(Submitted):
        run_raising(["judge", "run", "--endpoint", "big", "--model", "m2", "--in-flight", "3"], home)
    endpoint = caught[0]["endpoint"]
    assert (endpoint["model"], endpoint["api_key_env"], endpoint["max_in_flight"]) == ("m2", "BIG_KEY", 3)


def test_a_reward_model_needs_no_rubric_and_no_endpoint(
    home: dict[str, str], tmp_path: Path, caught: list[dict[str, Any]]
) -> None:
    with pytest.raises(Submitted):
        run_raising(["judge", "run", "--reward-model", str(tmp_path)], home)
    assert (caught[0]["mode"], caught[0]["rubric"], caught[0]["endpoint"]) == ("reward", "", None)
    assert caught[0]["reward_model"] == str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["judge", "x"], "judge_no_endpoint"),
        (["judge", "x", "--endpoint", URL], "judge_no_model"),
        (["judge", "x", "--endpoint", "unknown", "--model", "m"], "endpoint_missing"),
        (["judge", "x", "--endpoint", URL, "--model", "m", "--rubric", "nothing"], "rubric_missing"),
        (["judge", "x", "--endpoint", "http://u:p@h", "--model", "m"], "config_invalid"),
        (["judge", "x", "--endpoint", URL, "--model", "m", "--repeats", "99"], "config_invalid"),
        (["judge"], "usage"),
    ],
)
def test_a_wrong_call_is_one_json_error(
    arguments: list[str], code: str, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"], home) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def run_raising(arguments: list[str], home: dict[str, str]) -> None:
    """The command without the last resort that would catch the stand-in."""
    from workbench.cli.context import CliContext
    from workbench.cli.main import choose_language
    from workbench.cli.output import Output
    from workbench.cli.parser import build_parser

    lang = choose_language(arguments, home)
    parsed = build_parser(lang, arguments).parse_args(arguments)
    workspace = Workspace.locate(None, home)
    parsed.handler(CliContext(workspace, lang, Output(False, lang), home), parsed)
