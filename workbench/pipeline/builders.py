"""Recipes that the program writes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.artifacts import ArtifactStore
from workbench.errors import StateError
from workbench.i18n import LANGUAGES, t
from workbench.paths import assets_dir
from workbench.schemas.artifact import ArtifactKind
from workbench.schemas.evaluation import TaskChoice
from workbench.schemas.ollama import OLLAMA_EXPORT
from workbench.schemas.recipe import Recipe, Step
from workbench.schemas.serving import ServeEngine
from workbench.serving.model_files import find_gguf, gguf_kind

MODEL_KINDS: tuple[ArtifactKind, ...] = ("model", "gguf")
GENERAL_TASK = "samples/general.jsonl"
TEST_FILES = {
    "answerable": "test.jsonl",
    "unseen": "test_unseen.jsonl",
    "unanswerable": "test_unanswerable.jsonl",
}
"""The test sets of a dataset by kind."""
SIDES = {"baseline": "base", "finetuned": "finetuned"}
"""Of a comparison, and under which name one server with both answers for each."""


def sample_recipe_path() -> Path:
    """The recipe behind the start page's button."""
    return assets_dir() / "recipes" / "raft_starter.yaml"


def evaluate_recipe(
    artifacts: ArtifactStore,
    adapter_id: str,
    dataset_id: str = "",
    *,
    general: bool = False,
    tasks: Sequence[TaskChoice] = (),
    limit: int = 0,
) -> Recipe:
    """Ask the base and the fine-tuned model the same questions, from one server, and compare the answers.

    Args:
        artifacts: Where the adapter and the dataset lie.
        adapter_id: Artifact of kind `adapter`.
        dataset_id: Artifact of kind `dataset` with test files; empty: the tasks alone.
        general: Also ask the small general task that ships with the program.
        tasks: Further tasks to ask.
        limit: Questions per test set, and per task that sets no limit of its own; 0: all.

    Raises:
        NotFoundError: One of the two does not exist.
        StateError: The adapter does not say which base model it belongs to.
    """
    adapter = artifacts.get(adapter_id)
    base = adapter.details.get("base_model")
    if not isinstance(base, str) or not base:
        raise StateError("adapter_without_base", name=adapter.name)
    asked = _collect_questions(artifacts, dataset_id, general=general, tasks=tasks, limit=limit)
    return Recipe(
        name="evaluate",
        title={lang: t("recipe.evaluate.title", lang, name=adapter.name) for lang in LANGUAGES},
        steps=_ask_together(Path(base), artifacts.folder(adapter_id), asked),
    )


def evaluate_model_recipe(
    artifacts: ArtifactStore,
    model: Path,
    base: Path | None,
    dataset_id: str = "",
    *,
    general: bool = False,
    tasks: Sequence[TaskChoice] = (),
    limit: int = 0,
) -> Recipe:
    """Ask a model, and the model it was made from where that is known, and compare the answers.

    A model folder is answered by the embedded server, a GGUF by the engine in a container that it was made for; an
    adapter as a GGUF file by one server together with its base.

    Args:
        artifacts: Where the dataset lies.
        model: Its folder, or a folder with its GGUF file or with that of an adapter.
        base: Its base; None: the model alone is asked, and nothing is compared. An adapter always has one.
        dataset_id: Artifact of kind `dataset` with test files; empty: the tasks alone.
        general: Also ask the small general task that ships with the program.
        tasks: Further tasks to ask.
        limit: Questions per test set, and per task that sets no limit of its own; 0: all.

    Raises:
        NotFoundError: The dataset does not exist.
    """
    asked = _collect_questions(artifacts, dataset_id, general=general, tasks=tasks, limit=limit)
    adapter = find_gguf(model) if gguf_kind(model) == "adapter" else None
    return Recipe(
        name="evaluate",
        title={
            lang: t("recipe.evaluate.title", lang, name=_name_model(artifacts, model)) for lang in LANGUAGES
        },
        steps=_ask_together(base, adapter, asked) if base and adapter else _ask_in_turn(model, base, asked),
    )


def _ask_together(base: Path, adapter: Path, asked: Mapping[str, Any]) -> tuple[Step, ...]:
    """One server for a base and its adapter; both are asked, and compared."""
    answers = (_ask(label, name, base, asked, "serve") for label, name in SIDES.items())
    return (_serve("serve", base, adapter), *answers, _compare())


def _ask_in_turn(model: Path, base: Path | None, asked: Mapping[str, Any]) -> tuple[Step, ...]:
    """A server for the model, and before it one for its base where there is one."""
    alone = SIDES["baseline"]
    steps = (_serve("serve", model), _ask("finetuned", alone, model, asked, "serve"))
    if base is None:
        return steps
    before = (_serve("serve_base", base), _ask("baseline", alone, base, asked, "serve_base"))
    return (*before, *steps, _compare())


def _name_model(artifacts: ArtifactStore, folder: Path) -> str:
    """A result's own name, or the folder's."""
    known = {item.id: item.name for kind in MODEL_KINDS for item in artifacts.list(kind)}
    return known.get(folder.name, folder.name)


def _collect_questions(
    artifacts: ArtifactStore, dataset_id: str, *, general: bool, tasks: Sequence[TaskChoice], limit: int
) -> dict[str, Any]:
    """What both sides are asked, as an evaluation's configuration."""
    tests: dict[str, str] = {}
    if dataset_id:
        tests = {kind: str(artifacts.file(dataset_id, name)) for kind, name in TEST_FILES.items()}
    if general:
        tests["general"] = str(assets_dir() / GENERAL_TASK)
    asked: dict[str, Any] = {"tests": tests}
    if tasks:
        asked["tasks"] = [choice.model_dump(mode="json") for choice in tasks]
    if limit:
        asked["limit"] = limit
    return asked


def _serve(name: str, model: Path, adapter: Path | None = None) -> Step:
    engine = choose_engine(model)
    config: dict[str, Any] = {"model": str(model)} | ({} if engine == "embedded" else {"engine": engine})
    if adapter is not None:
        config["adapters"] = [{"name": SIDES["finetuned"], "path": str(adapter)}]
    return Step(name=name, kind="serve", config=config)


def choose_engine(model: Path) -> ServeEngine:
    """What serves a model: for a GGUF the engine that it was made for."""
    file = find_gguf(model)
    if file is None:
        return "embedded"
    return "ollama" if (file.parent / OLLAMA_EXPORT).is_file() else "llamacpp"


def _ask(label: str, name: str, model: Path, asked: Mapping[str, Any], server: str) -> Step:
    """Ask a server for one of its models; one in a container says itself how that is done."""
    endpoint: Any = f"@{server}.endpoints.{name}"
    if choose_engine(model) == "embedded":
        endpoint = {
            "name": label,
            "base_url": f"@{server}.endpoint",
            "model": name,
            "engine": "embedded",
            "max_in_flight": 16,
        }
    return Step(name=label, kind="evaluate", config={"label": label, "endpoint": endpoint, **asked})


def _compare() -> Step:
    config = {"baseline": "@baseline.artifact", "finetuned": "@finetuned.artifact"}
    return Step(name="compare", kind="compare", config=config)
