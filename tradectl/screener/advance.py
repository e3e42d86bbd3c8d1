"""Advance a `FeatureState` by the bars of later sessions, a chunk of sessions at a time.

The arrays of a chunk fit into the processor's cache. They are buffers that are allocated once: the memory allocator returns large
arrays to the system at once, and new pages for each chunk would take a third of the time.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tradectl.model.gap_limit import within_band
from tradectl.model.history import Ints
from tradectl.model.panel import Panel
from tradectl.ports import Tell, silence
from tradectl.screener.state import DOWN, FAST, SLOW, UP, FeatureState
from tradectl.strategy.indicators import ema_share, rsi_share
from tradectl.strategy.smoothing import Places, Smoother, buffer
from tradectl.strategy.trusted_prices import MEMORY, Mask, suspicious

N = TypeVar("N", np.int64, np.float64)
_CHUNK = 32_768
"""Approximate number of values of a chunk's array."""
_LEAST = 32
"""Least number of sessions of a chunk."""
_SIDES = {UP: np.maximum, DOWN: np.minimum}


def advance(state: FeatureState, panel: Panel, tell: Tell = silence) -> None:
    """Add all bars of a panel to a state in place.

    The panel must have the state's instruments, and only sessions after the state's session."""
    final = state.arrays["bars"] + np.count_nonzero(panel.state > 0, axis=0)
    size = min(len(panel), max(_LEAST, _CHUNK // max(len(final), 1)))
    chunks = _Chunks(state, size, final)
    for begin in range(0, len(panel), max(size, 1)):
        end = min(begin + size, len(panel))
        chunks.add(panel.rows(begin, end))
        tell("sessions scanned", end, len(panel))


class _Chunks:
    """Add chunks of at most `sessions` sessions to a state. `final`: each instrument's number of bars after all of them."""

    def __init__(self, state: FeatureState, sessions: int, final: Ints) -> None:
        shape, windows = (sessions, len(final)), state.windows
        self.state, self.final = state, final
        self._high, self._low, self._close = (buffer(shape) for _ in range(3))
        self._volume, self._range, self._spread = (buffer(shape) for _ in range(3))
        self._price, self._change = buffer(shape), buffer(shape)
        self._averages = [buffer((sessions + 1, len(final))) for _ in (UP, DOWN, FAST, SLOW)]
        wilders = Smoother(rsi_share(windows.rsi), shape)
        self._smoothers = (wilders, wilders, *(Smoother(ema_share(span), shape) for span in (windows.fast, windows.slow)))

    def add(self, rows: Panel) -> None:
        """Add the bars of the next sessions."""
        state, at, there = self.state, self.state.arrays, rows.state > 0
        bars = at["bars"] + np.count_nonzero(there, axis=0)
        traded = np.flatnonzero(bars > at["bars"])
        age = int((self.final - bars)[traded].min()) if len(traded) else MEMORY
        if age < MEMORY:
            _note_jumps(state, rows, there)
        self._add_totals(rows, there)
        self._add_averages(rows, _places(there, at["bars"]))
        if age < state.windows.longest:
            self._fill_rings(rows, there)
        last = len(rows) - 1 - np.argmax(there[::-1, traded], axis=0)
        at["day"][traded], at["series"][traded] = rows.sessions[last], rows.state[last, traded]
        for name in ("close", "volume", "multiplier"):
            at[name][traded] = getattr(rows, name)[last, traded]
        at["bars"][:] = bars
        state.session = int(rows.sessions[-1])

    def _add_totals(self, rows: Panel, there: Mask) -> None:
        """Add the bars to the running totals. A missing bar adds 0: its volume and its range are 0."""
        at, count = self.state.arrays, len(rows)
        high, low, close = self._high[:count], self._low[:count], self._close[:count]
        volume, ranges, spread = self._volume[:count], self._range[:count], self._spread[:count]
        for prices, adjusted in ((rows.high, high), (rows.low, low), (rows.close, close)):
            np.multiply(prices, rows.multiplier, out=adjusted)
        np.copyto(close, 1.0, where=~there)
        np.divide(rows.volume, rows.multiplier, out=volume)
        np.subtract(high, low, out=spread)
        np.divide(spread, close, out=ranges)
        for name, values in (("volume_total", volume), ("range_total", ranges), ("spread_total", spread)):
            at[name][:] = _running(at[name], values)[-1]

    def _add_averages(self, rows: Panel, places: Places) -> None:
        """Add closes to the averages as `indicators` does. Falls are negative, so only signs differ.

        An average starts with its first value. The price change of the first bar is 0. In a gap the last price stays.
        """
        count, last, average = len(rows), self.state.arrays["adjusted"], self.state.arrays["averages"]
        price, change = self._price[:count], self._change[:count]
        averages = [values[: count + 1] for values in self._averages]
        np.multiply(np.divide(rows.close, 100, out=price), rows.multiplier, out=price)
        for row, gap in places.gaps.items():
            np.copyto(price[row], price[row - 1] if row else last, where=gap)
        np.subtract(price[0], last, out=change[0])
        np.subtract(price[1:], price[:-1], out=change[1:])
        for row, new in places.starts.items():
            change[row, new] = 0.0
        for kind, (smoother, own) in enumerate(zip(self._smoothers, averages, strict=True)):
            values, side = (change, _SIDES[kind]) if kind in _SIDES else (price, None)
            np.multiply(values, smoother.share, out=own[1:])
            if side is not None:
                side(own[1:], 0.0, out=own[1:])
            own[0] = -average[kind] if kind == DOWN else average[kind]
            if len(again := smoother.smooth(own, values, places, 0)):
                moves = values[:, again] if side is None else side(values[:, again], 0.0)
                smoother.step(own, moves, places, 0, symbols=again)
            average[kind] = np.abs(own[-1])
        last[:] = price[-1]

    def _fill_rings(self, rows: Panel, there: Mask) -> None:
        """Write the bars that stay in a ring after all sessions are added."""
        at = self.state.arrays
        number = _running(at["bars"], there.astype(np.int64))
        age = self.final - number
        recent = np.nonzero(there & (age < self.state.windows.longest))
        opened = rows.open[recent] * rows.multiplier[recent]
        in_rings = {
            "slows": self._averages[SLOW][1:][recent],
            "turnovers": rows.close[recent] * rows.volume[recent],
            "volume_totals": self._volume[recent],
            "highs": self._high[recent],
            "lows": self._low[recent],
            "range_totals": self._range[recent],
            "opens": opened,
            "bodies": np.abs(self._close[recent] - opened),
            "spread_totals": self._spread[recent],
        }
        places, ages = (number[recent] - 1, recent[1]), age[recent]
        for name, values in in_rings.items():
            ring, stays = at[name], ages < len(at[name])
            ring[places[0][stays] % len(ring), places[1][stays]] = values[stays]


def _places(there: Mask, bars: Ints) -> Places:
    """Return the first bars and the gaps of a chunk. `bars`: each instrument's number of bars before it."""
    gaps = ~there
    new = np.flatnonzero(bars == 0)
    if not len(new):
        return Places({}, _by_row(gaps))
    listed = np.logical_or.accumulate(there[:, new], axis=0)
    gaps[:, new] &= listed
    starts = np.zeros_like(there)
    starts[:, new] = listed
    starts[1:, new] &= ~listed[:-1]
    return Places(_by_row(starts), _by_row(gaps))


def _by_row(mask: Mask) -> dict[int, Mask]:
    """Return the rows of a mask that are True somewhere, by number."""
    return {row: mask[row] for row in np.flatnonzero(mask.any(axis=1)).tolist()}


def _note_jumps(state: FeatureState, rows: Panel, there: Mask) -> None:
    """Record the bars whose open contradicts the previous close. `trusted_prices.jumps` later drops the explained ones."""
    at = state.arrays
    number = _running(at["bars"], there.astype(np.int64))
    before = np.concatenate([at["close"][np.newaxis], rows.close[:-1]])
    for row, gap in _by_row(~there[:-1]).items():
        np.copyto(before[row + 1], before[row], where=gap)
    seen = there & (number > 1)
    multiplier = np.concatenate([at["multiplier"][np.newaxis], rows.multiplier[:-1]])
    step = np.divide(rows.multiplier, multiplier, out=np.ones_like(multiplier), where=seen)
    base = before / step
    jumped = ~within_band(rows.open, base)
    moved = np.nonzero(step != 1.0)
    jumped[moved] = suspicious(rows.open[moved], base[moved], step[moved])
    places = np.nonzero(jumped & seen)
    np.maximum.at(at["jump"], places[1], number[places])


def _running(total: NDArray[N], values: NDArray[N]) -> NDArray[N]:
    """Replace `values` by the running total after each session, and return them."""
    before = total
    for row in values:  # numpy's cumsum along the sessions takes several times as long
        np.add(before, row, out=row)
        before = row
    return values
