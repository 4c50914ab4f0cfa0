"""The base of every declared record, and how bad values become our own errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from workbench.errors import ConfigError, Problem


class StrictModel(BaseModel):
    """Refuses unknown fields and cannot be changed after it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("name_unsafe")
    return value


SafeName = Annotated[str, AfterValidator(_check_name)]
"""A name that is safe as a file or folder name: letters, digits, '.', '_', '-', at most 100."""


def at_most(characters: int) -> AfterValidator:
    """Bounds a text. pydantic's own `max_length` refuses lone surrogates, which models do write and people copy."""

    def check(value: str) -> str:
        if len(value) > characters:
            raise ValueError("text_too_long")
        return value

    return AfterValidator(check)


Model = TypeVar("Model", bound=BaseModel)

# pydantic's error type -> (our problem code, the bound's name in its context)
_PROBLEMS: dict[str, tuple[str, str | None]] = {
    "missing": ("missing", None),
    "extra_forbidden": ("unknown", None),
    "greater_than_equal": ("at_least", "ge"),
    "greater_than": ("more_than", "gt"),
    "less_than_equal": ("at_most", "le"),
    "less_than": ("less_than", "lt"),
    "literal_error": ("one_of", "expected"),
    "string_too_short": ("missing", None),
    "too_short": ("missing", None),
}


def parse(model: type[Model], values: Mapping[str, Any], prefix: str = "") -> Model:
    """Validate values into a model, collecting every problem.

    Args:
        model: The schema.
        values: Field values as they came from a form, a file or a command line.
        prefix: Path put before each field's name in the problems, for example `train`.

    Raises:
        ConfigError: One entry per bad field.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as exc:
        raise ConfigError(problems_of(exc, prefix or model.__name__)) from exc


def problems_of(
    exc: ValidationError, prefix: str, ignore: Callable[[object], bool] = lambda _: False
) -> list[Problem]:
    """Our problems for pydantic's errors.

    Args:
        exc: What validation raised.
        prefix: Path put before each field's name.
        ignore: Leaves out errors about input values for which it is true.
    """
    return [_to_problem(error, prefix) for error in exc.errors() if not ignore(error.get("input"))]


def _to_problem(error: Any, prefix: str) -> Problem:
    name = ".".join([prefix, *(str(part) for part in error["loc"])])
    kind = str(error["type"])
    if kind == "value_error":
        reason = str(error["ctx"]["error"])
        # validators of our schemas raise ValueError(<problem code>)
        return Problem(name, reason if re.fullmatch(r"[a-z_]+", reason) else "invalid")
    code, bound = _PROBLEMS.get(kind, ("invalid", None))
    params = {"limit": str(error["ctx"][bound])} if bound else {}
    return Problem(name, code, dict(params))
