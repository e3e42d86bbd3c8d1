"""Implement the reduced rule in backtesting.py, backtrader and vectorbt, for comparison on the same bars.

    Flat, and RSI10 of a close is below 30: buy at the next open.
    Held, and RSI10 of a close is above 50: sell at the next open.
    One share at a time, no charges, unlimited funds; a position that is open at the end is not a trade.

Each rival is a function that returns the trades of one symbol's `Bars`: bars counted from 0, prices in rupees, sorted by exit.
`RIVALS` has the installed rivals and `missing()` names the others. A benchmark needs only

    for name, rival in RIVALS.items():
        trades = rival(bars_of(panel, column))

vectorbt runs many symbols at once in `by_vectorbt_together`. The RSI is computed by `ta`, within the measured time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from typing import Any, NamedTuple

import numpy as np

from tradectl.model.history import Floats
from tradectl.model.panel import Panel

PERIOD, BUY_BELOW, SELL_ABOVE = 10, 30.0, 50.0
CASH = 1e12
"""The starting cash in rupees: more than any share costs."""


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of one symbol, without missing bars, in rupees. `days` are proleptic Gregorian ordinals."""

    days: np.ndarray[Any, np.dtype[np.int64]]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Trade(NamedTuple):
    """A closed trade: the numbers of the bars of entry and exit, and the prices (their opens) in rupees."""

    entry: int
    exit: int
    entry_price: float
    exit_price: float


Rival = Callable[[Bars], list[Trade]]


def bars_of(panel: Panel, column: int) -> Bars:
    """Return the bars of one instrument of a panel, without missing bars, adjusted forward for splits."""
    there = np.flatnonzero(panel.state[:, column] > 0)
    scale = panel.multiplier[there, column]
    opened, high, low, close = (field[there, column] / 100 * scale for field in (panel.open, panel.high, panel.low, panel.close))
    return Bars(panel.sessions[there], opened, high, low, close, panel.volume[there, column] / scale)


def rsi(close: Floats) -> Floats:
    """Return the RSI as `ta` computes it. A bar before the first value (NaN) neither buys nor sells."""
    import pandas as pd
    from ta.momentum import RSIIndicator

    return np.asarray(RSIIndicator(pd.Series(close), PERIOD).rsi())


def by_backtesting(bars: Bars) -> list[Trade]:
    import backtesting
    import pandas as pd

    class Reduced(backtesting.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            # backtesting.py skips bars until an indicator has a value, so the first values are neutral and not NaN
            self.rsi = self.I(lambda: np.nan_to_num(rsi(bars.close), nan=BUY_BELOW), plot=False)

        def next(self) -> None:
            if not self.position:
                if self.rsi[-1] < BUY_BELOW:
                    self.buy(size=1)
            elif self.rsi[-1] > SELL_ABOVE:
                self.position.close()

    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume}
    frame = pd.DataFrame(columns, index=_moments(bars))
    with warnings.catch_warnings(), redirect_stderr(StringIO()):  # hides the progress bar and the warning about open trades
        warnings.simplefilter("ignore")
        found = backtesting.Backtest(frame, Reduced, cash=CASH, finalize_trades=False).run()["_trades"]
    traded = [found[name].tolist() for name in ("EntryBar", "ExitBar", "EntryPrice", "ExitPrice")]
    return sorted((Trade(*row) for row in zip(*traded, strict=True)), key=lambda trade: trade.exit)


def by_backtrader(bars: Bars) -> list[Trade]:
    import backtrader
    import pandas as pd

    values = rsi(bars.close)
    trades: list[Trade] = []

    class Reduced(backtrader.Strategy):  # type: ignore[misc]
        def next(self) -> None:
            value = values[len(self) - 1]
            if not self.position:
                if value < BUY_BELOW:
                    self.buy(size=1)
            elif value > SELL_ABOVE:
                self.close()

        def notify_order(self, order: Any) -> None:
            if order.status != order.Completed:
                return
            if order.isbuy():
                self.bought = len(self) - 1, order.executed.price
            else:
                entry, price = self.bought
                trades.append(Trade(entry, len(self) - 1, price, order.executed.price))

    columns = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close, "volume": bars.volume}
    engine = backtrader.Cerebro(stdstats=False)
    engine.broker.setcash(CASH)
    engine.adddata(backtrader.feeds.PandasData(dataname=pd.DataFrame(columns, index=_moments(bars)), openinterest=None))
    engine.addstrategy(Reduced)
    engine.run()
    return trades


def by_vectorbt(bars: Bars) -> list[Trade]:
    return by_vectorbt_together([bars])[0]


def by_vectorbt_together(symbols: Sequence[Bars]) -> list[list[Trade]]:
    """Return the trades of each of many symbols with equally many bars, which vectorbt runs at once.

    A signal of vectorbt acts on its own bar. So the signals are moved to the next bar, whose open is the price.
    """
    import vectorbt

    values = np.stack([rsi(bars.close) for bars in symbols], axis=1)
    entries, exits = np.zeros(values.shape, dtype=bool), np.zeros(values.shape, dtype=bool)
    entries[1:], exits[1:] = values[:-1] < BUY_BELOW, values[:-1] > SELL_ABOVE
    close, price = (np.stack([getattr(bars, name) for bars in symbols], axis=1) for name in ("close", "open"))
    made = vectorbt.Portfolio.from_signals(close, entries=entries, exits=exits, price=price, size=1, init_cash=CASH, freq="D")
    found = made.trades.closed.values
    trades: list[list[Trade]] = [[] for _ in symbols]
    columns = (found[name].tolist() for name in ("col", "entry_idx", "exit_idx", "entry_price", "exit_price"))
    for column, *trade in zip(*columns, strict=True):
        trades[column].append(Trade(*trade))
    return trades


def _moments(bars: Bars) -> Any:
    import pandas as pd

    return pd.to_datetime(bars.days - 719_163, unit="D")


_ALL: dict[str, tuple[str, Rival]] = {
    "backtesting.py": ("backtesting", by_backtesting),
    "backtrader": ("backtrader", by_backtrader),
    "vectorbt": ("vectorbt", by_vectorbt),
}
RIVALS: dict[str, Rival] = {name: rival for name, (module, rival) in _ALL.items() if find_spec(module)}


def missing() -> tuple[str, ...]:
    """Return the names of the rivals that are not installed."""
    return tuple(name for name in _ALL if name not in RIVALS)
