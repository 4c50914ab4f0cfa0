"""The models that a person can choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.small_models import make_gguf_result, make_result, write_model
from workbench.errors import InputError, StateError
from workbench.paths import Workspace
from workbench.ui.context import UiContext
from workbench.ui.models import (
    base_of,
    forget_model,
    gguf_models,
    list_askable,
    list_models,
    register_model,
    registered_models,
)


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


def test_results_of_conversions_are_listed_by_their_names(ctx: UiContext, workspace: Workspace) -> None:
    made = make_result(ctx, "tax-merged")
    broken = ctx.artifacts.begin("model", "half")
    (broken.folder / "config.json").write_text("{}", encoding="utf-8")
    broken.commit()
    found = [model for model in list_models(workspace, "practice") if model.source == "converted"]
    assert [(model.name, Path(model.path).name) for model in found] == [("tax-merged", made.id)]


def test_a_result_knows_its_base_while_that_is_here(ctx: UiContext, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    with_base, alone = make_result(ctx, "a", base), make_result(ctx, "b")
    assert base_of(ctx.artifacts.folder(with_base.id)) == base
    assert base_of(ctx.artifacts.folder(alone.id)) is None
    assert base_of(base) is None
    (base / "config.json").unlink()
    assert base_of(ctx.artifacts.folder(with_base.id)) is None


def test_a_gguf_is_compared_with_what_its_base_became_in_the_same_way(ctx: UiContext, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    merged = ctx.artifacts.folder(make_gguf_result(ctx, "tax", base=str(base)).id)
    assert base_of(merged) == base
    make_gguf_result(ctx, "other-type", source=str(base), dtype="f16")
    assert base_of(merged) == base
    twin = ctx.artifacts.folder(make_gguf_result(ctx, "base", source=str(base)).id)
    assert base_of(merged) == twin
    # the base's own file is compared with what it was made from
    assert base_of(twin) == base


def test_a_gguf_of_a_merged_model_is_compared_with_that_models_base(ctx: UiContext, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    merged = ctx.artifacts.folder(make_result(ctx, "merged", base).id)
    assert base_of(ctx.artifacts.folder(make_gguf_result(ctx, "tax", source=str(merged)).id)) == base


def test_an_adapter_as_gguf_can_be_asked_once_its_base_is_one_too(ctx: UiContext, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    tuned = ctx.artifacts.folder(make_gguf_result(ctx, "tuned", to="gguf-adapter", base=str(base)).id)
    make_gguf_result(ctx, "nobody's", to="gguf-adapter")
    other = make_gguf_result(ctx, "other")
    assert base_of(tuned) is None
    assert other.id in list_askable(ctx.workspace, "")[-1].path
    whole = make_gguf_result(ctx, "whole", source=str(base))
    assert base_of(tuned) == ctx.artifacts.folder(whole.id)
    assert [model.name for model in gguf_models(ctx.workspace)] == ["whole", "other"]
    assert [model.name for model in list_askable(ctx.workspace, "")[-3:]] == ["whole", "other", "tuned"]
