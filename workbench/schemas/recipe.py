"""A recipe: the whole cycle as one file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from workbench.schemas.base import SafeName, StrictModel

StepKind = Literal["generate_raft", "train", "serve", "evaluate", "compare", "gate"]


class Step(StrictModel):
    """One job of a recipe.

    A string in `config` that starts with `@` stands for what an earlier step made: `@data.files.train` is the value
    `files.train` of the result of step `data`, `@serve.endpoint` the address of the server that step `serve` runs.
    """

    name: SafeName
    kind: StepKind
    config: dict[str, Any] = Field(default_factory=dict[str, Any])


class Guard(StrictModel):
    """What must hold for a recipe without a gate to pass."""

    general_drop_max: float = Field(default=0.05, ge=0, le=1)
    """Largest relative fall of the general task that is accepted."""
    adapter_must_differ: bool = True
    """The fine-tuned model must answer differently from the base at least once."""


class Recipe(StrictModel):
    """Steps in order. In a recipe file, a string that starts with `./` or `../` is a path relative to that file."""

    name: SafeName
    title: dict[Literal["ja", "en"], str] = Field(default_factory=dict[Literal["ja", "en"], str])
    steps: tuple[Step, ...] = Field(min_length=1)
    guard: Guard = Guard()

    @model_validator(mode="after")
    def _check_names(self) -> Recipe:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("step_names_repeat")
        return self


class RecipeConfig(StrictModel):
    """Configuration of a recipe job: the recipe with its values set and its paths absolute."""

    recipe: Recipe
    start_from: str = ""
    """Name of the first step that runs again even if its result is cached."""


class GuardCondition(StrictModel):
    """One condition of the guard and whether it held."""

    code: Literal["general_drop", "adapter_differs"]
    held: bool | None
    """None: not enough evidence."""
    value: float | None = None
    limit: float | None = None


class StepRecord(StrictModel):
    """What became of one step."""

    name: str
    kind: StepKind
    state: Literal["waiting", "running", "succeeded", "failed", "cancelled", "skipped"] = "waiting"
    """`skipped`: a server that no step needed, because their results were cached."""
    cached: bool = False
    seconds: float = 0.0
    artifact: str = ""
    job: str = ""
