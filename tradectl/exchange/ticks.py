"""Give tick sizes by date and price (ticks.csv), and round prices to them. Prices and ticks are integer paise.

A live home takes the tick from the day's instrument list. This table is for history; there the month-end close decides.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from functools import cache

from tradectl.exchange.tables import in_force, rows
from tradectl.model.money import to_paise


@cache
def tables() -> tuple[list[date], list[tuple[list[int], list[int]]]]:
    """Return the start dates, and for each its inclusive upper price limits and its ticks. The last tick has no limit."""
    by_start: dict[date, tuple[list[int], list[int]]] = {}
    for row in rows("ticks.csv"):
        limits, ticks = by_start.setdefault(date.fromisoformat(row["since"]), ([], []))
        ticks.append(to_paise(row["tick"]))
        if row["up_to"]:
            limits.append(to_paise(row["up_to"]))
    starts = sorted(by_start)
    return starts, [by_start[start] for start in starts]


def tick_size(session: date, month_end_close: int) -> int:
    """Return the tick (paise) of a share on `session`, from the close (paise) of the previous month's last session."""
    starts, by_start = tables()
    limits, ticks = by_start[in_force(starts, session, "tick size")]
    return ticks[bisect_left(limits, month_end_close)]


def round_down(price: int, tick: int) -> int:
    """Return the highest price on the tick that is not above `price`."""
    return price // tick * tick


def round_up(price: int, tick: int) -> int:
    """Return the lowest price on the tick that is not below `price`."""
    return -(-price // tick) * tick


def on_tick(price: int, tick: int) -> bool:
    """Return whether a price is a multiple of the tick (both in paise)."""
    return price % tick == 0
