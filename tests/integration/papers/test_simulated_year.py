"""A simulated year: its tradebook is compared with its ledger, and its taxes add up to its fills."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.integration.research.world import EAGER, Run, simulated
from tests.unit.papers.disturbed import DISTURBANCES, rows_of, written
from tradectl.model.order import Side
from tradectl.papers.account import read_account
from tradectl.papers.account_trades import ledger_fills
from tradectl.papers.findings import Outcome, differing
from tradectl.papers.reconcile import Papers
from tradectl.tax.rules import FinancialYear, Treated
from tradectl.tax.year import tax_year

pytestmark = pytest.mark.slow
UNIVERSE = (
    "RELIANCE", "TCS", "INFY", "SBIN", "ITC", "HDFCBANK", "ICICIBANK", "LT", "MARUTI", "TITAN", "WIPRO", "CIPLA", "ONGC", "BPCL",
)  # fmt: skip
LAST = date(2023, 12, 31)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, real_market: Path) -> Run:
    folder = tmp_path_factory.mktemp("year")
    return simulated(folder, real_market, date(2023, 1, 1), LAST, universe=UNIVERSE, changes=EAGER, every=30)


def test_the_tradebook_of_a_year_shows_exactly_ten_disturbances(year: Run, tmp_path: Path) -> None:
    rows = rows_of(ledger_fills(year.world.ledger).trades)
    assert len(rows) >= 300
    papers = Papers(year.world, tmp_path, LAST)
    assert papers.report(written(tmp_path / "clean.csv", rows)).agrees
    for place, (disturb, _) in zip(range(7, 300, 29), DISTURBANCES, strict=False):
        disturb(rows, place)
    report = papers.report(written(tmp_path / "tradebook.csv", rows))
    found = [(str(item.outcome), tuple(part.field for part in item.differences)) for item in differing(report.findings)]
    assert sorted(found) == sorted(expected for _, expected in DISTURBANCES)


def test_the_charges_of_a_year_agree_line_by_line(year: Run, tmp_path: Path) -> None:
    account = read_account(year.world, tmp_path, LAST)
    names = ("brokerage", "stt", "transaction", "ipft", "sebi", "stamp", "gst", "dp")
    rows = [
        f"{day.session},{day.instrument},{name},{getattr(day.lines, name) / 100:.2f}"
        for day in account.tax.charges
        for name in names
    ]
    path = tmp_path / "note.csv"
    path.write_text("\n".join(["date,symbol,line,amount", *rows]), encoding="utf-8")
    papers = Papers(year.world, tmp_path, LAST)
    report = papers.report(path)
    assert [item for item in report.findings if item.outcome is not Outcome.EQUAL] == []
    assert papers.rates() == []


def test_the_taxes_of_a_year_add_up_to_its_fills(year: Run, tmp_path: Path) -> None:
    tax = read_account(year.world, tmp_path, LAST).tax
    fills = ledger_fills(year.world.ledger)
    bought = sum(trade.value for trade in fills.trades if trade.side is Side.BUY)
    sold = sum(trade.value for trade in fills.trades if trade.side is Side.SELL)
    gross = sum(item.proceeds - item.lot.cost for item in tax.matched.disposals)
    gross += sum(item.proceeds - item.cost for item in tax.matched.speculative)
    assert gross == sold - (bought - sum(lot.cost for lot in tax.matched.lots))
    charges = sum((lot.charges for lot in tax.matched.lots), Treated())
    for item in tax.matched.disposals:
        charges += item.lot.charges + item.charges
    for pair in tax.matched.speculative:
        charges += pair.buy_charges + pair.sale_charges
    assert charges.total == sum(fills.charges.values())
    years = [tax_year(FinancialYear(start), tax) for start in (2022, 2023)]
    assert sum(bucket.gain for found in years for bucket in found.buckets) == sum(
        gain.gain for gain in (*tax.gains, *tax.speculative)
    )
    held = {position.symbol: position.quantity for position in year.world.ledger.book.positions() if position.status == "open"}
    lots: dict[str, int] = {}
    for lot in tax.matched.lots:
        lots[lot.symbol] = lots.get(lot.symbol, 0) + lot.quantity
    assert lots == held
