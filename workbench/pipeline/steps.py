"""What a recipe knows of each kind of step: its schema and the memory it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.errors import ConfigError
from workbench.schemas.base import problems_of
from workbench.schemas.evaluation import CompareConfig, EvaluateConfig
from workbench.schemas.gate import GateConfig
from workbench.schemas.generation import RaftConfig
from workbench.schemas.recipe import Step, StepKind
from workbench.schemas.serving import ServeConfig
from workbench.schemas.training import SFTSettings
from workbench.serving.memory import serving_bytes
from workbench.training.plan import training_bytes


@dataclass(frozen=True)
class StepSpec:
    """One kind of step."""

    schema: type[BaseModel]
    memory: Callable[[Any], int] = lambda _: 0
    """Bytes to reserve while a step with this configuration runs."""

    def check(self, step: Step) -> None:
        """Refuse wrong fields before anything runs; values that come from earlier steps are not known yet.

        Raises:
            ConfigError: One entry per bad field.
        """
        try:
            self.schema.model_validate(step.config)
        except ValidationError as exc:
            problems = problems_of(exc, step.name, ignore=_is_reference)
            if problems:
                raise ConfigError(problems) from exc


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and value.startswith("@")


STEPS: dict[StepKind, StepSpec] = {
    "generate_raft": StepSpec(RaftConfig),
    "train": StepSpec(SFTSettings, training_bytes),
    "serve": StepSpec(ServeConfig, serving_bytes),
    "evaluate": StepSpec(EvaluateConfig),
    "compare": StepSpec(CompareConfig),
    "gate": StepSpec(GateConfig),
}
