"""Find the RSI level of a re-entry, a further buy of a held symbol.

A *cycle* goes down the levels 30, 20 and 10; each level is used once. An entry uses the lowest level that is above its RSI. The
next buy uses the next lower level, when RSI closes below that. A close below several levels uses the highest of them, and the
lower levels stay for later closes. After the last level there is no re-entry until a close with RSI above 30 ends the cycle. Then
a new cycle starts with the level of the entry rule: 30 above the slow EMA, 20 below it. Only filled buys count: a cancelled
re-entry does not use its level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tradectl.strategy.parameters import Parameters


def levels(parameters: Parameters) -> tuple[int, int, int]:
    """Return the three RSI levels of a cycle, highest first."""
    return parameters.reentry_first, parameters.reentry_second, parameters.reentry_third


def level_at_entry(rsi: float, parameters: Parameters) -> int:
    """Return the level that an entry with this RSI uses: the lowest level above the RSI, or the first level if none is."""
    first, second, third = levels(parameters)
    return third if rsi < third else second if rsi < second else first


def next_level(
    last_level: int, rsi_since_last_decision: ArrayLike, rsi_now: float, above_ema200: bool, parameters: Parameters
) -> int:
    """Return the level that a re-entry decided on this close would use; 0 if there is none.

    Args:
        last_level: The level of the last filled buy.
        rsi_since_last_decision: RSI of every bar after the bar on which that buy was decided, up to and with this one.
        rsi_now: RSI of this bar.
        above_ema200: Whether this bar closed above the slow EMA.
    """
    if not rsi_now < max(levels(parameters)):
        return 0
    first, second, _ = levels(parameters)
    if (np.asarray(rsi_since_last_decision) > first).any():
        level = first if above_ema200 else second if parameters.allow_below_ema200 else 0
    else:
        level = next((lower for lower in levels(parameters) if lower < last_level), 0)
    return level if rsi_now < level else 0
