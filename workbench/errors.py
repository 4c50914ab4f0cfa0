"""Errors that people see.

Every error carries a code and named parameters; `workbench.i18n.render_error` turns them into a message
and a hint in the reader's language. The catalogue holds `error.<code>.message` and `error.<code>.hint`
for each code (a test insists). The tree:

    WorkbenchError
      InputError        a file, a row or a value that a person gave
        ConfigError     several bad fields at once, each with its own problem
      NotFoundError     an id or a path that does not exist
      StateError        the thing exists, but is not in a state that allows this
      ResourceError     disk, memory, ports, processes of this machine
      EndpointError     a model server answered badly or not at all
      InternalError     a fault of ours; shows an id that is in the log

Third-party exceptions are converted where that library is imported, with `raise ... from exc`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

Param = str | int | float


class WorkbenchError(Exception):
    """An error with a sentence for people.

    Args:
        code: Key of the sentence in the catalogue, for example `faq_empty`.
        **params: Values for the sentence's placeholders.
    """

    def __init__(self, code: str, **params: Param) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, Param] = dict(params)

    def __str__(self) -> str:
        values = ", ".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.code}({values})"


class InputError(WorkbenchError):
    """A file, a row or a value that a person gave cannot be used."""


@dataclass(frozen=True)
class Problem:
    """One bad field of a form, a recipe or a command line."""

    field: str
    """Dotted path of the field, for example `train.learning_rate`."""
    code: str
    """Key of the sentence in the catalogue: `problem.<code>`."""
    params: dict[str, Param] = dataclasses.field(default_factory=dict[str, Param])


class ConfigError(InputError):
    """Several fields are wrong; all of them are reported at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("config_invalid", count=len(problems))
        self.problems = tuple(problems)


class NotFoundError(WorkbenchError):
    """An id or a path does not exist."""


class StateError(WorkbenchError):
    """The thing exists, but is not in a state that allows this."""


class ResourceError(WorkbenchError):
    """This machine lacks disk, memory, a port or a process."""


class EndpointError(WorkbenchError):
    """A model server answered badly or not at all."""

    def __init__(self, code: str, *, retry_after: float | None = None, **params: Param) -> None:
        super().__init__(code, **params)
        self.retry_after = retry_after
        """Seconds to wait as the server asked, or None."""


class InternalError(WorkbenchError):
    """A fault of ours. The technical detail is in the log under the id."""
