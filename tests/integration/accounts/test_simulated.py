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
from tradectl.accounts.profit_and_loss import BY, PURPOSE, SYMBOL, Span
from tradectl.accounts.trade_history import read_history
from tradectl.model.money import to_paise
from tradectl.report.pnl import profit_and_loss
from tradectl.runtime.simulate import Seed

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
    if by != PURPOSE:
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
