"""`workbench test`: which tiers run, which are named, and what `--require` refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.daemon import PROGRAMS, why_no_engine
from workbench.cli.commands import test as command
from workbench.cli.main import main


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(tmp_path / "home"), "WORKBENCH_LANG": "en"}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run."""
    seen: list[list[str]] = []

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        seen.append(arguments)
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(command.subprocess, "run", run)
    return seen


def _only(monkeypatch: pytest.MonkeyPatch, *present: str) -> None:
    for name in command.TIERS:
        monkeypatch.setitem(command.TIERS, name, lambda name=name: name in present)


def test_a_required_engine_that_cannot_start_fails(
    home: dict[str, str],
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _only(monkeypatch, "browser", "llama", "data")
    assert main(["test", "--require", "browser,engine", "--json"], home) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "tier_missing"
    assert "docker-registry" in error["hint"]
    assert commands == []


def test_an_engine_that_is_absent_is_named_and_left_out(
    home: dict[str, str],
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _only(monkeypatch, "browser", "llama", "data")
    assert main(["test"], home) == 0
    assert commands[0][-2:] == ["-m", "not engine"]
    assert capsys.readouterr().out.strip().endswith("not here: engine")


def test_where_everything_is_there_nothing_is_left_out(
    home: dict[str, str], commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _only(monkeypatch, *command.TIERS)
    assert main(["test", "--require", "engine"], home) == 0
    assert "-m" not in commands[0][3:]


def test_the_command_and_the_tests_agree_on_what_the_engine_needs() -> None:
    assert command.TIERS["engine"]() == (why_no_engine() == "")


@pytest.mark.parametrize("absent", PROGRAMS)
def test_every_program_is_needed(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.os, "geteuid", lambda: 0)
    monkeypatch.setattr(command.shutil, "which", lambda name: None if name == absent else f"/usr/bin/{name}")
    assert not command.TIERS["engine"]()
    monkeypatch.setattr(command.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert command.TIERS["engine"]()
    monkeypatch.setattr(command.os, "geteuid", lambda: 1000)
    assert not command.TIERS["engine"]()


def test_continuous_integration_requires_browser_and_engine(repo_root: Path) -> None:
    script = (repo_root / ".ci" / "run").read_text()
    assert "--require browser,engine" in script
    assert all(
        package in script for package in ("docker.io", "docker-registry", "busybox-static", "apache2-utils")
    )
