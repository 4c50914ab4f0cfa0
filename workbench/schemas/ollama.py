"""What is said to an Ollama server when a model is registered there, and what it says back."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from workbench.schemas.base import StrictModel
from workbench.schemas.inference import HttpUrl

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
_NAME = re.compile(rf"({_PART}/)?{_PART}(:[A-Za-z0-9_][A-Za-z0-9._-]{{0,79}})?")


def _check_name(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ValueError("ollama_name")
    return value


OllamaName = Annotated[str, AfterValidator(_check_name)]
"""`name`, `namespace/name`, each with or without `:tag`; empty: to be chosen."""


def _read_url(value: object) -> object:
    # an empty field of a form
    return value or None


OptionalUrl = Annotated[HttpUrl | None, BeforeValidator(_read_url)]
"""The root of a server, or none."""


class OllamaModel(StrictModel):
    """A model that a server has."""

    name: str
    digest: str = ""
    bytes: int = 0


class OllamaProgress(StrictModel):
    """One line of a server's progress."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0


class OllamaCreate(StrictModel):
    """A model to be registered from files that the server holds already."""

    model: str
    base: str = ""
    """A model that the server has, which this one is made from."""
    files: dict[str, str] = Field(default_factory=dict[str, str])
    """File name -> `sha256:...` of an uploaded blob."""
    adapters: dict[str, str] = Field(default_factory=dict[str, str])
    """The same for a LoRA adapter; servers from 0.34.1 on refuse it."""
    template: str = ""
    system: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Options in JSON's types: numbers as numbers, `stop` as a list."""

    def body(self) -> dict[str, Any]:
        """As it is sent: nothing that was not set."""
        values = self.model_dump(mode="json")
        values["from"] = values.pop("base")
        return {name: value for name, value in values.items() if value}


OLLAMA_EXPORT = "ollama.json"
"""Name of the file with an `OllamaExport` in a folder that was made for Ollama."""


class OllamaVariant(StrictModel):
    """One model as a server is told of it."""

    modelfile: str
    """Name of its Modelfile."""
    suffix: str = ""
    """Added to the model's name."""
    file: str
    adapter: str = ""
    template: str = ""
    system: str = ""
    options: dict[str, Any] = Field(default_factory=dict[str, Any])


class OllamaExport(StrictModel):
    """All that registering a folder takes; the plain model first, then its variants."""

    models: tuple[OllamaVariant, ...]
