"""Trades as columns have the figures of the trades, and equal bytes in any order."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta

import numpy as np
import pytest
from msgspec.structs import asdict

from tradectl.backtest.metrics import statistics
from tradectl.model.position import Trade
from tradectl.research.closed_trades import ClosedTrades

START = date(2024, 1, 1)


def trade(entry: int, exit_: int, net: int, *, cost: int = 100_000, charges: int = 300) -> Trade:
    first, last = START + timedelta(days=entry), START + timedelta(days=exit_)
    gross = net + charges
    return Trade("MADE", first, last, 10, 10, cost // 10, (cost + gross) // 10, gross, charges, net)


def random_trades(seed: int, count: int = 40) -> dict[int, list[Trade]]:
    draw = np.random.default_rng(seed)
    found: dict[int, list[Trade]] = {}
    for _ in range(count):
        begin = int(draw.integers(300))
        one = trade(
            begin, begin + int(draw.integers(20)), int(draw.integers(-900, 1000)) * 10, charges=int(draw.integers(50)) * 10
        )
        found.setdefault(int(draw.integers(4)), []).append(one)
    return found


def as_lists(closed: ClosedTrades) -> list[list[int]]:
    return [getattr(closed, item.name).tolist() for item in fields(closed)]


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_the_trades(seed: int) -> None:
    trades = random_trades(seed)
    expected = statistics([one for those in trades.values() for one in those])
    assert asdict(ClosedTrades.of_trades(trades).statistics()) == pytest.approx(asdict(expected))


def test_no_trade_has_the_figures_of_none() -> None:
    assert ClosedTrades.of_trades({}).statistics() == statistics([])


def test_the_order_in_which_trades_came_leaves_no_mark() -> None:
    trades = random_trades(3)
    turned = {number: those[::-1] for number, those in reversed(trades.items())}
    assert ClosedTrades.of_trades(trades).packed() == ClosedTrades.of_trades(turned).packed()


def test_what_is_packed_comes_back() -> None:
    for closed in (ClosedTrades.of_trades(random_trades(1)), ClosedTrades.of_trades({})):
        assert as_lists(ClosedTrades.unpacked(closed.packed())) == as_lists(closed)


def test_parts_put_together_are_the_whole() -> None:
    trades = random_trades(2)
    parts = [ClosedTrades.of_trades({number: those}) for number, those in trades.items()]
    assert as_lists(sum(parts, ClosedTrades.of_trades({}))) == as_lists(ClosedTrades.of_trades(trades))


def test_a_trade_belongs_to_the_span_of_its_entry() -> None:
    closed = ClosedTrades.of_trades({0: [trade(1, 3, 10), trade(5, 12, 20), trade(9, 10, 40), trade(11, 13, 80)]})
    first, last = START + timedelta(days=5), START + timedelta(days=10)
    assert sorted(closed.between(first, last).net.tolist()) == [20, 40]
    assert closed.between(first, last, closed_by=last).net.tolist() == [40]


def test_results_fall_on_the_session_of_the_exit() -> None:
    closed = ClosedTrades.of_trades({0: [trade(1, 3, 10), trade(2, 3, 20)], 1: [trade(0, 0, 5)]})
    sessions = np.array([START.toordinal() + day for day in range(5)])
    assert closed.by_session(sessions).tolist() == [5, 0, 0, 30, 0]


def test_trades_that_meet_are_one_position() -> None:
    together = [trade(1, 6, 10), trade(4, 6, 20), trade(6, 9, 40)]
    closed = ClosedTrades.of_trades({0: [*together, trade(10, 12, 80)], 1: [trade(5, 7, 160)]})
    found = closed.positions()
    rows = zip(found.instrument, found.entry - START.toordinal(), found.exit - START.toordinal(), found.net, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [(1, 5, 7, 160), (0, 1, 9, 70), (0, 10, 12, 80)]
    assert found.cost.sum() == closed.cost.sum()
    assert len(ClosedTrades.of_trades({}).positions()) == 0
