from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import ConfigError, InputError, NotFoundError
from workbench.pipeline import load_recipe, sample_recipe_path

SMALL = """
name: small
steps:
  - name: data
    kind: generate_raft
    config: {source: {path: ./faq.csv}, train: 10}
  - name: train
    kind: train
    config: {model: ./model, train_file: "@data.files.train"}
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_recipe_file(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    assert recipe.steps[0].config["source"]["path"] == str(recipe_file.parent / "faq.csv")


def test_a_setting_changes_a_nested_value(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["data.source.license=MIT", "train.lora.r=4", "data.train=3"])
    assert recipe.steps[0].config["source"]["license"] == "MIT"
    assert recipe.steps[1].config["lora"] == {"r": 4}
    assert recipe.steps[0].config["train"] == 3


def test_a_setting_of_an_unknown_step_names_it(recipe_file: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(recipe_file, ["trian.lora.r=4"])
    assert caught.value.params["step"] == "trian"


@pytest.mark.parametrize("setting", ["train", "train.lr", "=", "train.lora.r.x=1", "train.a=[1"])
def test_a_setting_that_cannot_be_read_is_refused(recipe_file: Path, setting: str) -> None:
    with pytest.raises(InputError):
        load_recipe(recipe_file, ["train.lora.r=4", setting])


def test_wrong_fields_of_all_steps_of_one_kind_are_reported_at_once(recipe_file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe_file, ["data.train=-1", "data.oracle_share=2", "data.nonsense=1"])
    fields = {problem.field for problem in caught.value.problems}
    assert fields == {"data.train", "data.oracle_share", "data.nonsense"}


def test_a_file_that_is_no_yaml_is_refused_with_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(broken)
    assert caught.value.code == "recipe_not_yaml"
    with pytest.raises(NotFoundError):
        load_recipe(tmp_path / "absent.yaml")


def test_the_sample_recipe_is_valid_and_its_files_exist() -> None:
    recipe = load_recipe(sample_recipe_path())
    assert [step.kind for step in recipe.steps] == [
        "generate_raft",
        "train",
        "serve",
        "evaluate",
        "evaluate",
        "compare",
    ]
    assert Path(recipe.steps[0].config["source"]["path"]).is_file()
    assert Path(recipe.steps[1].config["model"]).is_dir()
