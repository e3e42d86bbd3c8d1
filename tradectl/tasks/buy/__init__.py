"""Place after-market buys for the next session, within the portfolio's limits."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="buy",
    summary=__doc__,
    schedule=Schedule((time(16, 5),), until=time(23, 0)),
    needs=("analyze",),
    run=step_of(__name__),
    buys=True,
    sends=True,
)
