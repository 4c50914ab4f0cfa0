from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.commands import COMMANDS
from workbench.cli.main import choose_language, main
from workbench.cli.parser import build_parser
from workbench.i18n import LANGUAGES, Lang


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments", [["--json", "jobs", "list"], ["jobs", "--json", "list"], ["jobs", "list", "--json"]]
)
def test_json_may_stand_anywhere(
    arguments: list[str], home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, home) == 0
    assert _json(capsys) == {"jobs": []}


def test_a_wrong_usage_is_one_json_error_with_exit_code_3(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "lisst", "--json"], home) == 3
    error = _json(capsys)["error"]
    assert set(error) == {"code", "message", "hint"}  # type: ignore[arg-type]
    assert error["code"] == "usage"  # type: ignore[index]


def test_an_unknown_option_is_refused(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--frobnicate", "--json"], home) == 3
    assert "frobnicate" in str(_json(capsys)["error"])


def test_an_absent_job_is_told_in_the_chosen_language(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "show", "nothing", "--json", "--lang", "ja"], home) == 3
    japanese = _json(capsys)["error"]
    assert main(["jobs", "show", "nothing", "--json"], home) == 3
    english = _json(capsys)["error"]
    assert japanese["code"] == english["code"]  # type: ignore[index]
    assert japanese["message"] != english["message"]  # type: ignore[index]


def test_the_workspace_flag_wins_over_the_environment(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json", "--workspace", str(tmp_path / "other")], home) in (0, 1)
    checks = _json(capsys)["checks"]
    assert str(tmp_path / "other") in [check["value"] for check in checks]  # type: ignore[attr-defined,union-attr]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (["--lang", "en"], {"WORKBENCH_LANG": "ja"}, "en"),
        (["--lang=ja"], {"LANG": "en_US.UTF-8"}, "ja"),
        ([], {"WORKBENCH_LANG": "en"}, "en"),
        ([], {"LANG": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "fr_FR.UTF-8"}, "ja"),
        ([], {}, "ja"),
    ],
)
def test_the_language_comes_from_flag_variable_or_locale(
    arguments: list[str], environ: dict[str, str], expected: str
) -> None:
    assert choose_language(arguments, environ) == expected


def test_a_dry_run_lists_the_steps_and_starts_nothing(
    home: dict[str, str], repo_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = repo_root / "assets" / "recipes" / "raft_starter.yaml"
    assert main(["run", str(recipe), "--dry-run", "--json"], home) == 0
    steps = _json(capsys)["steps"]
    assert [step["name"] for step in steps] == ["data", "train", "serve", "baseline", "finetuned", "compare"]  # type: ignore[union-attr,index,call-overload]
    assert not (Path(home["WORKBENCH_HOME"]) / "jobs").exists()


def test_all_wrong_fields_of_a_training_file_are_named_at_once(
    home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: ./m\ntrain_file: ./t.jsonl\nlearning_rate: 5\nepochs: 3\n", encoding="utf-8")
    assert main(["train", str(spec), "--json"], home) == 3
    message = str(_json(capsys)["error"])
    assert "epochs" in message
    assert "1" in message


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_help_names_every_command(lang: Lang) -> None:
    told = build_parser(lang, ["--help"]).format_help()
    assert all(f"    {name} " in told for name in COMMANDS)


def test_only_the_command_that_is_asked_for_is_loaded() -> None:
    script = (
        "import sys; from workbench.cli.parser import build_parser;"
        "build_parser('ja', ['score', 'a.jsonl']);"
        "print(*(name for name in sys.modules if name.startswith('workbench.cli.commands.')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["workbench.cli.commands.score"]
