"""The models that a person can choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import InputError, StateError
from workbench.paths import Workspace
from workbench.ui.models import forget_model, list_models, register_model, registered_models


def make_model(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names or ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_a_registered_folder_is_listed_until_it_is_taken_off(workspace: Workspace, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    register_model(workspace, str(folder))
    register_model(workspace, f"  {folder}  ")
    assert [model.name for model in registered_models(workspace)] == ["mine"]
    forget_model(workspace, str(folder))
    assert registered_models(workspace) == []
    assert folder.is_dir()


@pytest.mark.parametrize(
    "names", [("config.json", "model.safetensors"), ("tokenizer.json", "model.safetensors")]
)
def test_a_folder_that_lacks_a_part_is_refused_and_the_part_is_named(
    workspace: Workspace, tmp_path: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        register_model(workspace, str(make_model(tmp_path / "m", *names)))
    assert caught.value.params["missing"] in ("tokenizer", "config.json")


@pytest.mark.parametrize("given", ["", "relative/path", "/nowhere/at/all"])
def test_what_is_no_folder_of_this_machine_is_refused(workspace: Workspace, given: str) -> None:
    with pytest.raises(InputError, match="model_folder_invalid"):
        register_model(workspace, given)


def test_downloads_are_found_one_and_two_levels_deep_and_half_ones_are_not(workspace: Workspace) -> None:
    make_model(workspace.models / "org" / "whole")
    make_model(workspace.models / "flat")
    make_model(workspace.models / "half", "config.json")
    found = list_models(workspace, "practice")
    assert [(model.name, model.source) for model in found] == [
        ("practice", "starter"),
        ("flat", "downloaded"),
        ("org/whole", "downloaded"),
    ]


def test_a_damaged_settings_file_is_told_and_not_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    workspace.settings_file.write_text("{broken", encoding="utf-8")
    with pytest.raises(StateError, match="settings_unreadable"):
        register_model(workspace, str(make_model(tmp_path / "m")))
    assert workspace.settings_file.read_text(encoding="utf-8") == "{broken"
