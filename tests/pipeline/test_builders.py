"""Recipes that the program writes itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving.makers import make_gguf, make_model
from workbench.artifacts import ArtifactStore
from workbench.paths import Workspace
from workbench.pipeline import evaluate_model_recipe
from workbench.pipeline.recipe import check_recipe
from workbench.schemas.evaluation import TaskChoice
from workbench.schemas.ollama import OLLAMA_EXPORT

TASKS = (TaskChoice(task="choice"),)


def test_a_model_folder_is_asked_from_the_embedded_server(workspace: Workspace, tmp_path: Path) -> None:
    model, base = make_model(tmp_path / "m"), make_model(tmp_path / "b")
    recipe = evaluate_model_recipe(ArtifactStore(workspace), model, base, tasks=TASKS)
    assert [step.name for step in recipe.steps] == ["serve_base", "baseline", "serve", "finetuned", "compare"]
    assert all("engine" not in step.config for step in recipe.steps if step.kind == "serve")
    check_recipe(recipe)


@pytest.mark.parametrize("engine", ["llamacpp", "ollama"])
def test_a_gguf_is_asked_from_a_container_in_the_way_that_it_says(
    engine: str, workspace: Workspace, tmp_path: Path
) -> None:
    model = make_gguf(tmp_path / "model-q8_0.gguf").parent
    if engine == "ollama":
        (model / OLLAMA_EXPORT).write_text("{}")
    recipe = evaluate_model_recipe(ArtifactStore(workspace), model, None, tasks=TASKS)
    serve, ask = recipe.steps
    assert serve.config == {"model": str(model), "engine": engine}
    assert ask.config["endpoint"] == "@serve.endpoints.base"
    check_recipe(recipe)


def test_an_adapters_gguf_and_its_base_are_asked_from_one_server(
    workspace: Workspace, tmp_path: Path
) -> None:
    base = make_gguf(tmp_path / "base" / "model-q8_0.gguf").parent
    file = make_gguf(tmp_path / "tuned" / "adapter-f32.gguf", adapter=True)
    recipe = evaluate_model_recipe(ArtifactStore(workspace), file.parent, base, tasks=TASKS)
    serve, before, after, compare = recipe.steps
    assert serve.config == {
        "model": str(base),
        "engine": "llamacpp",
        "adapters": [{"name": "finetuned", "path": str(file)}],
    }
    assert [step.config["endpoint"] for step in (before, after)] == [
        "@serve.endpoints.base",
        "@serve.endpoints.finetuned",
    ]
    assert [step.config["label"] for step in (before, after)] == ["baseline", "finetuned"]
    assert compare.config == {"baseline": "@baseline.artifact", "finetuned": "@finetuned.artifact"}
    check_recipe(recipe)
