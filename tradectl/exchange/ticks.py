"""Tick sizes by date and price (ticks.csv), and rounding to them. Prices and ticks are integer paise.

Live, the tick comes from the day's instrument list; this table is for history, where the month-end close decides.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from functools import cache

from tradectl.exchange.tables import in_force, rows
from tradectl.model.money import to_paise


@cache
def _tables() -> tuple[list[date], list[tuple[list[int], list[int]]]]:
    """Start dates, and for each the inclusive upper price limits and the ticks (one more: above the last limit)."""
    by_start: dict[date, tuple[list[int], list[int]]] = {}
    for row in rows("ticks.csv"):
        limits, ticks = by_start.setdefault(date.fromisoformat(row["since"]), ([], []))
        ticks.append(to_paise(row["tick"]))
        if row["up_to"]:
            limits.append(to_paise(row["up_to"]))
    starts = sorted(by_start)
    return starts, [by_start[start] for start in starts]


def tick_size(session: date, month_end_close: int) -> int:
    """Tick in paise of a share on `session`, by the close (paise) of the last session of the month before."""
    starts, tables = _tables()
    limits, ticks = tables[in_force(starts, session, "tick size")]
    return ticks[bisect_left(limits, month_end_close)]


def round_down(price: int, tick: int) -> int:
    """The highest price on the tick that is not above `price`."""
    return price // tick * tick


def round_up(price: int, tick: int) -> int:
    """The lowest price on the tick that is not below `price`."""
    return -(-price // tick) * tick


def on_tick(price: int, tick: int) -> bool:
    return price % tick == 0
