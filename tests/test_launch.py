"""launch.py itself: what can be seen without installing anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def launch(repo_root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("launch", repo_root / "launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ""),
        (["--workspace", "run", "--port", "7000"], ""),
        (["--json", "run", "a.yaml"], "run"),
        (["--lang", "en", "test", "-k", "x"], "test"),
    ],
)
def test_the_sub_command_is_found_behind_options(
    launch: ModuleType, arguments: list[str], expected: str
) -> None:
    assert launch.sub_command(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "a.yaml"], ()),
        (["test", "--require", "browser"], ("test",)),
        (["test", "--require", "browser,llama", "-q"], ("test", "llama")),
        (["test", "--require=llama"], ("test", "llama")),
    ],
)
def test_llama_cpp_is_built_only_for_tests_that_are_to_need_it(
    launch: ModuleType, arguments: list[str], expected: tuple[str, ...]
) -> None:
    assert launch.choose_extras(arguments[0], arguments) == expected


def test_too_old_a_python_is_told_so(
    launch: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "MINIMUM", (99, 0))
    with pytest.raises(SystemExit) as ended:
        launch.check_python()
    assert ended.value.code == 3
    assert "99.0" in capsys.readouterr().err


def test_an_interrupted_install_counts_as_not_installed(
    launch: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "bin" / "python"
    monkeypatch.setattr(launch, "VENV", tmp_path)
    monkeypatch.setattr(launch, "STAMP", tmp_path / "installed.sha256")
    assert launch.stamped() == []
    python.parent.mkdir()
    python.write_text("", encoding="utf-8")
    assert launch.stamped() == []
    launch.STAMP.write_text(f"{python.resolve()}\nmark\n", encoding="utf-8")
    assert launch.stamped() == ["mark"]
    launch.STAMP.write_text("/another/python\nmark\n", encoding="utf-8")
    assert launch.stamped() == []


def test_the_fingerprint_changes_with_the_pins(launch: ModuleType) -> None:
    assert launch.fingerprint(["a==1"]) != launch.fingerprint(["a==2"])
    assert launch.fingerprint(["a==1"]) == launch.fingerprint(["a==1"])


def test_all_direct_requirements_are_pinned_exactly(launch: ModuleType) -> None:
    requirements = launch.read_requirements(("test",))
    assert requirements
    assert [item for item in requirements if "==" not in item] == []
