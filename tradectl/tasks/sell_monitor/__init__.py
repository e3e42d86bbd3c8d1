"""Rest sells at EMA9; each minute follow orders, lower targets, sell new fills, close positions."""

from collections.abc import Mapping
from datetime import time
from typing import Any

from tradectl.task import Schedule, Task, step_of


def keep_first_step(before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    """Later steps replace the totals; what the first step found stays."""
    if not after:
        return before
    return {**({"first_step": before["first_step"]} if "first_step" in before else {}), **after}


TASK = Task(
    name="sell-monitor",
    summary=__doc__,
    schedule=Schedule((time(9, 15),), until=None, every=60),
    run=step_of(__name__),
    sends=True,
    merge=keep_first_step,
)
