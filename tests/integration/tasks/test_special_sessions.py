"""Fills of Muhurat trading on Sunday 2026-11-08, a session in which no task runs."""

from __future__ import annotations

from datetime import date

from tests.support.brokers.exchange import quiet
from tests.support.trading import ist
from tradectl.accounts.profit_and_loss import Span
from tradectl.model.order import Side
from tradectl.report.pnl import profit_and_loss

FRIDAY, MUHURAT, MONDAY, TUESDAY = (date(2026, 11, day) for day in (6, 8, 9, 11))


def test_eod_counts_the_fills_of_muhurat_once(trading) -> None:
    """Ten shares are bought in Muhurat by an AMO of Friday, and four are sold there by hand."""
    market = trading(quiet("ACME", [FRIDAY, MUHURAT, MONDAY, TUESDAY]), at=ist(FRIDAY, "16:30"))
    market.buy(10, 10050, session=MONDAY)
    market.to(FRIDAY, "18:00")
    market.run("eod")
    market.to(MUHURAT, "18:30")
    market.broker.manual_trade("ACME", Side.SELL, 4, 10000)
    for day in (MONDAY, TUESDAY):
        market.to(day, "18:00")
        report = market.run("eod")
        if day == MONDAY:
            assert report.result["external_trades"] == 1
    fills = market.ledger.book.fills()
    assert [(fill.session_date, fill.side, fill.quantity) for fill in fills] == [(MUHURAT, "BUY", 10), (MUHURAT, "SELL", 4)]
    days = market.ledger.statistics.all()
    assert [(day.session_date, day.charges) for day in days] == [
        (FRIDAY, 0),
        (MONDAY, sum(fill.charges for fill in fills)),
        (TUESDAY, 0),
    ]
    assert days[1].realised == sum(trade.net for trade in market.ledger.book.folded(fills[0].position_id).trades)
    assert days[1].trades == 1
    for span in (Span(), Span(first=MONDAY), Span(last=MUHURAT), Span(first=MUHURAT, last=MONDAY)):
        assert profit_and_loss(market.world, "day", span)["differences"] == []


def test_eod_after_muhurat_writes_no_statistics_of_friday(trading) -> None:
    """On Sunday evening the cash is no longer that of Friday."""
    market = trading(quiet("ACME", [FRIDAY, MUHURAT, MONDAY]), at=ist(FRIDAY, "16:30"))
    market.buy(10, 10050, session=MONDAY)
    market.to(MUHURAT, "19:30")
    market.run("eod", session=FRIDAY, force=True)
    assert market.ledger.statistics.all() == []
