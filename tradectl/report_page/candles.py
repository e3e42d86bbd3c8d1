"""Read the bars around each trade, with the indicators that the rules use.

`strategy.indicators` computes them with the same bits as the library `ta`, on the series that is adjusted for splits. They are
computed from the first bar on and cut afterwards, so they are those of the decisions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DatabaseError, DataError
from tradectl.report_page.content import Candles, TradeLine
from tradectl.strategy.indicators import ema, rsi

if TYPE_CHECKING:
    from tradectl.model.history import History
    from tradectl.ports import MarketData
    from tradectl.strategy.parameters import Parameters

BEFORE, AFTER = 40, 10
"""Bars before the entry and after the exit of a trade."""
FEW_TRADES = 1000
"""Up to so many trades each has BEFORE and AFTER bars; more trades have a third of them, so that the file stays small."""


def candles_of(
    market: MarketData, lines: Iterable[TradeLine], parameters: Parameters, last: date
) -> tuple[dict[str, Candles], str]:
    """Return the candles of each traded instrument by its id, and a note about missing bars; empty if none are missing.

    No bar after `last` is used, so a report of a period stays the same.
    """
    by_instrument: dict[str, list[TradeLine]] = defaultdict(list)
    for line in lines:
        by_instrument[line.instrument_id].append(line)
    few = sum(map(len, by_instrument.values())) <= FEW_TRADES
    margins = (BEFORE, AFTER) if few else (BEFORE // 3, AFTER // 3)
    found, without = {}, []
    for instrument_id, own in sorted(by_instrument.items()):
        try:
            stored = market.history(instrument_id)
        except (DataError, DatabaseError) as error:
            return {}, f"There are no candles: {error}"
        history = stored.through(last) if stored is not None else None
        rows = _rows(history, own, margins) if history is not None else np.empty(0, dtype=np.int64)
        if history is None or not len(rows):
            without.append(own[0].symbol)
            continue
        found[instrument_id] = _cut(history, rows, parameters)
    return found, f"No bars are stored of {', '.join(without)}." if without else ""


def _rows(history: History, lines: Iterable[TradeLine], margins: tuple[int, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the indices of all bars around the trades of one instrument, ascending."""
    wanted = np.zeros(len(history), dtype=bool)
    for line in lines:
        begin = max(history.last_index(line.entry_session), 0)
        end = history.last_index(line.exit_session) if line.exit_session is not None else len(history) - 1
        wanted[max(begin - margins[0], 0) : end + margins[1] + 1] = True
    return np.flatnonzero(wanted)


def _cut(history: History, rows: np.ndarray[tuple[int], np.dtype[np.int64]], parameters: Parameters) -> Candles:
    """Return the bars at `rows` at the scale of the last of them."""
    close = history.close / 100 * history.multiplier
    last = float(history.multiplier[rows[-1]])
    scale = history.multiplier[rows] / last
    fast, slow = (ema(close, span)[rows] * 100 / last for span in (parameters.ema_fast, parameters.ema_slow))
    opens, high, low, closes = (
        np.rint(column[rows] * scale).astype(np.int64).tolist()
        for column in (history.open, history.high, history.low, history.close)
    )
    return Candles(
        sessions=[history.session(int(row)) for row in rows],
        open=opens,
        high=high,
        low=low,
        close=closes,
        volume=np.rint(history.volume[rows] / scale).astype(np.int64).tolist(),
        ema_fast=fast.tolist(),
        ema_slow=slow.tolist(),
        rsi=rsi(close, parameters.rsi_period)[rows].tolist(),
        scale=scale.tolist(),
    )
