"""Fetch prices, corporate actions, renames, lists and instruments that are missing; report what did not come, with its age."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="prices",
    summary=__doc__,
    schedule=Schedule((time(7, 30), time(19, 0)), until=time(23, 30), first_until=time(8, 0)),
    run=step_of(__name__),
    real_time=True,
    asks_broker=False,
)
