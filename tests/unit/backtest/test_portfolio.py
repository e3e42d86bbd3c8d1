"""One account on invented symbols. tests/integration/research compares the account with `simulate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.support.world import PARAMETERS, Candle, context, days, history, made_features
from tradectl.backtest.candidates import Candidate
from tradectl.backtest.context import Span
from tradectl.backtest.portfolio import Portfolio, undelivered
from tradectl.exchange.charges import buy_charges
from tradectl.model.order import Fill, Side
from tradectl.strategy.sizing import size

FLAT: Candle = (9_500, 9_550, 9_450, 9_500)
"""Below every target while the fast EMA is 100. A buy decided on it has the limit 9,545 and fills at the open."""
RISE: Candle = (9_500, 10_100, 9_500, 10_050)
"""Sold at T(low) = 9,900."""
LAKH = 100_000_00
"""Paise: the capital of one trade."""


def candidate(name: str, candles: Sequence[Candle], signals: Mapping[int, float], rsi: float = 25.0, **changes: Any) -> Candidate:
    """Return a symbol with signals on some bars, given by their scores."""
    bars = replace(history(candles, days(len(candles))), instrument_id=name)
    parameters = replace(PARAMETERS, **changes)
    found = context(bars, made_features(bars, rsi=dict.fromkeys(signals, rsi), ema_fast=100.0), parameters=parameters)
    entries = found.features.rsi < 30
    return Candidate(found, {bar: (1, -score, name) for bar, score in signals.items()}, entries)


def lived(candidates: Sequence[Candidate], capital: int, *, shuffle: Any = None) -> Portfolio:
    count = len(candidates[0].context.history)
    portfolio = Portfolio(candidates, Span(days(count)[0], days(count)[-1]), capital, shuffle)
    portfolio.run()
    return portfolio


def bought(portfolio: Portfolio) -> list[tuple[str, int, int]]:
    """Return symbol, session number and quantity of every buy, by session."""
    sessions = days(30)
    found = [
        (item.context.history.instrument_id, sessions.index(fill.session), fill.quantity)
        for item, run in zip(portfolio.candidates, portfolio.runs, strict=True)
        for fill in run.fills
        if fill.side is Side.BUY
    ]
    return sorted(found, key=lambda buy: buy[1])


def full(session: int) -> int:
    """Return the quantity of a buy with all its capital. The open is too near to the limit to change it."""
    return size(9_545, session=days(30)[session], parameters=PARAMETERS, average_turnover=10**11).quantity


def test_the_best_come_first_while_there_are_slots() -> None:
    symbols = [candidate(name, [FLAT] * 3, {0: score}, max_positions=2) for name, score in zip("ABC", (50, 70, 60), strict=True)]
    assert bought(lived(symbols, 10 * LAKH)) == [("B", 1, full(1)), ("C", 1, full(1))]


def test_another_order_takes_others() -> None:
    symbols = [candidate(name, [FLAT] * 3, {0: score}, max_positions=1) for name, score in zip("ABC", (50, 70, 60), strict=True)]
    assert bought(lived(symbols, 10 * LAKH, shuffle=lambda columns: columns.reverse())) == [("A", 1, full(1))]


def test_what_is_left_of_the_money_buys_less() -> None:
    portfolio = lived([candidate(name, [FLAT] * 3, {0: score}) for name, score in (("A", 60), ("B", 50))], LAKH + LAKH // 2)
    (_, _, first), (_, _, second) = bought(portfolio)
    assert first == full(1)
    left = LAKH + LAKH // 2 - full(1) * 9_545
    assert second * 9_545 < left < (second + 12) * 9_545
    spent = sum(quantity * 9_500 + buy_charges(days(2)[1], quantity, 9_500) for quantity in (first, second))
    assert portfolio.equity_curve[1].cash == portfolio.capital - spent
    assert portfolio.equity_curve[1].equity == portfolio.capital - sum(buy_charges(days(2)[1], n, 9_500) for n in (first, second))


def test_an_order_short_of_funds_waits_for_the_morning() -> None:
    """A is bought and sold on one session: its proceeds buy nothing on that evening, and everything on the next morning."""
    dips = (9_600, 10_100, 9_400, 10_050)
    symbols = [candidate("A", [FLAT, dips, FLAT, FLAT], {0: 60}), candidate("B", [FLAT] * 4, {1: 60})]
    portfolio = lived(symbols, LAKH)
    assert [name for name, _, _ in bought(portfolio)] == ["A", "B"]
    assert bought(portfolio)[1][1] == 2
    portfolio = Portfolio(symbols, Span(days(4)[0], days(4)[-1]), LAKH)
    portfolio.through(days(4)[1])
    assert [(buy.column, buy.sent) for buy in portfolio.buys] == [(1, False)]


@pytest.mark.parametrize(("setting", "value"), [("max_buy_orders", 1), ("max_positions", 1)])
def test_limits_count_orders_and_slots(setting: str, value: int) -> None:
    symbols = [candidate(name, [FLAT] * 3, {0: 60}, **{setting: value}) for name in "AB"]
    assert bought(lived(symbols, 10 * LAKH)) == [("A", 1, full(1))]


def test_a_day_that_lost_too_much_buys_nothing() -> None:
    falls = [FLAT, FLAT, (9_500, 9_500, 6_000, 6_000), (6_000, 6_000, 6_000, 6_000)]
    symbols = [candidate("A", falls, {0: 60}), candidate("B", [FLAT] * 4, {2: 60})]
    assert [name for name, _, _ in bought(lived(symbols, 3 * LAKH))] == ["A"]
    assert [name for name, _, _ in bought(lived(symbols, 30 * LAKH))] == ["A", "B"]


def test_a_position_is_bought_again_only_up_to_its_multiple() -> None:
    def twice(multiple: float) -> list[int]:
        symbol = candidate("A", [FLAT] * 5, {0: 60}, max_symbol_multiple=multiple)
        symbol.context.features.rsi[2] = 15.0
        return [session for _, session, _ in bought(lived([symbol], 10 * LAKH))]

    assert twice(3) == [1, 3]
    assert twice(1.5) == [1]


def test_undelivered_sales_take_the_days_own_then_the_oldest() -> None:
    def fill(side: Side, quantity: int) -> Fill:
        return Fill("f", "A", side, quantity, 100, date(2024, 1, 20), None, 1)  # type: ignore[arg-type]

    assert undelivered([fill(Side.SELL, 10)], 10, 0) == 0
    assert undelivered([fill(Side.SELL, 10)], 10, 4) == 400
    assert undelivered([fill(Side.BUY, 5), fill(Side.SELL, 8)], 10, 4) == 500
    assert undelivered([fill(Side.BUY, 5), fill(Side.SELL, 15)], 10, 4) == 900


def test_marks_are_of_run_sessions_and_begin_with_the_capital() -> None:
    portfolio = lived([candidate("A", [FLAT, FLAT, FLAT, RISE], {0: 60})], 2 * LAKH)
    assert [point.session for point in portfolio.equity_curve] == days(4)
    assert portfolio.equity_curve[0].equity == 2 * LAKH
    (result,) = portfolio.results()
    assert portfolio.equity_curve[-1].equity == 2 * LAKH + sum(trade.net for trade in result.trades)
