from __future__ import annotations

from pathlib import Path

import pytest

from workbench.containers.references import allowed_repositories
from workbench.errors import InputError, NotFoundError
from workbench.i18n import has_key, t
from workbench.serving.recipes import list_recipes, load_recipe, recipes_folder

GOOD = """
version: 1
engine: vllm
title: {ja: a, en: a}
about: {ja: a, en: a}
image: vllm/vllm-openai:v1
ready: {path: /health, usual_seconds: 1}
model: {kind: folder, target: /m}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "vllm.yaml").write_text(text, encoding="utf-8")
    return folder


def test_every_recipe_that_ships_is_valid_and_its_image_comes_from_a_known_maker() -> None:
    recipes = list_recipes()
    assert {recipe.engine for recipe in recipes} == {
        "nim1",
        "nim2",
        "nim_spark",
        "vllm",
        "llamacpp",
        "ollama",
    }
    for recipe in (*recipes, load_recipe("ngc_training")):
        for image in (recipe.image, *recipe.other_images, *recipe.gpu_images.values()):
            assert allowed_repositories().find(image) is not None, image


def test_no_recipe_pins_the_word_latest() -> None:
    for path in recipes_folder().glob("*.yaml"):
        assert ":latest" not in path.read_text(encoding="utf-8"), path.name


def test_every_note_of_a_recipe_has_words() -> None:
    notes = {note for recipe in list_recipes() for note in recipe.notes}
    assert notes
    assert [note for note in notes if not has_key(f"engine.note.{note}")] == []
    assert t("engine.note.nvfp4", "en") != t("engine.note.nvfp4", "ja")


@pytest.mark.parametrize(
    "change",
    [
        ("target: /m", "target: ''"),
        ("image: vllm", "imag: vllm"),
        ("version: 1", "version: 2"),
        ("ready: {path: /health, usual_seconds: 1}", "port: 8000"),
        ("ready:", "command: [{args: ['{password}']}]\nready:"),
        ("ready:", "command: [{env: X, value: y}]\nready:"),
        ("ready:", "environment: [{env: X, args: [y]}]\nready:"),
        ("engine: vllm", "engine: nim1"),
    ],
)
def test_a_recipe_with_a_fault_is_refused_by_name(change: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    load_recipe("vllm", write(tmp_path / "good", GOOD))
    (tmp_path / "bad").mkdir()
    with pytest.raises(InputError) as caught:
        load_recipe("vllm", write(tmp_path / "bad", GOOD.replace(*change)))
    assert caught.value.code == "engine_recipe_bad"
    assert "vllm.yaml" in str(caught.value.params["path"])


def test_yaml_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="engine_recipe_bad"):
        load_recipe("vllm", write(tmp_path, "a: [1"))


def test_an_engine_without_a_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="engine_recipe_missing"):
        load_recipe("vllm", tmp_path)
