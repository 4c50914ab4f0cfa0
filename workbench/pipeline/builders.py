"""Recipes that the program writes itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.artifacts import ArtifactStore
from workbench.errors import StateError
from workbench.i18n import LANGUAGES, t
from workbench.paths import assets_dir
from workbench.schemas.recipe import Recipe, Step

GENERAL_TASK = "samples/general.jsonl"


def sample_recipe_path() -> Path:
    """The recipe behind the start page's button."""
    return assets_dir() / "recipes" / "raft_starter.yaml"


def evaluate_recipe(artifacts: ArtifactStore, adapter_id: str, dataset_id: str, *, general: bool) -> Recipe:
    """Ask the base and the fine-tuned model the same questions, from one server, and compare the answers.

    Args:
        artifacts: Where the adapter and the dataset lie.
        adapter_id: Artifact of kind `adapter`.
        dataset_id: Artifact of kind `dataset` with test files.
        general: Also ask the small general task that ships with the program.

    Raises:
        NotFoundError: One of the two does not exist.
        StateError: The adapter does not say which base model it belongs to.
    """
    adapter = artifacts.get(adapter_id)
    base = adapter.details.get("base_model")
    if not isinstance(base, str) or not base:
        raise StateError("adapter_without_base", name=adapter.name)
    tests = {
        "answerable": str(artifacts.file(dataset_id, "test.jsonl")),
        "unseen": str(artifacts.file(dataset_id, "test_unseen.jsonl")),
        "unanswerable": str(artifacts.file(dataset_id, "test_unanswerable.jsonl")),
    }
    if general:
        tests["general"] = str(assets_dir() / GENERAL_TASK)
    server = {"model": base, "adapters": [{"name": "finetuned", "path": str(artifacts.folder(adapter_id))}]}
    return Recipe(
        name="evaluate",
        title={lang: t("recipe.evaluate.title", lang, name=adapter.name) for lang in LANGUAGES},
        steps=(
            Step(name="serve", kind="serve", config=server),
            _ask("baseline", "base", tests),
            _ask("finetuned", "finetuned", tests),
            Step(
                name="compare",
                kind="compare",
                config={"baseline": "@baseline.artifact", "finetuned": "@finetuned.artifact"},
            ),
        ),
    )


def _ask(label: str, model: str, tests: Mapping[str, str]) -> Step:
    endpoint = {
        "name": label,
        "base_url": "@serve.endpoint",
        "model": model,
        "engine": "embedded",
        "max_in_flight": 16,
    }
    return Step(
        name=label, kind="evaluate", config={"label": label, "endpoint": endpoint, "tests": dict(tests)}
    )
