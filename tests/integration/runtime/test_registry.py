"""The list of tasks."""

from __future__ import annotations

from importlib import import_module

import pytest

from tradectl.errors import UsageError
from tradectl.runtime.registry import all_tasks, task_named


def test_the_tasks_come_in_the_order_of_the_day() -> None:
    assert [task.name for task in all_tasks()] == [
        "prices",
        "premarket-retry",
        "amo-adjust",
        "sell-monitor",
        "position-monitor",
        "analyze",
        "buy",
        "eod",
    ]


def test_what_a_task_needs_is_a_task() -> None:
    names = {task.name for task in all_tasks()}
    assert {need for task in all_tasks() for need in task.needs} <= names


def test_every_task_has_its_work() -> None:
    for task in all_tasks():
        assert callable(import_module(f"tradectl.tasks.{task.name.replace('-', '_')}.step").run)


def test_a_task_is_found_by_its_name_only() -> None:
    assert task_named("buy").name == "buy"
    with pytest.raises(UsageError, match="no task is called 'sell'"):
        task_named("sell")
