"""Calculate the prices of orders in paise, on the tick: the live EMA9 target, the RSI exit and the limit of a buy."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.ticks import round_down
from tradectl.model.history import Floats, Ints
from tradectl.strategy.parameters import ArrayValued, Parameters, exact

_NOISE, _ROUNDING = 1e-9, 1e-15
"""Rounding errors of floats that are ignored: a part of a tick, and a part of the price."""


@overload
def target_price(ema_level: float, last: int, tick: int, parameters: Parameters) -> int: ...
@overload
def target_price(ema_level: float, last: Ints, tick: int, parameters: Parameters) -> Ints: ...
@overload
def target_price(ema_level: Floats, last: Ints, tick: int, parameters: Parameters) -> Ints: ...
@overload
def target_price(ema_level: Floats, last: Ints, tick: Ints, parameters: ArrayValued) -> Ints: ...


def target_price(
    ema_level: float | Floats, last: int | Ints, tick: int | Ints, parameters: Parameters | ArrayValued
) -> int | Ints:
    """Return the fast EMA that the session would have if it closed at `last`, in paise, rounded up to the tick.

    With a span of 9 the result is 0.8 x EMA + 0.2 x last. It never falls when `last` rises, so the lowest price of a session
    gives the lowest target.

    Args:
        ema_level: The fast EMA of the last completed bar, in rupees at today's scale.
        last: The last price in paise, one or an array.
        tick: In paise.
    """
    n = parameters.ema_fast
    raw = (n - 1) / (n + 1) * ema_level * 100 + 2 / (n + 1) * last
    ticks = raw / tick
    least = ticks - (_NOISE + _ROUNDING * ticks)
    return np.ceil(least).astype(np.int64) * tick if isinstance(least, np.ndarray) else math.ceil(least) * tick


@overload
def rsi_exit_due(rsi: float, parameters: Parameters) -> bool: ...
@overload
def rsi_exit_due(rsi: Floats, parameters: Parameters | ArrayValued) -> NDArray[np.bool_]: ...


def rsi_exit_due(rsi: float | Floats, parameters: Parameters | ArrayValued) -> bool | NDArray[np.bool_]:
    """Return whether the RSI at the close requires a sale on the next session. Takes numbers or arrays."""
    due: bool | NDArray[np.bool_] = rsi > parameters.rsi_exit
    return due


def rsi_exit_price(last: int, tick: int, parameters: Parameters) -> int:
    """Return a sell limit slightly below the last price, so that it trades at once: paise, on the tick, at least one tick."""
    return max(tick, round_down(int(last * (1 - exact(parameters.exit_discount))), tick))


def entry_limit(close: int, tick: int, parameters: Parameters) -> int:
    """Return the limit of a buy in paise: the close of the signal plus a premium, rounded down to the tick."""
    return round_down(int(close * (1 + exact(parameters.entry_premium))), tick)
