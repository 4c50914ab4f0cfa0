"""The only place that prints.

With `--json`, stdout holds one JSON document and nothing else; everything for reading goes to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.i18n import Lang, render_error, t


@dataclass(frozen=True)
class Output:
    """Where a command's words go."""

    as_json: bool
    lang: Lang

    def result(self, value: Mapping[str, Any] | Sequence[Any], text: str) -> None:
        """The command's outcome: the document with `--json`, else the text."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, indent=2, default=str), flush=True)
        else:
            print(text, flush=True)

    def say(self, key: str, **params: str | int | float) -> None:
        """One line of progress, in the person's language."""
        self.line(t(key, self.lang, **params))

    def line(self, text: str) -> None:
        """One line of progress."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def error(self, error: WorkbenchError) -> None:
        """What went wrong and what to do."""
        rendered = render_error(error, self.lang)
        if self.as_json:
            told = {"code": rendered.code, "message": rendered.message, "hint": rendered.hint}
            print(json.dumps({"error": told}, ensure_ascii=False, indent=2), flush=True)
        else:
            print(f"{rendered.message}\n{rendered.hint}".rstrip(), file=sys.stderr, flush=True)

    def text(self, key: str, **params: str | int | float) -> str:
        """A text of the catalogue in the person's language."""
        return t(key, self.lang, **params)
