"""Which tasks an evaluation asks beside the RAFT sets: choosing, describing, and where their data lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import InputError, NotFoundError
from workbench.evaluation.tasks import Task, list_tasks, load_task
from workbench.schemas.base import parse
from workbench.schemas.evaluation import TaskChoice
from workbench.ui.components import to_json
from workbench.ui.context import UiContext
from workbench.ui.handlers import read_event
from workbench.ui.tabs.ticking import SKIP
from workbench.ui.views import tasks as view
from workbench.ui.views.html import Html
from workbench.ui.views.runs import Choices
from workbench.ui.views.uploads import keep_upload

OWN = "own"
"""The choice of a task file of the person's own."""
MAX_TASKS = 20

Rows = Sequence[dict[str, Any]]
"""Chosen tasks as the page holds them: TaskChoice as JSON."""


def task_choices(ctx: UiContext) -> Choices:
    """The catalogue for a drop-down list, and a file of one's own."""
    named = [(view.say_title(task, ctx.lang), task.spec.name) for task in list_tasks()]
    return [*named, (ctx.t("evaluate_tab.task.own"), OWN)]


def choose_task(ctx: UiContext, name: str | None) -> list[Any]:
    """Describe the chosen task; a task file's box is shown for one's own only."""
    own = name == OWN
    said = Html() if own or not name else _describe(ctx, load_task(name))
    return [said, gr.update(visible=own)]


def _describe(ctx: UiContext, task: Task) -> Html:
    return view.describe_task(task, has_data=not needs_data(task), lang=ctx.lang)


def needs_data(task: Task) -> bool:
    """Whether the person must say where the questions are."""
    data = task.spec.source.data
    return not (data.path or data.hub or data.web)


def add_task(ctx: UiContext, rows: Rows, **values: Any) -> list[Any]:
    """Put a task on the list.

    Args:
        ctx: The page's context.
        rows: The list so far.
        **values: `task`, `file` (a task file of one's own), `data`, `upload`, `limit`, `shots`.

    Returns:
        The new list, its table, and an emptied data box.

    Raises:
        InputError: `task_needs_data`, `task_list_full`, `task_twice`.
        NotFoundError: `task_path_missing`.
        WorkbenchError: The task file cannot be used.
    """
    task = load_task(_which(values))
    if len(rows) >= MAX_TASKS:
        raise InputError("task_list_full", limit=MAX_TASKS)
    if any(load_task(str(row["task"])).spec.name == task.spec.name for row in rows):
        raise InputError("task_twice", task=view.say_title(task, ctx.lang))
    data = _find_data(ctx, values)
    if not data and needs_data(task):
        raise InputError("task_needs_data", task=view.say_title(task, ctx.lang))
    shots = values.get("shots")
    given = {
        "task": _which(values),
        "data": data,
        "limit": values.get("limit") or 0,
        "shots": None if shots in (None, "") else shots,
    }
    choice = parse(TaskChoice, given)
    kept = [*rows, choice.model_dump(mode="json")]
    return [kept, show_choices(ctx, kept), "", None]


def _which(values: dict[str, Any]) -> str:
    name = str(values.get("task") or "")
    if name != OWN:
        return name
    path = str(values.get("file") or "").strip()
    if not path.endswith((".yaml", ".yml")):
        raise InputError("task_file_not_yaml")
    return str(Path(path).expanduser().absolute())


def _find_data(ctx: UiContext, values: dict[str, Any]) -> str:
    """The path that was typed, else the file that was dropped, kept where jobs find it again."""
    typed = str(values.get("data") or "").strip()
    if typed:
        path = Path(typed).expanduser().absolute()
        if not path.exists():
            raise NotFoundError("task_path_missing", path=str(path))
        return str(path)
    dropped = values.get("upload")
    return str(keep_upload(ctx.workspace, Path(str(dropped)))) if dropped else ""


def press_choice(ctx: UiContext, rows: Rows, event: gr.EventData) -> list[Any]:
    """A row's button: take the task off the list."""
    place = str(read_event(event).get("row", ""))
    kept = [row for number, row in enumerate(rows) if str(number) != place]
    return [kept, show_choices(ctx, kept)]


def show_choices(ctx: UiContext, rows: Rows) -> str:
    """The list as a table with a button per row."""
    choices = read_choices(rows)
    titles = [view.say_title(load_task(choice.task), ctx.lang) for choice in choices]
    return to_json(view.list_choices(choices, titles, ctx.lang))


def read_choices(rows: Rows) -> list[TaskChoice]:
    """The chosen tasks, checked: the page may send anything.

    Raises:
        ConfigError: One entry per bad field.
    """
    return [parse(TaskChoice, row) for row in rows]


def task_titles(ctx: UiContext) -> dict[str, str]:
    """Name -> title, for results."""
    return {task.spec.name: view.say_title(task, ctx.lang) for task in list_tasks()}


def forget_upload(ctx: UiContext, typed: str | None) -> Any:
    """A typed path wins over a dropped file; only one of them stays on the page."""
    return gr.update(value=None) if (typed or "").strip() else SKIP
