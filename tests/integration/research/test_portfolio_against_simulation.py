"""`backtest --portfolio` and `simulate` of the same universe, span, capital and limits make the same trades, cash and equity.

The spans are weeks in which the limits apply. The deepest fall depends on every session's equity, so it compares them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from tests.integration.research.test_backtest_against_simulation import in_order
from tests.integration.research.world import EAGER, simulated
from tradectl.backtest.context import Span
from tradectl.backtest.metrics import max_drawdown
from tradectl.backtest.portfolio import Portfolio
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.money import to_rupees
from tradectl.report.simulation import trade_row
from tradectl.research.backtests import candidates_of
from tradectl.strategy.parameters import Parameters, with_changes


@dataclass(frozen=True)
class Case:
    """`trades`: the least closed trades, without which the case tests nothing. `capital` in paise."""

    universe: str | Sequence[str]
    span: Span
    capital: int
    trades: int
    changes: Mapping[str, str] = field(default_factory=dict)


BANKS = ("HDFCBANK", "ICICIBANK", "KOTAKBANK", "AXISBANK", "SBIN", "INDUSINDBK")
LIMITS = {"max_positions": "3", "max_buy_orders": "4", "daily_loss_limit": "0.004", "max_symbol_multiple": "1.6"}
CASES = {
    "nifty50 with the money of a trade and a half": Case("nifty50", Span(date(2023, 1, 24), date(2023, 2, 6)), 150_000_00, 3),
    "every limit, over Muhurat, limits lowered at the open": Case(
        (*BANKS, "ITC", "TITAN", "RELIANCE", "DRREDDY"),
        Span(date(2024, 10, 29), date(2024, 11, 8)),
        260_000_00,
        4,
        EAGER | LIMITS | {"amo_adjust_reprice": "on"},
    ),
    "a Saturday that does not settle": Case(BANKS, Span(date(2024, 1, 17), date(2024, 1, 24)), 210_000_00, 3, EAGER),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_make_the_same_of_an_account(case: Case, tmp_path: Path, real_market: Path, sessions: SessionTable) -> None:
    run = simulated(
        tmp_path,
        real_market,
        case.span.first,
        case.span.last,
        universe=case.universe,
        capital=case.capital,
        changes=case.changes,
        every=25,
    )
    simulation = run.result()
    assert simulation["reconciled"], simulation["differences"]
    assert not simulation["troubles"]
    portfolio = lived(Store(real_market, sessions), case, dict(case.changes))
    results = portfolio.results()
    trades = [trade_row(trade) for done in results for trade in done.trades]
    assert in_order(simulation["trades"]) == in_order(trades)
    assert len(trades) >= case.trades
    end = portfolio.equity_curve[-1]
    assert (simulation["cash"], simulation["equity"]) == (to_rupees(end.cash), to_rupees(end.equity))
    equity = [case.capital, *(point.equity for point in portfolio.equity_curve)]
    assert simulation["max_drawdown"] == round(max_drawdown(equity), 6)
    held = {item.symbol: item.quantity for item in run.world.ledger.book.snapshot().positions}
    names = [item.context.instrument(case.span.last).symbol for item in portfolio.candidates]
    assert held == {name: done.folded.quantity for name, done in zip(names, results, strict=True) if done.folded.quantity}


def lived(store: Store, case: Case, changes: dict[str, str]) -> Portfolio:
    name = case.universe if isinstance(case.universe, str) else ",".join(case.universe)
    parameters = with_changes(Parameters(), changes)
    portfolio = Portfolio(candidates_of(store, parameters, store.universe(name), case.span), case.span, case.capital)
    portfolio.run()
    return portfolio
