"""Cancel buys that are no longer valid on the final bars; retry after-market orders that failed."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="premarket-retry",
    summary=__doc__,
    schedule=Schedule((time(8, 0), time(8, 40)), until=time(8, 55)),
    run=step_of(__name__),
    buys=True,
    sends=True,
)
