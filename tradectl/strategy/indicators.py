"""Calculate RSI and EMA with the same bits as the library `ta`, but without pandas.

`ta` smooths with pandas' `ewm(adjust=False)`: y = x if x == y, else (1-a)*y + a*x, from the first value on. pandas derives `a`
from a centre of mass. This module does the same, because 2/(n+1) may differ in the last bit. NaN means that there is no bar. Such
values are skipped for each symbol, and stay NaN in the result.

One symbol is computed value by value. A panel is computed session by session, for all symbols at once, with the same arithmetic.
Both orders give the same bits, because each operation is rounded separately.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats

Mask = NDArray[np.bool_]


def ema(close: Floats, span: int) -> Floats:
    """Return the EMA of prices shaped (n,) or (sessions, symbols). The first span-1 values of a symbol are NaN."""
    alpha = ema_share(span)
    if close.ndim == 2:
        return _ema_rows(close, alpha, span)
    return _without_holes(close, lambda values: _smooth(values, alpha, span))


def rsi(close: Floats, period: int) -> Floats:
    """Return Wilder's RSI, 0 to 100, of prices shaped (n,) or (sessions, symbols).

    The first period-1 values of a symbol are NaN. RSI is 100 before the first fall.
    """
    alpha = rsi_share(period)
    if close.ndim == 2:
        return _rsi_rows(close, alpha, period)
    return _without_holes(close, lambda values: _rsi(values, alpha, period))


def ema_share(span: int) -> float:
    """Return the weight of a new value in an EMA of that span."""
    return 1.0 / (1.0 + (span - 1) / 2.0)


def rsi_share(period: int) -> float:
    """Return the weight of a new rise or fall in an RSI of that period."""
    share = 1 / period
    return 1.0 / (1.0 + (1 - share) / share)


# One symbol, value by value.


def _without_holes(close: Floats, indicator: Callable[[Floats], Floats]) -> Floats:
    """Return `indicator` of a symbol's values without the missing values; these stay NaN."""
    there = ~np.isnan(close)
    if there.all():
        return indicator(close)
    result = np.full(len(close), np.nan)
    result[there] = indicator(close[there])
    return result


def _smooth(values: Floats, alpha: float, least: int) -> Floats:
    """Return the smoothed values; the first `least` - 1 are NaN.

    Each value needs the previous value, so a loop over a list is the fastest way in Python.
    """
    if len(values) == 0:
        return np.empty(0)
    keep = 1.0 - alpha
    numbers = values.tolist()
    y = numbers[0]
    smoothed: list[float] = []
    append = smoothed.append
    for x in numbers:
        if x != y:
            y = keep * y + alpha * x
        append(y)
    result = np.array(smoothed)
    result[: least - 1] = np.nan
    return result


def _rsi(values: Floats, alpha: float, period: int) -> Floats:
    if len(values) == 0:
        return np.empty(0)
    change = np.diff(values, prepend=values[0])
    up = _smooth(np.where(change > 0, change, 0.0), alpha, period)
    down = _smooth(np.where(change < 0, -change, 0.0), alpha, period)
    return strength_index(up, down)


