from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.artifacts import read_json
from workbench.errors import ResourceError, StateError
from workbench.jobs import prepare
from workbench.jobs.prepare import prepare_workspace
from workbench.paths import Workspace


def test_every_folder_and_the_version_are_there_afterwards(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "deep" / "er")
    prepare_workspace(workspace)
    assert all(folder.is_dir() for folder in workspace.folders())
    assert read_json(workspace.version_file) == {"version": 1}


def test_preparing_again_changes_nothing(workspace: Workspace) -> None:
    (workspace.artifacts / "kept").mkdir()
    prepare_workspace(workspace)
    assert (workspace.artifacts / "kept").is_dir()


def test_a_newer_workspace_is_refused_and_left_alone(workspace: Workspace) -> None:
    workspace.version_file.write_text('{"version": 99}')
    with pytest.raises(StateError) as caught:
        prepare_workspace(workspace)
    assert caught.value.code == "workspace_newer"
    assert caught.value.params["found"] == 99
    assert workspace.version_file.read_text() == '{"version": 99}'


@pytest.mark.parametrize("content", ["{", "[]", '{"version": "new"}', "{}"])
def test_a_version_that_cannot_be_read_is_refused(workspace: Workspace, content: str) -> None:
    workspace.version_file.write_text(content)
    with pytest.raises(StateError) as caught:
        prepare_workspace(workspace)
    assert caught.value.code == "workspace_unreadable"


def test_an_older_workspace_is_brought_up_step_by_step(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(prepare, "VERSION", 3)
    monkeypatch.setattr(prepare, "MIGRATIONS", {n: lambda _, n=n: steps.append(n) for n in (1, 2)})
    prepare_workspace(workspace)
    assert steps == [1, 2]
    assert read_json(workspace.version_file) == {"version": 3}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ResourceError) as caught:
        prepare_workspace(Workspace(blocked / "workspace"))
    assert caught.value.code == "workspace_unwritable"
    assert str(blocked) in str(caught.value.params["path"])


def test_what_dead_processes_left_is_cleared_away(workspace: Workspace) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = workspace.artifacts / f".draft-{dead.pid}-dataset-1"
    mine = workspace.artifacts / f".draft-{os.getpid()}-dataset-2"
    left.mkdir()
    mine.mkdir()
    prepare_workspace(workspace)
    assert not left.exists()
    assert mine.exists()
