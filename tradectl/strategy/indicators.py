"""RSI and EMA exactly, bit for bit, as `ta` defines them, without pandas.

`ta` smooths with pandas' `ewm(adjust=False)`: y = x where x == y, else (1-a)*y + a*x, starting at the first value. pandas
derives `a` from a centre of mass, so the very same detour is taken here; 2/(n+1) may differ in the last bit. A hole (NaN)
is no bar: holes are dropped per symbol first, and stay NaN in the result.

One symbol goes value by value. A panel goes session by session, a whole row of symbols at once, in the same arithmetic: each
operation is rounded by itself, so the order of the loops changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats

Mask = NDArray[np.bool_]


def ema(close: Floats, span: int) -> Floats:
    """Exponential average of prices shaped (n,) or (sessions, symbols); NaN for the first span-1 values of a symbol."""
    alpha = ema_share(span)
    if close.ndim == 2:
        return _ema_rows(close, alpha, span)
    return _without_holes(close, lambda values: _smooth(values, alpha, span))


def rsi(close: Floats, period: int) -> Floats:
    """Wilder's RSI, 0 to 100, of prices shaped (n,) or (sessions, symbols); NaN for the first period-1 values of a symbol.
    Without any fall so far it is 100."""
    alpha = rsi_share(period)
    if close.ndim == 2:
        return _rsi_rows(close, alpha, period)
    return _without_holes(close, lambda values: _rsi(values, alpha, period))


def ema_share(span: int) -> float:
    """What a new value counts in an EMA of that span."""
    return 1.0 / (1.0 + (span - 1) / 2.0)


def rsi_share(period: int) -> float:
    """What a new rise or fall counts in an RSI of that period."""
    share = 1 / period
    return 1.0 / (1.0 + (1 - share) / share)


# One symbol, value by value.


def _without_holes(close: Floats, indicator: Callable[[Floats], Floats]) -> Floats:
    """Apply `indicator` to a symbol's values without its holes."""
    there = ~np.isnan(close)
    if there.all():
        return indicator(close)
    result = np.full(len(close), np.nan)
    result[there] = indicator(close[there])
    return result


def _smooth(values: Floats, alpha: float, least: int) -> Floats:
    """The recurrence. A list loop: each value needs the one before, and lists are the quickest thing to loop over."""
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
    """RSI from the averages of rises and of falls."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(down == 0, 100.0, 100 - (100 / (1 + up / down)))


# A panel, row by row.


class Smoother:
    """The recurrence for a row of averages at once, into rows that are there already; its own buffers are made once."""

    def __init__(self, alpha: float, shape: tuple[int, ...]) -> None:
        self.alpha, self.keep = alpha, 1.0 - alpha
        self._part = np.empty(shape)
        self._still = np.empty(shape, dtype=bool)

    def step(self, average: Floats, value: Floats, out: Floats, gap: Mask | None = None) -> None:
        """`out` becomes the averages after `value`; in a `gap` they stay. `out` is another array than `average`."""
        np.multiply(average, self.keep, out=out)
        np.multiply(value, self.alpha, out=self._part)
        np.add(out, self._part, out=out)
        np.equal(value, average, out=self._still)
        if gap is not None:
            np.logical_or(self._still, gap, out=self._still)
        np.copyto(out, average, where=self._still)


@dataclass(frozen=True, eq=False)
class _Ragged:
    """Where a panel has no bars. `first` is the session of each symbol's first bar; `begins` the symbols that begin in a
    session; `gaps` are the holes between a symbol's bars, by the sessions that have any. A hole before the first bar or after
    the last needs no care: NaN in, NaN out."""

    first: NDArray[np.intp]
    begins: dict[int, list[int]]
    gaps: dict[int, Mask]

    @classmethod
    def of(cls, close: Floats) -> _Ragged:
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
        """`result` with NaN in gaps and from each symbol's first bar to the one before number `least`."""
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
    ragged, result = _Ragged.of(close), np.empty(close.shape)
    smoother, average = Smoother(alpha, close.shape[1:]), np.full(close.shape[1], np.nan)
    for session, out in enumerate(result):
        smoother.step(average, close[session], out, ragged.gaps.get(session))
        if (new := ragged.begins.get(session)) is not None:
            out[new] = close[session, new]
        average = out
    return ragged.hide(result, span)


def _rsi_rows(close: Floats, alpha: float, period: int) -> Floats:
    """Rises and falls are the two rows of one array. Falls stay negative: that changes signs and no other bit."""
    if not close.size:
        return close.copy()
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


def _strength(average: Floats, out: Floats) -> None:
    """100 - 100 / (1 + rise / -fall) of averages shaped (2, n); 100 where nothing fell."""
    rise, fall = average
    np.divide(rise, fall, out=out)
    np.subtract(1.0, out, out=out)
    np.divide(100.0, out, out=out)
    np.subtract(100.0, out, out=out)
    np.copyto(out, 100.0, where=fall == 0)
