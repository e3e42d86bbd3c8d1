"""The RSI level that another buy of a held symbol uses.

A *cycle* goes down the levels 30, 20, 10, each used once. An entry uses a level by its RSI (below 30: 30, below 20: 20, below
10: 10), and the next buy uses the next lower one, when RSI closes below it. A close below several levels uses the highest of
them and leaves the lower ones for later closes. After the last level there is no re-entry until a close with RSI above 30 ends
the cycle. Then the level of the entry rule starts it again: 30 above the slow EMA, 20 below it. Only filled buys count: a
cancelled re-entry leaves its level unused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tradectl.strategy.parameters import Parameters


def levels(parameters: Parameters) -> tuple[int, int, int]:
    """Return the levels of a cycle, highest first."""
    return parameters.reentry_first, parameters.reentry_second, parameters.reentry_third


def level_at_entry(rsi: float, parameters: Parameters) -> int:
    """Return the level that an entry with this RSI uses: the lowest that it is below, the first one above them all."""
    first, second, third = levels(parameters)
    return third if rsi < third else second if rsi < second else first


def next_level(
    last_level: int, rsi_since_last_decision: ArrayLike, rsi_now: float, above_ema200: bool, parameters: Parameters
) -> int:
    """Return the level that a re-entry decided on this close would use; 0 for no re-entry.

    `rsi_since_last_decision`: RSI of every bar after the bar on which the last filled buy was decided, this one included."""
    first, second, _ = levels(parameters)
    if np.any(np.asarray(rsi_since_last_decision) > first):
        level = first if above_ema200 else second if parameters.allow_below_ema200 else 0
    else:
        level = next((lower for lower in levels(parameters) if lower < last_level), 0)
    return level if rsi_now < level else 0
