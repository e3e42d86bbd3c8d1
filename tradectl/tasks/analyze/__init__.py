"""Scan, backtest and score the universe on today's close; store BUY and STRONG_BUY signals."""

from datetime import time

from tradectl.task import Schedule, Task, step_of

TASK = Task(
    name="analyze",
    summary=__doc__,
    schedule=Schedule((time(16, 0),), until=time(22, 45)),
    run=step_of(__name__),
    buys=True,
    switches=("allow_stale", "isolated"),
)
