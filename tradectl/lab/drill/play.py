"""Playing a step as cron would: where the broker is down it is tried again a minute later, until its window closes."""

from __future__ import annotations

from datetime import timedelta

from tradectl.lab.drill.days import Step
from tradectl.lab.drill.process import Life
from tradectl.runtime.outcomes import Report
from tradectl.runtime.registry import all_tasks

TASKS = {task.name: task for task in all_tasks()}
TRIED_AGAIN = frozenset({5, 6, 7, 8})
"""Exit codes after which the same command is given again a minute later."""
MINUTE = timedelta(minutes=1)
MOST = 12
"""Tries of one step: longer than any fault lasts."""


def play(life: Life, step: Step) -> Report:
    """Run a step now, or at its time if that is later; the last report."""
    clock = life.clock
    if clock.now() < step.at:
        clock.move_to(step.at)
    report = _run(life, step)
    tries = 1
    while _may_pass(report) and tries < MOST and clock.now() + MINUTE < step.closes:
        clock.sleep(MINUTE.total_seconds())
        report = _run(life, step)
        tries += 1
    return report


def _may_pass(report: Report) -> bool:
    return report.exit_code in TRIED_AGAIN and report.outcome != "completed"


def _run(life: Life, step: Step) -> Report:
    until = step.until if step.until is not None and step.until > life.clock.now() else None
    past = step.until is not None and until is None
    return life.runner.run(TASKS[step.task], session=step.session, until=until, once=past)
