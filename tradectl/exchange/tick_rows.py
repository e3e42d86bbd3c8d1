"""Give the tick sizes of many sessions and prices at once, with the same results as `ticks`."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.tables import in_force
from tradectl.exchange.ticks import tables

Ints = NDArray[np.int64]


def tick_sizes(sessions: Ints, month_end_closes: Ints) -> Ints:
    """Return `tick_size` of each session (ordinal) and close (paise)."""
    starts, by_start = tables()
    begins = np.array([start.toordinal() for start in starts], dtype=np.int64)
    if len(sessions):
        in_force(starts, date.fromordinal(int(sessions.min())), "tick size")
    table = np.searchsorted(begins, sessions, side="right") - 1
    found = np.empty(len(sessions), dtype=np.int64)
    for number, (limits, ticks) in enumerate(by_start):
        inside = table == number
        if inside.any():
            found[inside] = np.array(ticks, dtype=np.int64)[np.searchsorted(limits, month_end_closes[inside])]
    return found