def strength_index(up: Floats, down: Floats) -> Floats:
    """Return RSI from the averages of rises and falls."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(down == 0, 100.0, 100 - (100 / (1 + up / down)))


# A panel, row by row.


class Smoother:
    """Smooth a whole row of averages at once, into existing arrays. The buffers are allocated once."""

    def __init__(self, alpha: float, shape: tuple[int, ...]) -> None:
        self.alpha, self.keep = alpha, 1.0 - alpha
        self._part = np.empty(shape)
        self._still = np.empty(shape, dtype=bool)

    def step(self, average: Floats, value: Floats, out: Floats, gap: Mask | None = None) -> None:
        """Write the averages after `value` to `out`, another array than `average`. Averages in a `gap` do not change."""
        np.multiply(average, self.keep, out=out)
        np.multiply(value, self.alpha, out=self._part)
        np.add(out, self._part, out=out)
        np.equal(value, average, out=self._still)
        if gap is not None:
            np.logical_or(self._still, gap, out=self._still)
        np.copyto(out, average, where=self._still)


@dataclass(frozen=True, eq=False)
class _Ragged:
    """The places of a panel without bars. NaN before the first and after the last bar needs no special treatment.

    Attributes:
        first: The session of each symbol's first bar.
        begins: The symbols that have their first bar in a session, by session.
        gaps: The symbols without a bar between two of their bars, by session.
    """

    first: NDArray[np.intp]
    begins: dict[int, list[int]]
    gaps: dict[int, Mask]

    @classmethod
    def of(cls, close: Floats) -> _Ragged:
        """Return the places without bars in prices shaped (sessions, symbols)."""
        holes = np.isnan(close)
        sessions, symbols = close.shape
        if not holes.any():
            return cls(np.zeros(symbols, dtype=np.intp), {0: list(range(symbols))}, {})
        first = holes.argmin(axis=0)
        last = np.where(holes.all(axis=0), 0, sessions - 1 - holes[::-1].argmin(axis=0))
        begins: dict[int, list[int]] = {}
        for symbol, session in enumerate(first.tolist()):
            begins.setdefault(session, []).append(symbol)
        index = np.arange(sessions)[:, None]
        holes &= (index > first) & (index < last)
        return cls(first, begins, {session: holes[session] for session in np.flatnonzero(holes.any(axis=1)).tolist()})

    def hide(self, result: Floats, least: int) -> Floats:
        """Set `result` to NaN in gaps, and in the first `least` - 1 bars of each symbol. Return it."""
        ripe = self.first + (least - 1)
        for session, gap in self.gaps.items():
            result[session, gap] = np.nan
            ripe += gap & (ripe >= session)
        for symbol, (begin, end) in enumerate(zip(self.first.tolist(), ripe.tolist(), strict=True)):
            result[begin:end, symbol] = np.nan
        return result


def _ema_rows(close: Floats, alpha: float, span: int) -> Floats:
    if not close.size:
        return close.copy()
    if _is_one_series(close):
        return _column(_ema_of_one(close[:, 0].tolist(), alpha), span)
    ragged, result = _Ragged.of(close), np.empty(close.shape)
    smoother, average = Smoother(alpha, close.shape[1:]), np.full(close.shape[1], np.nan)
    for session, out in enumerate(result):
        smoother.step(average, close[session], out, ragged.gaps.get(session))
        if (new := ragged.begins.get(session)) is not None:
            out[new] = close[session, new]
        average = out
    return ragged.hide(result, span)


def _rsi_rows(close: Floats, alpha: float, period: int) -> Floats:
    """Return RSI of a panel. Rises and falls are two rows of one array; falls stay negative, so only signs differ."""
    if not close.size:
        return close.copy()
    if _is_one_series(close):
        return _column(_rsi_of_one(close[:, 0].tolist(), alpha), period)
    ragged, result = _Ragged.of(close), np.empty(close.shape)
    symbols = close.shape[1]
    smoother, before = Smoother(alpha, (2, symbols)), np.full(symbols, np.nan)
    moves, average, following = (np.zeros((2, symbols)) for _ in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        for session, out in enumerate(result):
            value, gap = close[session], ragged.gaps.get(session)
            if (new := ragged.begins.get(session)) is not None:
                before[new], average[:, new] = value[new], 0.0
            np.subtract(value, before, out=out)
            np.maximum(out, 0.0, out=moves[0])
            np.minimum(out, 0.0, out=moves[1])
            smoother.step(average, moves, following, gap)
            average, following = following, average
            np.copyto(before, value, where=True if gap is None else ~gap)
            _strength(average, out)
    return ragged.hide(result, period)


def _is_one_series(close: Floats) -> bool:
    """Return whether a panel is one symbol without a hole: a loop over its floats is then faster than one over its rows."""
    return close.shape[1] == 1 and not np.isnan(close).any()


def _column(values: list[float], least: int) -> Floats:
    """Return values as a panel of one symbol, without its first `least` - 1 bars."""
    result = np.array(values)[:, None]
    result[: least - 1] = np.nan
    return result


def _ema_of_one(values: list[float], alpha: float) -> list[float]:
    """Return the averages of one series, by the operations of `Smoother.step`."""
    keep, average, found = 1.0 - alpha, values[0], []
    for value in values:
        if value != average:
            average = average * keep + value * alpha
        found.append(average)
    return found


def _rsi_of_one(values: list[float], alpha: float) -> list[float]:
    """Return RSI of one series, by the operations of `_rsi_rows`."""
    keep, before, found = 1.0 - alpha, values[0], []
    rise = fall = 0.0
    for value in values:
        move, before = value - before, value
        up, down = (move, 0.0) if move > 0.0 else (0.0, move)
        if up != rise:
            rise = rise * keep + up * alpha
        if down != fall:
            fall = fall * keep + down * alpha
        found.append(100.0 if fall == 0.0 else 100.0 - 100.0 / (1.0 - rise / fall))
    return found


def _strength(average: Floats, out: Floats) -> None:
    """Write 100 - 100 / (1 + rise / -fall) of averages shaped (2, n) to `out`; 100 if the fall is 0."""
    rise, fall = average
    np.divide(rise, fall, out=out)
    np.subtract(1.0, out, out=out)
    np.divide(100.0, out, out=out)
    np.subtract(100.0, out, out=out)
    np.copyto(out, 100.0, where=fall == 0)
