"""Store price, RSI10, EMA9, P&L and a recommendation for each position."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="position-monitor",
    summary=__doc__,
    schedule=Schedule(
        (time(9, 30), time(10, 30), time(11, 30), time(12, 30), time(13, 30), time(14, 30), time(15, 30)),
        until=time(16, 0),
        each_until_next=True,
    ),
    run=step_of(__name__),
)
