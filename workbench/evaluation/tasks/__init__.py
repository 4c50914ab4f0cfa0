"""Tasks: files that say where questions come from, how they are put and how answers are scored.

`catalogue` knows which there are; `loading`, which brings the templates' engine with it, makes questions of one.
"""

from workbench.evaluation.tasks.catalogue import Task, list_tasks, load_task, tasks_folder

__all__ = ["Task", "list_tasks", "load_task", "tasks_folder"]
