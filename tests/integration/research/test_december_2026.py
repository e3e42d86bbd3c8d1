"""The month in which the hours of the closing auction change, on invented bars: three engines make the same trades, to the
paisa.
"""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from tests.integration.research.test_backtest_against_simulation import Case as Alone
from tests.integration.research.test_backtest_against_simulation import backtested, in_order
from tests.integration.research.test_portfolio_against_simulation import Case, lived
from tests.integration.research.world import EAGER, simulated
from tradectl.backtest.context import Span
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import import_files
from tradectl.marketdata.store import Store
from tradectl.marketdata.synthetic import make_market
from tradectl.model.moment import at_ist
from tradectl.model.money import to_rupees
from tradectl.report.simulation import trade_row

LAST = date(2026, 12, 31)
DECEMBER = Span(date(2026, 12, 1), date(2026, 12, 30))
AROUND = {
    "the first auctions": Span(date(2026, 7, 27), date(2026, 8, 14)),
    "a settlement holiday": Span(date(2026, 8, 20), date(2026, 9, 11)),
    "the auction at half past three": DECEMBER,
}


def invented(folder: Path, sessions: SessionTable, last: date) -> Path:
    """Return invented companies that dip and recover before `last`. Every other one has derivatives; 100 more have no bars."""
    make_market(folder / "market", sessions, last=last, symbols=12)
    store = Store(folder / "market", sessions)
    rows = [
        f"{name} LIMITED,{name},100,100\n" for name in [*store.universe("all")[::2], *(f"X{number}" for number in range(100))]
    ]
    for month, dated in (("JUL-26,AUG-26", "2026-07-01"), ("SEP-26,OCT-26", "2026-09-01"), ("DEC-26,JAN-27", "2026-11-25")):
        (folder / f"fo_mktlots_{dated}.csv").write_text(f"UNDERLYING,SYMBOL,{month}\n" + "".join(rows))
    archive = Archive(folder / "market")
    import_files(sorted(folder.glob("*.csv")), archive, sessions, at=at_ist(last, time(20)))
    archive.close()
    return folder / "market"


@pytest.mark.parametrize("span", AROUND.values(), ids=AROUND)
def test_a_simulated_account_is_the_portfolio_backtest(span: Span, tmp_path: Path, sessions: SessionTable) -> None:
    market = invented(tmp_path, sessions, sessions.next_session(span.last).date)
    case = Case("all", span, 300_000_00, 3, EAGER)
    run = simulated(tmp_path, market, span.first, span.last, universe="all", capital=case.capital, changes=EAGER, every=25)
    simulation = run.result()
    assert simulation["reconciled"], simulation["differences"]
    assert not simulation["troubles"]
    portfolio = lived(Store(market, sessions), case, dict(EAGER))
    trades = [trade_row(trade) for done in portfolio.results() for trade in done.trades]
    assert in_order(simulation["trades"]) == in_order(trades)
    assert len(trades) >= case.trades
    end = portfolio.equity_curve[-1]
    assert (simulation["cash"], simulation["equity"]) == (to_rupees(end.cash), to_rupees(end.equity))


def test_a_simulated_symbol_is_its_backtest(tmp_path: Path, sessions: SessionTable) -> None:
    market = invented(tmp_path, sessions, LAST)
    store = Store(market, sessions)
    symbols = store.universe("all")
    assert {store.instrument(name, date(2026, 12, 8)).closing_auction for name in symbols} == {True, False}
    span, money = (DECEMBER.first, DECEMBER.last), 10_000_000_000_00
    run = simulated(tmp_path, market, *span, universe=symbols, capital=money, changes=EAGER, limits=False, every=25)
    alone = backtested(store, Alone(symbols, DECEMBER.first, DECEMBER.last, EAGER))
    trades = [trade_row(trade) for done in alone.values() for trade in done.trades]
    assert in_order(run.result()["trades"]) == in_order(trades)
    assert len(trades) >= 3
