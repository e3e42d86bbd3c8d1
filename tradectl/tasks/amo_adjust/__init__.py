"""Fit the quantities of waiting after-market buys to the pre-open prices."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="amo-adjust",
    summary=__doc__,
    schedule=Schedule((time(9, 5),), until=time(9, 7, 30)),
    run=step_of(__name__),
    buys=True,
    sends=True,
)
