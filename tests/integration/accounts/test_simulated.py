"""Profit and loss of real sessions agrees to the paisa with `eod`, the ledger, and the exchange, which sums on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.research.world import EAGER, Run, simulated
from tradectl.accounts.charge_lines import LINES
from tradectl.accounts.periods import Length
from tradectl.accounts.profit_and_loss import BY, PURPOSE, STRATEGY, SYMBOL, Span
from tradectl.accounts.trade_history import read_history
from tradectl.model.money import to_paise
from tradectl.papers.account import read_account
from tradectl.papers.bridge import bridge_of
from tradectl.report.pnl import profit_and_loss
from tradectl.runtime.simulate import Seed
from tradectl.tax.rules import FinancialYear, Term
from tradectl.tax.year import tax_year

HELD = (Seed("MAXHEALTH", 100, date(2023, 9, 7)), Seed("POWERGRID", 100, date(2023, 9, 11)))
"""The next session pays a dividend, or a bonus of one for three: 33 shares, and cash for a third of one."""
SPANS: dict[str, tuple[date, date, Mapping[str, str], Sequence[Seed]]] = {
    "a dividend and a fraction of a share": (date(2023, 9, 7), date(2023, 9, 22), EAGER, HELD),
    "a year": (date(2022, 10, 3), date(2023, 9, 29), {}, ()),
}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] if name == "a year" else [], id=name) for name in SPANS]
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, real_market: Path) -> Run:
    first, last, changes, seeds = SPANS[request.param]
    folder = tmp_path_factory.mktemp("run")
    return simulated(folder, real_market, first, last, changes=changes, limits=not seeds, every=60, seeds=seeds)


def pnl(run: Run, by: str = "month", **span: Any) -> dict[str, Any]:
    return profit_and_loss(run.world, by, Span(**span))


def paise(row: Mapping[str, Any], name: str) -> int:
    return to_paise(row[name])


def test_every_session_agrees_with_its_daily_statistics(run: Run) -> None:
    """Realised, charges, dividends and trades of each session; and equity moves by what the report says it earned."""
    found, days = pnl(run, "day"), run.world.ledger.statistics.all()
    assert (found["differences"], found["sessions_compared"]) == ([], len(days))
    rows = {row["key"]: row for row in found["rows"]}
    equity = run.world.ledger.users.get(run.world.user).capital
    assert sum(day.trades for day in days) > 4
    for day in days:
        row = rows[str(day.session_date)]
        assert (paise(row, "net"), paise(row, "paid"), row["trades"]) == (day.realised, day.charges, day.trades)
        assert (paise(row, "dividends"), paise(row, "unrealised")) == (day.dividends, day.unrealised)
        moved = paise(row, "gross") - paise(row, "paid") + paise(row, "unrealised_change")
        equity += moved + paise(row, "dividends") + paise(row, "cash_in_lieu")
        assert equity == day.equity


def test_the_total_agrees_with_ledger_and_exchange(run: Run) -> None:
    statement, result, found = run.world.broker.statement(), run.result(), pnl(run)
    total = found["total"]
    assert paise(total, "cash_in_lieu") == statement.cash_in_lieu
    assert (total["net"], total["paid"], total["dividends"]) == (result["realised_pnl"], result["charges"], result["dividends"])
    assert paise(total, "paid") == statement.charges_total
    assert (paise(total, "gross"), paise(total, "dividends")) == (statement.realised, statement.dividends)
    assert to_paise(found["held_charges"]["after"]) == paise(total, "paid") - paise(total, "charges")
    positions = run.world.ledger.book.positions()
    assert paise(total, "paid") == sum(item.charges for item in positions)
    assert paise(total, "gross") + paise(total, "cash_in_lieu") == sum(item.realised for item in positions)


def test_the_funds_of_the_exchange_follow_from_the_report(run: Run) -> None:
    """Cash = capital + gross - charges + dividends + cash for fractions - the cost of what is held."""
    total = pnl(run)["total"]
    history, capital = read_history(run.world.ledger), run.world.ledger.users.get(run.world.user).capital
    cost = sum(item.lot.cost for item in history.lots) + history.spun_off
    moved = paise(total, "gross") - paise(total, "paid") + paise(total, "dividends") + paise(total, "cash_in_lieu")
    assert run.world.broker.funds().cash == run.world.ledger.book.cash() == capital + moved - cost


def test_the_tax_years_follow_from_the_report(run: Run, tmp_path: Path) -> None:
    """Speculative, short and long gains of the market's real actions: each line of the bridge, from both sides."""
    last = run.done.sessions[-1].date
    account = read_account(run.world, tmp_path, last)
    years = [tax_year(FinancialYear(start), account.tax) for start in (2022, 2023)]
    bridges = [bridge_of(run.world.ledger, year) for year in years]
    total = pnl(run)["total"]
    assert sum(line.net for line in bridges) == paise(total, "net")
    assert sum(line.not_deducted for line in bridges) == to_paise(total["charge_lines"]["stt"])
    assert sum(line.doubtful for line in bridges) == sum(
        to_paise(total["charge_lines"][name]) for name in ("dp", "ipft", "other")
    )
    assert sum(line.fractions for line in bridges) == paise(total, "cash_in_lieu")
    assert {(line.outside, line.law) for line in bridges} == {(0, 0)}
    held = sum(lot.cost for lot in account.tax.matched.lots)
    ours = sum(item.lot.cost for item in read_history(run.world.ledger).lots)
    assert sum(line.cost for line in bridges) == held - ours
    assert [line.gains for line in bridges] == [sum(bucket.gain for bucket in year.buckets) for year in years]
    assert not any(day.difference for day in account.tax.charges)
    assert sum(day.lines.total for day in account.tax.charges) == paise(total, "paid")


