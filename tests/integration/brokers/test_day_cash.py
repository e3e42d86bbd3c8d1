"""The cash of a day's trades, of a list that a broker may tell twice."""

from __future__ import annotations

from datetime import date

from tests.support.brokers.exchange import ist
from tradectl.brokers.account.day_cash import cash_flow
from tradectl.exchange.rates import ZERODHA
from tradectl.model.order import Side, TradeReport

DAY = date(2023, 7, 14)
BUY = TradeReport("1", "A", "ACME", Side.BUY, 10, 100_00, ist(DAY, "10:00"))
SELL = TradeReport("2", "B", "ACME", Side.SELL, 10, 110_00, ist(DAY, "11:00"))


def test_a_trade_that_is_reported_twice_counts_once() -> None:
    once = cash_flow([BUY, SELL], DAY, ZERODHA)
    assert cash_flow([BUY, SELL, BUY, SELL, SELL], DAY, ZERODHA) == once
    assert 90_00 < once < 100_00  # the gain of Rs 100 less charges


def test_a_trade_of_another_day_counts_nothing() -> None:
    assert cash_flow([BUY], date(2023, 7, 17), ZERODHA) == 0
