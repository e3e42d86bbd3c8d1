"""Positions as people look at them."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.report.conftest import DAY, NEXT, NOW, Rows
from tradectl.ledger.store import Ledger
from tradectl.report import positions


def test_an_open_position_has_its_average_and_last_finding(ledger: Ledger, rows: Rows):
    rows.position()
    rows.decision(task="position-monitor", slot="09:30", verdict="HOLD", rule="hold", reason="waits", inputs={"price": "99.00"})
    rows.decision(
        task="position-monitor",
        slot="10:30",
        verdict="EXIT",
        rule="rsi_exit",
        reason="RSI 51",
        inputs={},
        at=NOW + timedelta(hours=1),
    )
    [item] = positions.listing(ledger.database, "asha")
    assert (item["quantity"], item["cost"], item["average"]) == (10, "1000.00", "100.00")
    assert (item["monitor"]["slot"], item["monitor"]["verdict"], item["monitor"]["reason"]) == ("10:30", "EXIT", "RSI 51")


def test_a_word_about_an_earlier_position_is_not_repeated(ledger: Ledger, rows: Rows):
    rows.decision(task="position-monitor", verdict="EXIT", rule="rsi_exit")
    rows.position(opened_session=NEXT)
    [item] = positions.listing(ledger.database, "asha")
    assert item["monitor"] is None


def test_closed_positions_tell_what_they_earned_after_charges(ledger: Ledger, rows: Rows):
    rows.position(status="closed", quantity=0, cost=0, sold=10, realised=50_00, charges=20_01, closed_session=NEXT, closed_at=NOW)
    assert positions.listing(ledger.database, "asha") == []
    [item] = positions.listing(ledger.database, "asha", closed=True)
    assert (item["realised"], item["charges"], item["net"], item["average"]) == ("50.00", "20.01", "29.99", None)
    assert (item["opened_session"], item["closed_session"]) == (DAY.isoformat(), NEXT.isoformat())
