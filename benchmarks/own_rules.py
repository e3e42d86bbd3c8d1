"""Compare five rules in one line with the same rules in backtesting.py: the trades on real symbols, and the time of both.

backtesting.py computes its indicators with `ta` and pandas, symbol by symbol. Its strategy follows the order model of tradectl: a
buy is a limit order of one session at the close plus 0.5 %, an exit sells at the next open, target and stop are set anew at each
close. Every difference is printed with its reason. The exit code is 0 if each has one, else 1.

    python -m benchmarks.own_rules --home ~/research
    python -m benchmarks.own_rules --home ~/research --universe nifty200 --speed 10
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from datetime import date
from io import StringIO
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ta.momentum import RSIIndicator
from ta.trend import MACD
from ta.volatility import AverageTrueRange, BollingerBands

from benchmarks.rivals import CASH
from tradectl import bootstrap
from tradectl.backtest.candidates import context_of
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.marketdata.store import Store
from tradectl.model.history import Floats
from tradectl.model.market import bars_entry
from tradectl.model.order import Side
from tradectl.research.rule_books import RuleBook
from tradectl.settings import load
from tradectl.strategy.entry import Mask, admission_mask, is_share
from tradectl.strategy.expressions.line_rule import parse_rule
from tradectl.strategy.parameters import Parameters
from tradectl.streams import secure, wait_for_reader

PARAMETERS = replace(Parameters(), capital_per_trade=10**8, max_order_value=10**9, turnover_share=1.0)
"""Enough money for every share, so that each signal is an order."""
FIRST, LAST = date(2018, 1, 1), date(2026, 12, 31)
Columns = dict[str, NDArray[Any]]
Level = Callable[[Columns, int, float], float]


class Trade(NamedTuple):
    """A closed trade: the sessions of entry and exit (ordinals), and both prices in adjusted rupees."""

    entry: int
    exit: int
    bought: float
    sold: float


@dataclass(frozen=True)
class Written:
    """A rule in both programs.

    Attributes:
        texts: Entry, exit, target and stop of tradectl.
        columns: The columns of backtesting.py: `entry` and `exit` (0 or 1), and what the levels need.
        days: Sessions after which the position is sold; 0 for none.
        target, stop: The level after a bar, from the columns, the bar and the entry price; None for none.
    """

    texts: tuple[str, str, str, str]
    columns: Callable[[pd.DataFrame], Columns]
    days: int = 0
    target: Level | None = None
    stop: Level | None = None


def _reversion(bars: pd.DataFrame) -> Columns:
    close = bars.close
    entry = (RSIIndicator(close, 2).rsi() < 10) & (close > close.rolling(200).mean())
    return {"entry": entry.to_numpy(float), "exit": (close > close.rolling(5).mean()).to_numpy(float)}


def _breakout(bars: pd.DataFrame) -> Columns:
    entry = bars.close > bars.high.rolling(55).max().shift(1)
    leave = bars.close < bars.low.rolling(20).min().shift(1)
    atr = AverageTrueRange(bars.high, bars.low, bars.close, 20).average_true_range()
    return {"entry": entry.to_numpy(float), "exit": leave.to_numpy(float), "atr": atr.to_numpy()}


def _bollinger(bars: pd.DataFrame) -> Columns:
    bands = BollingerBands(bars.close, 20, 2)
    entry = bars.close < bands.bollinger_lband()
    return {"entry": entry.to_numpy(float), "exit": np.zeros(len(bars)), "mid": bands.bollinger_mavg().to_numpy()}


def _macd(bars: pd.DataFrame) -> Columns:
    both = MACD(bars.close)
    above = both.macd() - both.macd_signal()
    up = (above > 0) & (above.shift(1) <= 0)
    down = (above < 0) & (above.shift(1) >= 0)
    return {"entry": up.to_numpy(float), "exit": down.to_numpy(float)}


def _gap(bars: pd.DataFrame) -> Columns:
    entry = (bars.open < 0.97 * bars.close.shift(1)) & (bars.close > bars.open)
    return {"entry": entry.to_numpy(float), "exit": np.zeros(len(bars))}


RULES: Mapping[str, Written] = {
    "RSI(2) reversion": Written(("rsi(2) < 10 and close > sma(200)", "close > sma(5)", "", ""), _reversion),
    "55/20 breakout": Written(
        ("close > prev(highest(high, 55), 1)", "close < prev(lowest(low, 20), 1)", "", "entry - 2 * atr(20)"),
        _breakout,
        stop=lambda columns, i, entry: entry - 2 * float(columns["atr"][i]),
    ),
    "Bollinger reversion": Written(
        ("close < bollinger_low(20, 2)", "", "bollinger_mid(20)", "entry * 0.9"),
        _bollinger,
        target=lambda columns, i, _: float(columns["mid"][i]),
        stop=lambda _, __, entry: entry * 0.9,
    ),
    "MACD cross": Written(("cross(macd(), macd_signal())", "cross(macd_signal(), macd())", "", ""), _macd),
    "gap-down reversal": Written(
        ("open < 0.97 * prev(close, 1) and close > open", "days_held >= 3", "entry * 1.04", "entry * 0.96"),
        _gap,
        days=3,
        target=lambda _, __, entry: entry * 1.04,
        stop=lambda _, __, entry: entry * 0.96,
    ),
}


@dataclass(frozen=True, eq=False)
class Symbol:
    """The bars of one symbol for backtesting.py, without special sessions in which tradectl does not trade.

    `frame`: all bars in adjusted rupees, also those of special sessions. `kept`: the rows on which both programs trade.
    `may_buy`: rows on which the universe and the calendar of ex-dates allow a buy. `scale`, `tick`: of the following session.
    """

    frame: pd.DataFrame
    kept: np.ndarray[Any, np.dtype[np.intp]]
    days: np.ndarray[Any, np.dtype[np.int64]]
    may_buy: Mask
    scale: Floats
    tick: Floats


def symbol_of(context: BacktestContext) -> Symbol:
    """Return the bars of a symbol for backtesting.py."""
    history, sessions = context.history, context.sessions
    prices = {name: getattr(history, name) / 100 * history.multiplier for name in ("open", "high", "low", "close")}
    allowed = admission_mask(history, context.features, PARAMETERS, context.excluded) & context.trusted
    runs, ticks = [], []
    for j in range(len(history)):
        day = history.session(j)
        session = sessions.session(day)
        runs.append(session is not None and session.runs)
        instrument = context.instrument(day)
        ticks.append(instrument.tick_size / 100)
        following = sessions.next_run_session(day).date if day < sessions.last else day
        barred = any(bars_entry(action) and day < action.ex_date <= following for action in context.actions)
        allowed[j] &= not barred and is_share(instrument.isin)
    kept = np.flatnonzero(runs)
    after = np.minimum(np.arange(len(history)) + 1, len(history) - 1)
    return Symbol(
        pd.DataFrame(prices), kept, history.sessions[kept], allowed[kept],
        history.multiplier[after][kept], np.array(ticks)[after][kept],
    )  # fmt: skip


def by_backtesting(rule: Written, symbol: Symbol) -> list[Trade]:
    """Return the closed trades of backtesting.py."""
    import backtesting

    columns = {name: values[symbol.kept] for name, values in rule.columns(symbol.frame).items()}
    closes = symbol.frame["close"].to_numpy()[symbol.kept]
    scales, ticks = symbol.scale, symbol.tick

    def on_tick(level: float, i: int, direction: Callable[[float], int]) -> float:
        ticks_of = max(1.0, direction(round(level / scales[i] / ticks[i], 6)))
        return round(ticks_of * float(ticks[i]), 2) * float(scales[i])

    class Rule(backtesting.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            i = len(self.data) - 1
            for order in self.orders:
                if not order.is_contingent:
                    order.cancel()
            if self.trades:
                self._held(self.trades[0], i)
            elif columns["entry"][i] and symbol.may_buy[i] and not (self.closed_trades and self.closed_trades[-1].exit_bar == i):
                self.buy(size=1, limit=on_tick(closes[i] * 1.005, i, math.floor))

        def _held(self, trade: Any, i: int) -> None:
            trade.tp = trade.sl = None
            if columns["exit"][i] or (rule.days and i - trade.entry_bar >= rule.days):
                trade.close()
                return
            if rule.target is not None:
                trade.tp = on_tick(rule.target(columns, i, trade.entry_price), i, math.ceil)
            if rule.stop is not None:  # set last, so that it is the first to fill
                trade.sl = on_tick(rule.stop(columns, i, trade.entry_price), i, math.floor)

    prices = symbol.frame.iloc[symbol.kept].rename(columns=str.title)
    prices.index = pd.to_datetime([date.fromordinal(int(day)) for day in symbol.days])
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        found = backtesting.Backtest(prices, Rule, cash=CASH, finalize_trades=False).run()["_trades"]
    rows = zip(*(found[name].tolist() for name in ("EntryBar", "ExitBar", "EntryPrice", "ExitPrice")), strict=True)
    return [Trade(int(symbol.days[a]), int(symbol.days[b]), bought, sold) for a, b, bought, sold in rows]


def by_tradectl(context: BacktestContext) -> list[Trade]:
    """Return the closed trades of tradectl. A position that was sold in parts counts once for each part."""
    history, found, bought = context.history, [], (0, 0.0)
    for fill in gated(context, first=FIRST, last=LAST).fills:
        day = fill.session.toordinal()
        j = history.index(fill.session)
        price = fill.price / 100 * float(history.multiplier[j]) if j is not None else math.nan
        if fill.side is Side.BUY:
            bought = day, price
        else:
            found.append(Trade(bought[0], day, bought[1], price))
    return found


def contexts_of(market: Store, names: Sequence[str], rule: Written) -> list[BacktestContext]:
    """Return the contexts of some symbols with a rule in one line."""
    parsed = parse_rule(*rule.texts)
    if parsed is None:
        raise AssertionError("a rule has an entry")
    book = RuleBook(parsed, market, names)
    found = (context_of(market, market.sessions, PARAMETERS, name, make_rules=book) for name in names)
    return [context for context in found if context is not None]


def same(ours: Trade, theirs: Trade) -> bool:
    """Return whether two trades are equal: the sessions, and the prices to a tenth of a paisa."""
    prices = zip(ours[2:], theirs[2:], strict=True)
    return ours[:2] == theirs[:2] and all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-3) for a, b in prices)


@dataclass(frozen=True)
class Occasions:
    """The sessions (ordinals) of one symbol that explain a difference.

    `special`: tradectl does not trade, and backtesting.py has no bar. `late`: the symbol had no bar on the run session before.
    `opens`: the open of each session in adjusted rupees. `minutes`: the sessions with minute bars."""

    special: tuple[int, ...]
    late: frozenset[int]
    opens: Mapping[int, float]
    minutes: frozenset[int]

    @classmethod
    def of(cls, context: BacktestContext, symbol: Symbol) -> Occasions:
        """Return the occasions of a symbol."""
        days = symbol.days.tolist()
        special = set(context.history.sessions.tolist()) - set(days)
        following = context.sessions.next_run_session
        late = {b for a, b in pairwise(days) if following(date.fromordinal(a)).date.toordinal() != b}
        opens = symbol.frame["open"].to_numpy()[symbol.kept].tolist()
        minutes = context.minute_sessions() if context.minute_sessions is not None else ()
        return cls(
            tuple(sorted(special)),
            frozenset(late),
            dict(zip(days, opens, strict=True)),
            frozenset(day.toordinal() for day in minutes),
        )

    def special_in(self, first: int, last: int) -> bool:
        """Return whether a special session lies from `first` to `last`."""
        return any(first <= day <= last for day in self.special)


SAME_DAY = "sold on the day of the buy: backtesting.py knows the entry price only after that day"
PARTS = "bonus shares were locked, so tradectl sold in parts"
SPECIAL = "a special session (Muhurat, a Saturday): its close counts for tradectl, and backtesting.py has no bar"
ABOVE = "the open was above the target: backtesting.py takes the stop of the same bar first"
BELOW = "stopped in the session: tradectl sells at the first minute at or below the stop, backtesting.py exactly at the stop"
TARGET_FIRST = "the bar reached stop and target: its path has the target first, backtesting.py takes the stop first"
LATE = "no bar on the session of the order, which had expired in tradectl"
FOLLOWS = "follows from a difference before: one side held the shares, or had sold them on the day of the signal"
MINUTES = "the session has minute bars, by which tradectl trades; backtesting.py has the daily bar"
WEEK = 5
"""Calendar days in which a sale forbids a buy: no side buys on a signal of the day of its sale."""


def reasons(ours: Sequence[Trade], theirs: Sequence[Trade], on: Occasions) -> list[tuple[str, Trade]]:
    """Return the trades that only one side has, each with its reason; an empty reason for none."""
    mine = [trade for trade in ours if not any(same(trade, other) for other in theirs)]
    yours = [trade for trade in theirs if not any(same(other, trade) for other in ours)]
    found: list[tuple[str, Trade]] = []
    explained: list[tuple[int, int]] = []
    entries = Counter(trade.entry for trade in ours)
    for trade in sorted([*mine, *yours]):
        first = next((item for item in mine if item.entry == trade.entry), None)
        second = next((item for item in yours if item.entry == trade.entry), None)
        last = max(item.exit for item in (first, second) if item is not None)
        reason = ""
        if entries[trade.entry] > 1:
            reason, last = PARTS, max(item.exit for item in ours if item.entry == trade.entry)
        elif first is not None and first.entry == first.exit:
            reason = SAME_DAY
        elif first is not None and second is not None and on.special_in(trade.entry, last):
            reason = SPECIAL
        elif first is not None and second is not None and first.exit == second.exit and first.sold == on.opens[first.exit]:
            reason = ABOVE
        elif first is not None and second is not None and first.exit == second.exit:
            reason = BELOW if first.sold < second.sold else TARGET_FIRST
        elif first is not None and second is not None and {first.exit, second.exit} & on.minutes:
            reason = MINUTES
        elif first is None and trade.entry in on.late:
            reason = LATE
        elif any(a <= trade.entry <= b + WEEK for a, b in explained):
            reason = FOLLOWS
        elif first is None and on.special_in(trade.entry - WEEK, trade.entry):
            reason = SPECIAL
        found.append((reason, trade))
        if reason:
            explained.append((trade.entry, last))
    return found


def compare(market: Store, names: Sequence[str]) -> int:
    """Print the differences of all rules on some symbols, and return how many have no reason."""
    unexplained = 0
    symbols: dict[str, Symbol] = {}
    for title, rule in RULES.items():
        counts: Counter[str] = Counter()
        total = equal = 0
        for context in contexts_of(market, names, rule):
            name = context.history.instrument_id
            if name not in symbols:
                symbols[name] = symbol_of(context)
            on = Occasions.of(context, symbols[name])
            ours, theirs = by_tradectl(context), by_backtesting(rule, symbols[name])
            different = reasons(ours, theirs, on)
            total += len(ours)
            equal += sum(any(same(trade, other) for other in theirs) for trade in ours)
            counts.update(reason for reason, _ in different)
            for reason, trade in different:
                if not reason:
                    who = "tradectl" if trade in ours else "backtesting.py"
                    entry, leave = date.fromordinal(trade.entry), date.fromordinal(trade.exit)
                    print(f"  only {who}: {name} {entry} at {trade.bought:.4f} to {leave} at {trade.sold:.4f}")
        print(f"{title}: {total} trades of {len(names)} symbols, {equal} equal")
        for reason, count in counts.items():
            print(f"  {count} differences: {reason or 'WITHOUT A REASON'}")
        unexplained += counts[""]
    return unexplained


def speed(market: Store, names: Sequence[str], sample: int) -> None:
    """Print the processor time of each rule over all symbols in both programs. backtesting.py runs a sample, multiplied."""
    chosen = random.Random(4).sample(list(names), min(sample, len(names)))
    for title, rule in RULES.items():
        ready = [symbol_of(context) for context in contexts_of(market, chosen, rule)]
        by_backtesting(rule, ready[0])  # imports and compiles
        begun = process_time()
        trades = sum(len(by_tradectl(context)) for context in contexts_of(market, names, rule))
        ours = process_time() - begun
        begun = process_time()
        for symbol in ready:
            by_backtesting(rule, symbol)
        theirs = (process_time() - begun) * len(names) / len(ready)
        times = f"{ours:.2f} s against {theirs:.1f} s: {theirs / ours:.0f} times faster"
        print(f"{title}: {trades} trades of {len(names)} symbols; {times}")


def main() -> int:
    """Run the comparison and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("TRADECTL_HOME", "~/.tradectl")))
    parser.add_argument("--universe", default="nifty50")
    parser.add_argument("--speed", type=int, default=0, metavar="SYMBOLS", help="measure the time, with a sample of this size")
    words = parser.parse_args()
    market = bootstrap.open_store(load(home=str(words.home.expanduser())))
    names = [name for name in market.universe(words.universe) if market.history(name) is not None]
    if words.speed:
        speed(market, names, words.speed)
        return 0
    return 1 if compare(market, names) else 0


if __name__ == "__main__":
    secure()
    wait_for_reader()
    sys.exit(main())
