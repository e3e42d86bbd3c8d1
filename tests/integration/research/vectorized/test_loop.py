"""The loop runs any rule: sessions, shares, corporate actions, fills and trades are its own work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np

from tests.support.world import SESSIONS, START, action, days, history
from tradectl.model.market import ActionKind, CorporateAction, Instrument
from tradectl.model.order import Side
from tradectl.research.vectorized.engine import VectorizedRun, run_rule
from tradectl.research.vectorized.loop import Fills, PositionArrays
from tradectl.research.vectorized.market import InstrumentData, MarketTables

DIWALI = date(2023, 11, 12)
"""A Sunday with Muhurat trading only."""


@dataclass
class Script:
    """Buys and sells by a script of rows; a quantity of 0 sells all that is free. Records its calls."""

    written: Mapping[int, Iterable[tuple[Side, int]]]
    lanes: int = 1
    traded: list[int] = field(default_factory=list)
    decided: list[tuple[int, int]] = field(default_factory=list)

    def trade(self, row: int, state: PositionArrays) -> Iterable[Fills]:
        self.traded.append(row)
        lane = np.arange(self.lanes)
        for side, quantity in self.written.get(row, ()):
            shares = np.full(self.lanes, quantity) if quantity else state.free(lane, self.day(row))
            yield Fills(side, lane, shares, np.full(self.lanes, 10_000 + row))

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        self.decided.append((row, following))

    def day(self, row: int) -> int:
        return days(row + 1)[row].toordinal()


def market(dates: list[date], actions: tuple[CorporateAction, ...] = ()) -> MarketTables:
    instrument = Instrument("MADE", "MADE", "EQ", "INE000A01010", 5)
    bars = history([(10_000, 10_100, 9_900, 10_000)] * len(dates), dates)
    return MarketTables.of([InstrumentData(bars, lambda _: instrument, actions)], SESSIONS)


def run(script: Script, dates: list[date], actions: tuple[CorporateAction, ...] = ()) -> VectorizedRun:
    return run_rule(market(dates, actions), script, first=dates[0], last=dates[-1])


def test_a_rule_is_called_each_session_and_decides_for_the_next() -> None:
    dates = days(7, date(2023, 11, 9))
    assert DIWALI in dates
    script = Script({})
    run(script, dates)
    without = [row for row, day in enumerate(dates) if day != DIWALI]
    assert script.traded == without
    following = [dates[row].toordinal() for row in without[1:]]
    assert script.decided == list(zip(without[:-1], following, strict=True))


def test_what_a_rule_trades_is_folded_with_charges() -> None:
    script = Script({1: [(Side.BUY, 10)], 2: [(Side.BUY, 5)], 4: [(Side.SELL, 0)]})
    trades = run(script, days(6)).trades
    assert trades.quantity.tolist() == [10, 5] or trades.quantity.tolist() == [5, 10]
    assert sorted(trades.entry_price.tolist()) == [10_001, 10_002]
    assert trades.exit_price.tolist() == [10_004, 10_004]
    assert (trades.charges > 0).all()


def test_what_is_sold_is_forgotten_and_a_later_buy_begins_anew() -> None:
    seen = []

    class Watching(Script):
        def trade(self, row: int, state: PositionArrays) -> Iterable[Fills]:
            seen.append((int(state.quantity[0]), int(state.buys[0]), int(state.traded[0])))
            return super().trade(row, state)

    script = Watching({0: [(Side.BUY, 10)], 1: [(Side.SELL, 4)], 2: [(Side.SELL, 0)], 4: [(Side.BUY, 3)]})
    found = run(script, days(6))
    assert seen == [(0, 0, -1), (10, 1, 0), (6, 1, 1), (0, 0, 2), (0, 0, 2), (3, 1, 4)]
    assert found.held[0, 0].quantity == 3


def test_shares_sold_and_bought_again_in_a_session_are_one() -> None:
    script = Script({0: [(Side.BUY, 10)], 2: [(Side.SELL, 0), (Side.BUY, 4)], 3: [(Side.SELL, 0)]})
    found = run(script, days(5))
    assert sorted(found.trades.quantity.tolist()) == [4, 10]
    assert not found.held


def test_a_split_multiplies_shares_that_are_not_free_at_once() -> None:
    dates = days(8)
    split = action(ActionKind.SPLIT, dates[3], ratio=Fraction(2))
    script = Script({1: [(Side.BUY, 10)], 3: [(Side.SELL, 0)], 6: [(Side.SELL, 0)]})
    trades = run(script, dates, (split,)).trades
    assert trades.quantity.tolist() == [10, 10]
    assert trades.exit_session.tolist() == [dates[3].toordinal(), dates[6].toordinal()]
    assert trades.entry_quantity.tolist() == [5, 5]
    assert dates[0] == START
