"""Find the tasks: the packages in `tradectl.tasks` that have a TASK."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from tradectl import tasks
from tradectl.errors import UsageError
from tradectl.task import Task


@cache
def all_tasks() -> tuple[Task, ...]:
    """Return every task, in the order of the day."""
    modules = (importlib.import_module(f"{tasks.__name__}.{found.name}") for found in pkgutil.iter_modules(tasks.__path__))
    declared = (getattr(module, "TASK", None) for module in modules)
    return tuple(sorted((task for task in declared if isinstance(task, Task)), key=lambda task: (task.schedule.at[0], task.name)))


def task_named(name: str) -> Task:
    """Return a task by name. Raises UsageError for an unknown name."""
    for task in all_tasks():
        if task.name == name:
            return task
    raise UsageError(f"no task is called {name!r}; there are {', '.join(task.name for task in all_tasks())}")
