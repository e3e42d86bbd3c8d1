"""Which RSI level a further dip of a held symbol may use.

A *cycle* is a walk down the levels 30, 20, 10, each used once. An entry uses a level by its RSI (below 30: 30, below 20: 20,
below 10: 10) and the next buy uses the next lower one, when RSI closes below it. A close that jumps over several levels uses
the higher one and leaves the lower for later closes. Below the last level nothing is left, until a close with RSI above
30 ends the cycle; then the entry rule's own level starts it again: 30 above the slow EMA, 20 below it. Only buys that were
filled count: a cancelled re-entry leaves its level unused, because `last_level` is that of the last *filled* buy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tradectl.strategy.parameters import Parameters


def levels(parameters: Parameters) -> tuple[int, int, int]:
    """The levels of a cycle, highest first."""
    return parameters.reentry_first, parameters.reentry_second, parameters.reentry_third


def level_at_entry(rsi: float, parameters: Parameters) -> int:
    """The level that an entry with this RSI uses: the lowest that RSI is below; the first one where settings allowed an
    entry above them all."""
    first, *lower = levels(parameters)
    return next((level for level in reversed(lower) if rsi < level), first)


def next_level(
    last_level: int, rsi_since_last_decision: ArrayLike, rsi_now: float, above_ema200: bool, parameters: Parameters
) -> int:
    """The level that a re-entry decided on this close would use; 0: no re-entry.

    `rsi_since_last_decision`: RSI of every bar after the bar on which the last filled buy was decided, this one included.
    """
    if bool(np.any(np.asarray(rsi_since_last_decision) > parameters.reentry_first)):
        return _first_of_cycle(rsi_now, above_ema200, parameters)
    lower = next((level for level in levels(parameters) if level < last_level), 0)
    return lower if rsi_now < lower else 0


def _first_of_cycle(rsi_now: float, above_ema200: bool, parameters: Parameters) -> int:
    first, second, _ = levels(parameters)
    if above_ema200:
        return first if rsi_now < first else 0
    return second if parameters.allow_below_ema200 and rsi_now < second else 0
