"""Reconcile with the broker, find manual trades, compute P&L and statistics, clean up, send a summary."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="eod",
    summary=__doc__,
    schedule=Schedule((time(18, 0),), until=time(23, 59)),
    run=step_of(__name__),
)
