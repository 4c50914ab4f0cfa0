"""The command that does the same as the screen, with a copy button."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import gradio as gr

from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.context import UiContext

_SECRET = re.compile(r"(?i)(key|token|password|secret)")


def mask_secrets(command: Sequence[str]) -> list[str]:
    """Replace the values of options and settings whose name speaks of a secret; names of variables stay."""
    masked: list[str] = []
    hide_next = False
    for part in command:
        name, equals, _ = part.partition("=")
        if hide_next:
            masked.append("***")
        elif equals and _SECRET.search(name) and not name.endswith(("-env", "_env")):
            masked.append(f"{name}=***")
        else:
            masked.append(part)
        secret = part.startswith("--") and not equals and bool(_SECRET.search(part))
        hide_next = secret and not part.endswith(("-env", "_env"))
    return masked


def command_payload(command: Sequence[str]) -> str:
    """JSON text for a command line: words of the command, quoted for a shell, secrets masked."""
    return to_json({"command": shlex.join(mask_secrets(command)) if command else ""})


def command_line(ctx: UiContext, elem_id: str, command: Sequence[str] = ()) -> gr.HTML:
    """The line at the foot of a screen. A handler returns `command_payload(...)` as its value."""
    return json_view(
        "command",
        elem_id=elem_id,
        labels=labels_of(ctx, "command", ("title", "copy", "copied")),
        value=command_payload(command),
        classes=("wb-command",),
    )