def test_the_paid_charges_of_a_day_are_those_of_the_exchange(run: Run) -> None:
    statement = run.world.broker.statement()
    for row in pnl(run, "day")["rows"]:
        theirs = sum(amount for (day, _), amount in statement.charges.items() if str(day) == row["key"])
        assert paise(row, "paid") == theirs
        assert sum(to_paise(row["paid_lines"][name]) for name in LINES) == theirs


@pytest.mark.parametrize("by", BY)
def test_every_grouping_has_the_same_total(run: Run, by: str) -> None:
    found, whole = pnl(run, by), pnl(run)["total"]
    for figure in ("gross", "charges", "net", "cost"):
        assert sum(paise(row, figure) for row in found["rows"]) == paise(whole, figure)
    for name in LINES:
        assert sum(to_paise(row["charge_lines"][name]) for row in found["rows"]) == to_paise(whole["charge_lines"][name])
    if by not in {PURPOSE, STRATEGY}:
        assert sum(paise(row, "paid") for row in found["rows"]) == paise(whole, "paid")
        assert sum(paise(row, "dividends") for row in found["rows"]) == paise(whole, "dividends")
    if by in set(Length):
        assert sum(paise(row, "unrealised_change") for row in found["rows"]) == paise(whole, "unrealised")


def test_symbols_are_worth_at_their_closes_what_eod_says(run: Run) -> None:
    found = pnl(run, SYMBOL)
    assert sum(paise(row, "unrealised") for row in found["rows"]) == paise(found["total"], "unrealised")
    assert paise(found["total"], "unrealised") == run.world.ledger.statistics.all()[-1].unrealised


def test_two_spans_share_no_charge(run: Run) -> None:
    """Shares that are bought in the first and sold in the second carry the charges of their buy into the second."""
    entry, leave = next(
        (item.trade.entry_session, item.trade.exit_session)
        for item in read_history(run.world.ledger).trades
        if item.trade.exit_session > item.trade.entry_session
    )
    before, after, whole = pnl(run, last=entry), pnl(run, first=entry + timedelta(days=1)), pnl(run)
    assert leave > entry
    assert before["held_charges"]["after"] == after["held_charges"]["before"] != "0.00"
    for figure in ("net", "charges", "paid", "gross", "dividends"):
        assert paise(before["total"], figure) + paise(after["total"], figure) == paise(whole["total"], figure)
    moved = paise(before["total"], "unrealised_change") + paise(after["total"], "unrealised_change")
    assert moved == paise(whole["total"], "unrealised")


def test_the_short_span_has_what_it_is_for(run: Run) -> None:
    total = pnl(run)["total"]
    if run.done.sessions[0].date == HELD[0].session:
        assert (total["dividends"], paise(total, "cash_in_lieu") > 0, total["trades"] > 4) == ("100.00", True, True)
        tax = read_account(run.world, Path("nowhere"), run.done.sessions[-1].date).tax
        [fraction] = [item for item in tax.gains if not item.disposal.quantity]
        assert (fraction.gain, fraction.term) == (paise(total, "cash_in_lieu"), Term.SHORT)
        assert tax.speculative
