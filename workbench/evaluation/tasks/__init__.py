"""Tasks: files that say where questions come from, how they are put and how answers are scored."""

from workbench.evaluation.tasks.catalogue import Task, list_tasks, load_task, tasks_folder
from workbench.evaluation.tasks.loading import TaskSet, load_task_set

__all__ = ["Task", "TaskSet", "list_tasks", "load_task", "load_task_set", "tasks_folder"]
