"""Decide whether a new home still waits for its first market data.

`init` may be typed at any hour. Without data each task of the day could only fail, minutes before `prices` brings them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from tradectl.model.freshness import ACTIONS, BARS
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.ledger.executions import Execution
    from tradectl.runtime.agenda import Window
    from tradectl.world import World

NEEDED = {BARS, ACTIONS}
"""The kinds of data without which `analyze` refuses."""
ENDED = {"completed", "failed"}


def waits_for_data(world: World, fetches: Iterable[Window], done: Mapping[tuple[str, str], Execution], now: datetime) -> bool:
    """Return whether the home began today, lacks data, and a task will still bring them today.

    Args:
        fetches: Today's windows of the tasks that fetch data.
        done: Today's executions by task and slot.
    """
    if ist_date(world.ledger.users.get(world.user).created_at) != ist_date(now):
        return False
    to_come = [window for window in fetches if now < window.over]
    rows = [row for window in to_come if (row := done.get((window.task, window.slot))) is not None]
    if not to_come or any(row.status in ENDED for row in rows):
        return False
    return bool(rows) or not world.freshness().keys() >= NEEDED  # a fetch that runs has not brought all
