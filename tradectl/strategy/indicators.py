"""Calculate RSI and EMA with the same bits as the library `ta`, but without pandas.

`ta` smooths with pandas' `ewm(adjust=False)`: y = x if x == y, else (1-a)*y + a*x, from the first value on. pandas derives `a`
from a centre of mass. This module does the same, because 2/(n+1) may differ in the last bit. NaN means that there is no bar. Such
values are skipped for each symbol, and stay NaN in the result.

One symbol is computed value by value. A panel is computed in blocks of sessions, for all symbols at once, with the same
arithmetic (`smoothing`). All orders give the same bits, because each operation is rounded separately.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats
from tradectl.strategy.smoothing import Places, Smoother, block_rows, blocks, buffer


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


# A panel, block by block.


@dataclass(frozen=True, eq=False)
class _Ragged:
    """The places of a panel without bars. NaN before the first and after the last bar needs no special treatment.

    Attributes:
        first: The session of each symbol's first bar.
        places: The first bars, and the gaps between two bars of a symbol, by session.
        whole: Whether the panel has no hole.
    """

    first: NDArray[np.intp]
    places: Places
    whole: bool = False

    @classmethod
    def none(cls, symbols: int) -> _Ragged:
        """Return the places of a panel without holes."""
        return cls(np.zeros(symbols, dtype=np.intp), Places({0: np.ones(symbols, dtype=np.bool_)}, {}), whole=True)

    def seen(self, block: Floats, close: Floats) -> _Ragged:
        """Return the places of a panel of which all blocks before this one had no hole."""
        return _Ragged.of(close) if self.whole and np.isnan(block.min()) else self

    @classmethod
    def of(cls, close: Floats) -> _Ragged:
        """Return the places without bars in prices shaped (sessions, symbols)."""
        holes = np.isnan(close)
        sessions = len(close)
        first = holes.argmin(axis=0)
        last = np.where(holes.all(axis=0), 0, sessions - 1 - holes[::-1].argmin(axis=0))
        starts = {session: first == session for session in np.unique(first).tolist()}
        index = np.arange(sessions)[:, None]
        holes &= (index > first) & (index < last)
        gaps = {session: holes[session] for session in np.flatnonzero(holes.any(axis=1)).tolist()}
        return cls(first, Places(starts, gaps))

    def filled(self, close: Floats, begin: int, end: int, before: Floats) -> Floats:
        """Return the prices of some sessions, with the last price in gaps. `before`: the last prices before these sessions."""
        gaps = [session for session in range(begin, end) if session in self.places.gaps]
        if not gaps:
            return close[begin:end]
        prices = close[begin:end].copy()
        for session in gaps:
            row = session - begin
            np.copyto(prices[row], prices[row - 1] if row else before, where=self.places.gaps[session])
        return prices

    def hide(self, result: Floats, least: int) -> Floats:
        """Set `result` to NaN in gaps, and in the first `least` - 1 bars of each symbol. Return it."""
        if self.whole:
            result[: least - 1] = np.nan
            return result
        ripe = self.first + (least - 1)
        for session, gap in self.places.gaps.items():
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
    sessions, symbols = close.shape
    ragged, smoother = _Ragged.none(symbols), Smoother(alpha, (block_rows(symbols), symbols))
    averages = buffer((sessions + 1, symbols))
    averages[0] = np.nan
    for begin, end in blocks(sessions, symbols):
        values, own = close[begin:end], averages[begin : end + 1]
        ragged = ragged.seen(values, close)
        np.multiply(values, alpha, out=own[1:])
        if len(again := smoother.smooth(own, values, ragged.places, begin)):
            smoother.step(own, values[:, again], ragged.places, begin, symbols=again)
    return ragged.hide(averages[1:], span)


def _rsi_rows(close: Floats, alpha: float, period: int) -> Floats:
    """Return RSI of a panel. Falls stay negative, so only signs differ from `_rsi`.

    A rise is equal to its average, and not 0, only if the change is. So the changes stand for the rises, and for the falls.
    """
    if not close.size:
        return close.copy()
    if _is_one_series(close):
        return _column(_rsi_of_one(close[:, 0].tolist(), alpha), period)
    (sessions, symbols), most = close.shape, block_rows(close.shape[1])
    ragged, smoother = _Ragged.none(symbols), Smoother(alpha, (most, symbols))
    result, before = buffer(close.shape), np.full(symbols, np.nan)
    changes, parts, rises, falls = (buffer((most + 1, symbols)) for _ in range(4))
    rises[0] = falls[0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        for begin, end in blocks(sessions, symbols):
            ragged = ragged.seen(close[begin:end], close)
            rows, prices = end - begin, ragged.filled(close, begin, end, before)
            change, part = changes[:rows], parts[:rows]
            np.subtract(prices[0], before, out=change[0])
            np.subtract(prices[1:], prices[:-1], out=change[1:])
            for session in range(begin, end):
                if session in ragged.places.starts:
                    change[session - begin, ragged.places.starts[session]] = 0.0
            before = prices[-1]
            np.multiply(change, alpha, out=part)
            for one_sided, averages in ((np.maximum, rises[: rows + 1]), (np.minimum, falls[: rows + 1])):
                one_sided(part, 0.0, out=averages[1:])
                if len(again := smoother.smooth(averages, change, ragged.places, begin)):
                    smoother.step(averages, one_sided(change[:, again], 0.0), ragged.places, begin, symbols=again)
            _strength(rises[1 : rows + 1], falls[1 : rows + 1], part, result[begin:end])
            rises[0], falls[0] = rises[rows], falls[rows]
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
    """Return the averages of one series, by the operations of `Smoother`."""
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


def _strength(rise: Floats, fall: Floats, part: Floats, out: Floats) -> None:
    """Write 100 - 100 / (1 + rise / -fall) to `out`; 100 if the fall is 0. `part`: a buffer."""
    np.divide(rise, fall, out=part)
    np.subtract(1.0, part, out=part)
    np.divide(100.0, part, out=part)
    np.subtract(100.0, part, out=out)
    if not fall.max() < 0:  # also with NaN
        np.copyto(out, 100.0, where=fall == 0)
